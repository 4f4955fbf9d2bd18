"""Whatever the store does may be killed at any moment."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from boxwright.host import faults
from boxwright.image import docker_archive
from boxwright.image.oci_layout import Named
from boxwright.image.tree import open_tree
from boxwright.store import fsck, gc
from boxwright.store.cache_mounts import CacheKey
from boxwright.store.containers import ContainerRecord
from boxwright.store.ingest import ingest_image, ingest_tar
from boxwright.store.removal import remove_image
from boxwright.store.store import Store
from crash.crashing import crash_everywhere
from support.images import AMD64, MemoryLayer, add_container, add_image, add_layer, layer_tar, memory_image, ref

pytestmark = [
    pytest.mark.root,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def empty(root: Path) -> None:
    Store.open(root).close()


def nothing(root: Path) -> None:
    pass


def layers() -> list[MemoryLayer]:
    return [
        MemoryLayer(layer_tar({f"{name}/": b"", f"{name}/file": name.encode() * 900}), packing="gzip") for name in "ab"
    ]


def test_making_a_store(tmp_path: Path) -> None:
    assert crash_everywhere(tmp_path, lambda root: root.mkdir(), empty) >= 4


def test_committing_a_draft(tmp_path: Path) -> None:
    def commit(root: Path) -> None:
        with Store.open(root) as store:
            add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}))
            store.snapshots.make_durable()

    def verify(store: Store) -> None:
        assert store.images.find("web")

    assert crash_everywhere(tmp_path, empty, commit, verify=verify) >= 12


def test_bringing_an_image_in(tmp_path: Path) -> None:
    def bring(root: Path) -> None:
        with Store.open(root) as store:
            record = ingest_image(store, memory_image(*layers(), with_manifest=True))
            store.images.tag(ref("web"), record.id)

    def verify(store: Store) -> None:
        view = store.images.image(store.images.find("web"))
        assert view.manifest == memory_image(*layers(), with_manifest=True).manifest

    assert crash_everywhere(tmp_path, empty, bring, verify=verify) >= 20


def test_loading_an_archive(tmp_path: Path) -> None:
    sink = io.BytesIO()
    docker_archive.write([Named(memory_image(*layers()), (ref("web"),))], sink)
    archive = tmp_path / "archive.tar"
    archive.write_bytes(sink.getvalue())

    def load(root: Path) -> None:
        with Store.open(root) as store:
            tree = open_tree(archive, store.layout.ingest)
            for named in docker_archive.read_images(tree, AMD64):
                record = ingest_image(store, named.image)
                for name in named.refs:
                    store.images.tag(name, record.id)
            tree.close()

    crash_everywhere(tmp_path, empty, load)


def test_importing_a_root_file_system(tmp_path: Path) -> None:
    def load(root: Path) -> None:
        with Store.open(root) as store, store.leases.hold() as lease:
            snapshot = ingest_tar(store, lease, io.BytesIO(layer_tar({"file": b"1"})), epoch=0)
            store.steps.record("keeps it", snapshot.chain, document="{}")

    crash_everywhere(tmp_path, empty, load)


def one_image(root: Path) -> None:
    with Store.open(root) as store:
        record = ingest_image(store, memory_image(*layers(), with_manifest=True))
        for name in ("web:1", "web:2"):
            store.images.tag(ref(name), record.id)
        base = add_image(store, layers=({"c": b"3"},), intermediate=True)
        add_image(store, "built", layers=({"c": b"3"}, {"d": b"4"}), parent=base.id)
        store.snapshots.make_durable()


def test_tagging(tmp_path: Path) -> None:
    def tag(root: Path) -> None:
        with Store.open(root) as store:
            store.images.tag(ref("web:3"), store.images.find("web:1").id)
            store.images.tag(ref("web:2"), store.images.find("built").id)

    crash_everywhere(tmp_path, one_image, tag)


def test_removing_images(tmp_path: Path) -> None:
    def remove(root: Path) -> None:
        with Store.open(root) as store:
            for name in ("web:1", "web:2", "built"):
                if store.images.resolve(ref(name)) is not None:  # not removed before the kill
                    remove_image(store, name)

    def verify(store: Store) -> None:
        assert store.images.list(all=True) == []

    assert crash_everywhere(tmp_path, one_image, remove, verify=verify) >= 12


def test_making_and_removing_a_cache_mount(tmp_path: Path) -> None:
    key = CacheKey("id", mode=0o1777)

    def fill(data: Path) -> None:
        (data / "seed").write_text("1")

    def use(root: Path) -> None:
        with Store.open(root) as store:
            with store.cache_mounts.mounted(key, "locked", fill=fill) as data:
                (data / "file").write_text("2")
            store.cache_mounts.remove(key.name())
            with store.cache_mounts.mounted(key, "shared", fill=fill) as data:
                assert sorted(os.listdir(data)) == ["seed"]

    def verify(store: Store) -> None:
        assert [cache.key for cache in store.cache_mounts.list()] == [key]

    assert crash_everywhere(tmp_path, empty, use, verify=verify) >= 3


def test_pruning_everything(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        one_image(root)
        with Store.open(root) as store:
            for name in ("web:1", "web:2"):
                store.images.untag(ref(name))
            step = add_layer(store, None, {"e": b"5"})
            store.steps.record("key", step.chain, document="{}")
            lost = add_layer(store, None, {"f": b"6"})
            (store.layout.snapshots / "0123abcd").mkdir()
            (store.layout.snapshots / ".draft-00/fs").mkdir(parents=True)
            assert lost

    def prune(root: Path) -> None:
        with Store.open(root) as store:
            gc.prune_images(store)
            gc.prune_build_cache(store, all=True)

    def verify(store: Store) -> None:
        assert [name.familiar() for name, _ in store.images.tags()] == ["built:latest"]
        assert store.steps.list() == []

    assert crash_everywhere(tmp_path, prepare, prune, verify=verify) >= 12


def test_the_life_of_a_container(tmp_path: Path) -> None:
    def live(root: Path) -> None:
        with Store.open(root) as store:
            for container in store.containers.list():
                store.containers.remove(container.id)
            store.containers.add(ContainerRecord("ab" * 32, "box", None, "web", "", "created"))
            (store.containers.directory("ab" * 32) / "upper").mkdir()
            store.volumes.create("data")
            store.volumes.attach("data", "ab" * 32)
            store.containers.update("ab" * 32, state="running", pid=1)
            store.containers.remove("ab" * 32)
            store.volumes.remove("data")

    assert crash_everywhere(tmp_path, empty, live) >= 10


def test_repairing(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        one_image(root)
        with Store.open(root) as store:
            add_container(store, "box", store.images.find("built"))
            store.blobs.put(b"unused")
            (store.layout.snapshots / ".trash-00").mkdir()
            store.images.tag(ref("web:4"), store.images.find("web:1").id)

    def repair(root: Path) -> None:
        with Store.open(root) as store:
            fsck.check(store, repair=True)

    crash_everywhere(tmp_path, prepare, repair)


def test_recovering_after_a_boot(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        one_image(root)
        with Store.open(root) as store:
            add_image(store, "lost", layers=({"x": b"9"},))
            store.database.run("UPDATE meta SET value = 'an earlier boot' WHERE name = 'boot_id'")

    def verify(store: Store) -> None:
        assert store.images.resolve(ref("lost")) is None
        assert store.images.find("built")

    assert crash_everywhere(tmp_path, prepare, empty, verify=verify) >= 1


def test_the_switch_works_for_any_command(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from boxwright.store.store import Store\nStore.open(Path(sys.argv[1]))"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "root")]
    done = subprocess.run(argv, env={**os.environ, faults.VARIABLE: "2"}, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert b"killed at point 2: " in done.stderr
    assert subprocess.run(argv).returncode == 0

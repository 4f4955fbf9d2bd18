from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from boxwright.host.durable import replacing
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.store import fsck, gc, usage
from boxwright.store.cache_mounts import CacheKey
from boxwright.store.owner import Owner
from boxwright.store.store import Store
from support.images import add_container, add_image, add_layer


def test_collecting_takes_what_nothing_refers_to(store: Store, root: Path) -> None:
    lower = add_layer(store, None, {"a": b"1"})
    upper = add_layer(store, lower.chain, {"b": b"2"})
    blob = store.blobs.put(b"unused")
    reclaimed = gc.collect(store)
    assert set(reclaimed.snapshots) == {lower.chain, upper.chain}
    assert reclaimed.blobs == (blob,)
    assert reclaimed.bytes >= lower.usage + upper.usage + 6
    assert list((root / "snapshots").iterdir()) == []
    assert fsck.check(store) == []


def test_collecting_keeps_what_something_refers_to(store: Store) -> None:
    image = add_image(store, "image", layers=({"a": b"1"}, {"b": b"2"}))
    cached = add_layer(store, None, {"c": b"3"})
    store.steps.record("key", cached.chain, document="{}")
    contained = add_image(store, layers=({"d": b"4"},))
    add_container(store, "box", contained)
    store.database.run("DELETE FROM images WHERE id = ?", contained.id)
    leased = add_layer(store, None, {"e": b"5"})
    blob = store.blobs.put(b"leased")
    with store.leases.hold() as lease:
        lease.add("snapshot", leased.chain)
        lease.add("blob", blob, contained.id)
        assert gc.collect(store) == ((), (), 0)
        assert fsck.check(store, deep=True) == []
    assert set(gc.collect(store).blobs) == {blob, contained.id}
    assert store.images.find("image") == image
    assert fsck.check(store, deep=True) == []


def test_collecting_takes_what_killed_processes_left(store: Store, root: Path) -> None:
    for path in (
        "snapshots/.draft-0011/fs/file",
        "snapshots/.trash-0011/fs/file",
        "snapshots/0123abcd/fs/file",
        "containers/" + "f" * 64 + "/upper/file",
        "containers/.trash-00/file",
        "volumes/lost/data/file",
        "ingest/0011",
        "ingest/0022/unpacked/file",
        "content/.index.json.0011",
        "locks/layer-0011",
        "locks/step-0011",
        "locks/volume-data",
        "locks/container-" + "f" * 64,
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * 10_000)
    assert {finding.severity for finding in fsck.check(store)} == {"garbage"}
    assert gc.collect(store).bytes > 50_000
    assert fsck.check(store) == []
    assert not set(os.listdir(root / "locks")) - {"database", "content-index"}
    assert not (root / "ingest/0022").exists()
    assert not (root / "content/.index.json.0011").exists()


def test_collecting_leaves_alone_what_is_being_made(store: Store, root: Path) -> None:
    with (
        store.snapshots.draft() as draft,
        store.blobs.writer() as writer,
        store.scratch() as scratch,
        replacing(root / "content/oci-layout") as written,
        store.containers.lock("f" * 64),
    ):
        written.write((root / "content/oci-layout").read_bytes())
        (scratch / "file").write_text("content")
        (draft.fs / "file").write_text("content")
        writer.write(b"half")
        assert gc.collect(store) == ((), (), 0)
        assert fsck.check(store) == []
        writer.write(b"whole")
        writer.commit(Digest.of(b"halfwhole"))
        assert (draft.fs / "file").exists()
        assert (scratch / "file").exists()
    assert not scratch.exists()
    assert not list((root / "locks").glob("container-*"))


def test_a_container_can_be_locked_only_once(store: Store) -> None:
    with store.containers.lock_at_once("f" * 64) as first:
        assert first
        with store.containers.lock_at_once("f" * 64) as second:
            assert not second
    with store.containers.lock_at_once("f" * 64) as third:
        assert third


def test_a_lease_is_void_when_its_process_is_dead(store: Store, root: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from boxwright.store.store import Store\n"
        "from boxwright.oci.digest import Digest\n"
        "store = Store.open(Path(sys.argv[1])); lease = store.leases.hold()\n"
        "lease.add('blob', store.blobs.put(b'leased')); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, root], check=True)
    assert store.blobs.has(Digest.of(b"leased"))
    assert store.leases.held("blob") == set()
    gc.collect(store)
    assert not store.blobs.has(Digest.of(b"leased"))
    assert store.database.row("SELECT count(*) FROM leases") == (0,)


def test_a_lease_is_given_back(store: Store) -> None:
    with store.leases.hold() as lease:
        lease.add("image", Digest.of(b"a"))
        lease.add("image", Digest.of(b"a"))
        assert store.leases.held("image") == {Digest.of(b"a")}
    assert store.leases.held("image") == set()


def test_a_process_number_used_again_is_another_process() -> None:
    me = Owner.current()
    assert me.is_alive()
    assert me.pid == os.getpid()
    assert not me._replace(started="1").is_alive()
    assert not me._replace(boot="another").is_alive()
    assert not me._replace(pid=2**22 + 1).is_alive()


# -- pruning images


def test_pruning_takes_images_without_a_tag(store: Store) -> None:
    tagged = add_image(store, "web", layers=({"a": b"1"},))
    dangling = add_image(store, layers=({"b": b"2"},))
    removal = gc.prune_images(store)
    assert store.images.list(all=True) == [tagged]
    assert dangling.id in removal.reclaimed.blobs
    assert fsck.check(store, deep=True) == []


def test_pruning_keeps_what_others_are_made_from_and_what_containers_use(store: Store) -> None:
    base = add_image(store, layers=({"a": b"1"},))
    top = add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}), parent=base.id)
    used = add_image(store, layers=({"c": b"3"},))
    add_container(store, "box", used)
    gc.prune_images(store)
    assert {record.id for record in store.images.list(all=True)} == {base.id, top.id, used.id}


def test_pruning_all_takes_every_image_that_no_container_uses(store: Store) -> None:
    used = add_image(store, "used", layers=({"a": b"1"},))
    add_container(store, "box", used)
    add_image(store, "one", "two", layers=({"b": b"2"},))
    base = add_image(store, layers=({"c": b"3"},), intermediate=True)
    add_image(store, "top", layers=({"c": b"3"}, {"d": b"4"}), parent=base.id)
    gc.prune_images(store, all=True)
    assert store.images.list(all=True) == [used]


def test_pruning_obeys_a_condition(store: Store) -> None:
    old = add_image(store, layers=({"a": b"1"},), created="2020-01-01T00:00:00Z")
    new = add_image(store, layers=({"b": b"2"},), created="2024-01-01T00:00:00Z")
    gc.prune_images(store, where=lambda record: record.created < "2022")
    assert store.images.list() == [new]
    assert store.images.get(old.id) is None


def test_pruning_spares_what_a_process_claims(store: Store) -> None:
    record = add_image(store)
    with store.leases.hold() as lease:
        lease.add("image", record.id)
        gc.prune_images(store)
    assert store.images.list() == [record]


# -- pruning the build cache


@pytest.fixture
def cached(store: Store) -> Store:
    image = add_image(store, "web", layers=({"a": b"1"},))
    store.steps.record("shared", image.chain, document="{}")
    assert image.chain is not None
    for number in range(3):
        private = add_layer(store, image.chain, {"file": b"%d" % number * 10_000})
        store.steps.record(f"private{number}", private.chain, document="{}")
        store.database.run("UPDATE steps SET last_used = ? WHERE key = ?", 1000 + number, f"private{number}")
    return store


def keys(store: Store) -> set[str]:
    return {step.key for step in store.steps.list()}


def test_pruning_the_cache_spares_steps_whose_layers_images_hold(cached: Store) -> None:
    forgotten, reclaimed = gc.prune_build_cache(cached)
    assert forgotten == 3
    assert len(reclaimed.snapshots) == 3
    assert keys(cached) == {"shared"}
    assert fsck.check(cached, deep=True) == []


def test_pruning_all_of_the_cache_spares_only_the_images(cached: Store) -> None:
    forgotten, reclaimed = gc.prune_build_cache(cached, all=True)
    assert (forgotten, len(reclaimed.snapshots)) == (4, 3)
    assert cached.images.find("web")


def test_pruning_spares_what_was_used_lately(cached: Store) -> None:
    cached.steps.touch(["private1"])
    assert gc.prune_build_cache(cached, unused_for=3600)[0] == 2
    assert keys(cached) == {"shared", "private1"}


def test_pruning_down_to_a_size_takes_the_least_recently_used_first(cached: Store) -> None:
    gc.shrink_build_cache(cached, 30_000)
    assert keys(cached) == {"shared", "private1", "private2"}
    assert gc.shrink_build_cache(cached, 10**9)[0] == 0


def test_cache_mounts_count_when_the_cache_is_to_shrink(cached: Store) -> None:
    def mount(id: str, used: int) -> int:
        with cached.cache_mounts.mounted(CacheKey(id), "shared") as data:
            (data / "file").write_bytes(b"x" * 50_000)
        name = CacheKey(id).name()
        os.utime(cached.layout.cache_mounts / name / "about.json", (used, used))
        return cached.cache_mounts.size(name)

    old, new = mount("old", 1001), mount("new", 5000)
    steps, mounts, reclaimed = gc.shrink_build_cache(cached, gc.cache_usage(cached) - 25_000)
    assert (steps, mounts) == (2, 1), "what was used before the mount, and the mount"
    assert reclaimed.bytes >= old
    assert {cache.key.id for cache in cached.cache_mounts.list()} == {"new"}
    with cached.cache_mounts.mounted(CacheKey("new"), "shared"):
        gc.shrink_build_cache(cached, 0)
    assert (gc.cache_usage(cached), keys(cached)) == (new, set()), "what a step has stays"
    assert fsck.check(cached, deep=True) == []


# -- measuring


def test_usage_counts_layers_once_and_knows_what_would_come_free(store: Store, root: Path) -> None:
    base = add_image(store, "base", layers=({"a": b"1"},))
    top = add_image(store, "top", layers=({"a": b"1"}, {"b": b"2"}))
    container = add_container(store, "box", base, state="running")
    upper = store.containers.directory(container.id) / "upper"
    upper.mkdir()
    (upper / "file").write_bytes(b"x" * 50_000)
    store.volumes.create("data")
    (store.volumes.path("data") / "file").write_bytes(b"x" * 20_000)
    private = add_layer(store, base.chain, {"c": b"3"})
    store.steps.record("key", private.chain, document="{}")
    store.steps.record("held", base.chain, document="{}")
    measured = usage.measure(store)
    by_id = {image.id: image for image in measured.images}
    assert (by_id[base.id].shared, by_id[base.id].containers) == (base.size, 1)
    assert (by_id[top.id].shared, by_id[top.id].containers) == (base.size, 0)
    assert measured.layers == top.size
    assert measured.layers_unused == top.size - base.size
    assert measured.cache == private.usage
    assert measured.containers[0].running
    assert measured.containers[0].size >= 50_000
    assert measured.volumes[0].size >= 20_000
    assert {(step.key, step.shared) for step in measured.steps} == {("key", False), ("held", True)}


def test_usage_counts_the_blobs_of_layers(store: Store) -> None:
    image = add_image(store, "web")
    assert image.chain is not None
    before = usage.measure(store).layers
    store.snapshots.set_blob(image.chain, Descriptor(media.OCI_LAYER, Digest.of(b"b"), 777))
    assert usage.measure(store).layers == before + 777

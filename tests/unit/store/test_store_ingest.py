from __future__ import annotations

import gzip
import io
import json
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from boxwright.errors import CancelledError, CorruptError, UnavailableError
from boxwright.image.image import Layer
from boxwright.layer.reader import MalformedTar
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.store import content_index, fsck, gc
from boxwright.store.ingest import LayerProgress, ingest_image, ingest_layers, ingest_tar
from boxwright.store.removal import remove_image
from boxwright.store.store import Store
from support.images import MemoryLayer, add_image, add_layer, layer_tar, memory_image, ref

pytestmark = pytest.mark.root


def a_layer(name: str, packing: str | None = "gzip") -> MemoryLayer:
    return MemoryLayer(layer_tar({name: name.encode() * 1000}), packing=packing)


@pytest.mark.parametrize("packing", ["gzip", "none", None])
def test_an_image_comes_in_and_is_the_same_going_out(store: Store, packing: str | None) -> None:
    image = memory_image(a_layer("a", packing), a_layer("b", packing), with_manifest=packing is not None)
    record = ingest_image(store, image)
    view = store.images.image(record)
    assert record.id == image.id
    assert view.config_bytes == image.config_bytes
    assert view.manifest == image.manifest
    for layer, original in zip(view.layers, image.layers, strict=True):
        with layer.open() as stream, original.open() as expected:
            assert stream.read() == expected.read()
        with layer.open_packed() as stream, original.open_packed() as expected:
            assert stream.read() == expected.read()
        assert (layer.diff_id, layer.size) == (original.diff_id, original.size)
    assert [path.read_bytes() for path in paths(store, record.chain, "b")] == [b"b" * 1000]
    assert fsck.check(store, deep=True) == []


def paths(store: Store, chain: object, name: str) -> list[Path]:
    stack = store.snapshots.stack(chain)
    return [path for snapshot in stack if (path := store.snapshots.path(snapshot) / name).exists()]


def test_what_came_in_is_durable(store: Store) -> None:
    ingest_image(store, memory_image(a_layer("a")))
    assert store.database.row("SELECT count(*) FROM snapshots WHERE NOT durable") == (0,)


def test_a_layer_without_a_blob_of_its_own_is_kept_as_a_plain_tar(store: Store) -> None:
    layer = a_layer("a", None)
    record = ingest_image(store, memory_image(layer))
    snapshot = store.snapshots.stack(record.chain)[0]
    assert snapshot.blob is not None
    assert (snapshot.blob.media_type, snapshot.blob.digest, snapshot.blob.size) == (
        media.OCI_LAYER,
        layer.diff_id,
        layer.size,
    )


def test_what_is_there_is_not_fetched_again(store: Store) -> None:
    lower, upper = a_layer("a"), a_layer("b")
    ingest_image(store, memory_image(lower))
    assert lower.opened == 1
    events: list[LayerProgress] = []
    ingest_image(store, memory_image(lower, upper), progress=events.append)
    assert (lower.opened, upper.opened) == (1, 1)
    assert {(event.layer, event.event) for event in events} == {
        (lower, "exists"),
        (upper, "fetching"),
        (upper, "complete"),
    }
    assert [event.done for event in events if event.event == "fetching"] == [len(upper.packed)]


def test_a_blob_that_a_dead_pull_left_is_used(store: Store) -> None:
    layer = a_layer("a")
    with store.blobs.writer() as writer:
        writer.write(layer.packed)
        writer.commit()
    ingest_image(store, memory_image(layer))
    assert layer.opened == 0
    assert fsck.check(store, deep=True) == []


def test_a_layer_made_here_is_used_on_other_parents(store: Store) -> None:
    here = add_layer(store, None, {"a": b"1"})
    from boxwright.store.stored import StoredLayer

    with StoredLayer(store.blobs, store.snapshots, here).open() as stream:
        same = MemoryLayer(stream.read())
    base = a_layer("base")
    ingest_image(store, memory_image(base, same))
    assert same.opened == 0
    assert len(store.snapshots.with_diff_id(here.diff_id)) == 2


def test_a_hard_link_to_a_file_of_the_layer_below_works(store: Store) -> None:
    from boxwright.layer.entry import Entry, Kind
    from boxwright.layer.writer import TarWriter

    pieces: list[bytes] = []
    writer = TarWriter(lambda data: pieces.append(bytes(data)))
    writer.add(Entry("link", Kind.HARDLINK, linkname="a"))
    writer.finish()
    upper = MemoryLayer(b"".join(pieces), packing="gzip")
    record = ingest_image(store, memory_image(a_layer("a"), upper))
    top = store.snapshots.stack(record.chain)[-1]
    assert (store.snapshots.path(top) / "link").read_bytes() == b"a" * 1000


class Lying(MemoryLayer):
    """A layer whose bytes are not what it says."""

    def __init__(self, name: str, bytes_instead: bytes, *, resize: bool = False) -> None:
        super().__init__(layer_tar({name: b"promised"}), packing="gzip")
        self.packed = bytes_instead
        if resize and self.descriptor is not None:
            self.descriptor = self.descriptor._replace(digest=Digest.of(self.packed), size=len(self.packed))


@pytest.mark.parametrize(
    "layer",
    [
        Lying("a", b"short"),
        Lying("a", b"x" * 100_000),
        Lying("a", gzip.compress(layer_tar({"a": b"something else"})), resize=True),
        Lying("a", gzip.compress(b"no tar at all" * 100), resize=True),
        Lying("a", gzip.compress(layer_tar({"a": b"1" * 10_000}))[:-20], resize=True),
        Lying("a", b"\x1f\x8b\x08 no gzip at all", resize=True),
    ],
    ids=["short", "long", "another layer", "no tar", "cut off", "no gzip"],
)
def test_a_layer_that_is_not_what_it_says_is_refused(store: Store, root: Path, layer: MemoryLayer) -> None:
    with pytest.raises(CorruptError):
        ingest_image(store, memory_image(a_layer("base"), layer))
    assert store.images.list(all=True) == []
    gc.collect(store)
    assert fsck.check(store, deep=True) == []
    assert list(store.blobs) == []
    assert list((root / "ingest").iterdir()) == []


class Failing(MemoryLayer):
    """A layer whose source breaks down after a while."""

    def open_packed(self) -> BinaryIO:
        class Stream(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() >= 100:
                    raise UnavailableError("the connection was lost")
                return super().read(100)

        return Stream(self.packed)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_first_failure_is_the_one_that_is_told(store: Store, position: int) -> None:
    layers: list[MemoryLayer] = [a_layer(str(number)) for number in range(3)]
    layers[position] = Failing(layer_tar({"failing": b"1" * 10_000}), packing="none")
    with pytest.raises(UnavailableError, match="the connection was lost"):
        ingest_image(store, memory_image(*layers))
    ingest_image(store, memory_image(*(a_layer(str(number)) for number in range(3))))


def test_an_interrupt_ends_it(store: Store) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        ingest_image(store, memory_image(a_layer("a")), cancelled=cancelled)
    assert store.images.list(all=True) == []


def test_the_same_image_may_come_in_twice_at_once(root: Path) -> None:
    layers = [a_layer(str(number)) for number in range(6)]
    errors: list[BaseException] = []

    def bring() -> None:
        try:
            with Store.open(root) as own:
                ingest_image(own, memory_image(*layers))
        except BaseException as error:
            errors.append(error)

    with Store.open(root):
        threads = [threading.Thread(target=bring) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert [layer.opened for layer in layers] == [1] * 6
    with Store.open(root) as store:
        assert fsck.check(store, deep=True) == []


def test_the_same_layer_several_times_in_one_stack(store: Store) -> None:
    same = a_layer("same")
    record = ingest_image(store, memory_image(same, same, same))
    assert len(store.snapshots.stack(record.chain)) == 3


def test_an_image_without_layers(store: Store) -> None:
    assert ingest_image(store, memory_image()).chain is None


def test_layers_alone_are_kept_by_the_lease(store: Store) -> None:
    layers: list[Layer] = [a_layer("a"), a_layer("b")]
    with store.leases.hold() as lease:
        snapshots = ingest_layers(store, lease, layers)
        assert gc.collect(store) == ((), (), 0)
    assert store.snapshots.stack(snapshots[-1].chain) == snapshots
    assert len(gc.collect(store).snapshots) == 2


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_a_root_file_system_becomes_a_layer_made_here(store: Store, pack: object) -> None:
    tar = layer_tar({"etc/": b"", "etc/hostname": b"box"})
    with store.leases.hold() as lease:
        snapshot = ingest_tar(store, lease, io.BytesIO(pack(tar)), epoch=0)
    assert snapshot.blob is None
    assert (store.snapshots.path(snapshot) / "etc/hostname").read_bytes() == b"box"
    assert fsck.check(store, deep=True)[0].code == "snapshot-unused"


def test_a_root_file_system_that_is_none_is_refused(store: Store) -> None:
    with store.leases.hold() as lease, pytest.raises(MalformedTar):
        ingest_tar(store, lease, io.BytesIO(b"nonsense" * 1000))
    assert gc.collect(store) == ((), (), 0)


# -- the layout that others can read


def names_in(root: Path) -> list[str]:
    index = json.loads((root / "content/index.json").read_text())
    return [entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "-") for entry in index["manifests"]]


def test_the_index_follows_the_images_that_have_a_manifest(store: Store, root: Path) -> None:
    record = ingest_image(store, memory_image(a_layer("a"), with_manifest=True))
    assert names_in(root) == ["-"]
    store.images.tag(ref("ada/web:1"), record.id)
    store.images.tag(ref("ada/web:2"), record.id)
    assert names_in(root) == ["ada/web:1", "ada/web:2"]
    built = add_image(store, "built")
    assert names_in(root) == ["ada/web:1", "ada/web:2"]
    store.images.tag(ref("ada/web:1"), built.id)
    assert names_in(root) == ["ada/web:2"]
    store.images.untag(ref("ada/web:2"))
    assert names_in(root) == ["-"]
    assert not content_index.refresh(store)
    assert fsck.check(store, deep=True) == []
    remove_image(store, record.id)
    assert names_in(root) == []
    assert fsck.check(store, deep=True) == []


def test_what_a_killed_writer_of_the_index_left_is_removed(store: Store, root: Path) -> None:
    (root / "content/.index.json.0011").write_text("half")
    gc.collect(store)
    assert sorted(path.name for path in (root / "content").iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_a_damaged_image_does_not_stop_others_from_getting_names(store: Store, root: Path) -> None:
    damaged = ingest_image(store, memory_image(a_layer("a"), with_manifest=True))
    other = ingest_image(store, memory_image(a_layer("b"), with_manifest=True))
    store.blobs.path(damaged.id).write_bytes(b"{}")
    store.images.tag(ref("web"), other.id)
    assert names_in(root) == ["web:latest"]

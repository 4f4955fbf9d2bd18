from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from boxwright.store import fsck
from boxwright.store.cache_mounts import CacheKey
from boxwright.store.images import ImageRecord
from boxwright.store.ingest import ingest_image
from boxwright.store.layout import EMPTY_INDEX
from boxwright.store.store import Store
from support.images import MemoryLayer, add_container, add_image, layer_tar, memory_image, ref
from support.requirements import require_root


def found(store: Store, *, deep: bool = False) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in fsck.check(store, deep=deep)]


@pytest.fixture
def image(store: Store) -> ImageRecord:
    return add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}))


@pytest.fixture
def pulled(store: Store) -> ImageRecord:
    require_root()
    layer = MemoryLayer(layer_tar({"file": b"content"}), packing="gzip")
    record = ingest_image(store, memory_image(layer, with_manifest=True))
    store.images.tag(ref("pulled"), record.id)
    return record


def test_a_good_store_is_good(store: Store, image: ImageRecord, pulled: ImageRecord) -> None:
    add_container(store, "box", image)
    store.volumes.create("data")
    assert fsck.check(store, deep=True) == []


def test_a_missing_snapshot_directory(store: Store, image: ImageRecord) -> None:
    assert image.chain is not None
    shutil.rmtree(store.snapshots.path(store.snapshots.require(image.chain)))
    assert ("damage", "snapshot-missing") in found(store)
    fsck.check(store, repair=True)
    assert found(store, deep=True) == []
    assert store.images.list() == []
    assert len(store.snapshots.list()) == 0  # the lower one went with the image that it was for


def test_a_changed_file_in_a_layer_made_here(store: Store, image: ImageRecord) -> None:
    lowest = store.snapshots.stack(image.chain)[0]
    (store.snapshots.path(lowest) / "a").write_bytes(b"9")
    assert found(store) == []
    assert found(store, deep=True) == [("damage", "snapshot-changed")]
    fsck.check(store, deep=True, repair=True)
    assert found(store, deep=True) == []
    assert store.images.list() == []


def test_a_damaged_configuration(store: Store, image: ImageRecord) -> None:
    store.blobs.path(image.id).write_bytes(b"{}")
    assert found(store) == [("damage", "image")]
    assert ("damage", "blob-damaged") in found(store, deep=True)
    fsck.check(store, deep=True, repair=True)
    assert found(store, deep=True) == []
    assert store.images.list() == []


def test_a_missing_configuration(store: Store, image: ImageRecord) -> None:
    store.blobs.path(image.id).unlink()
    assert set(found(store)) == {("damage", "blob-missing"), ("damage", "image")}
    fsck.check(store, repair=True)
    assert found(store, deep=True) == []


def test_a_damaged_layer_blob_is_dropped_and_the_layer_stays(store: Store, pulled: ImageRecord) -> None:
    snapshot = store.snapshots.stack(pulled.chain)[0]
    assert snapshot.blob is not None
    path = store.blobs.path(snapshot.blob.digest)
    path.write_bytes(bytes(path.stat().st_size))
    assert found(store) == []
    assert found(store, deep=True) == [("damage", "blob-damaged")]
    fsck.check(store, deep=True, repair=True)
    assert store.snapshots.require(snapshot.chain).blob is None
    assert store.images.image(store.images.find("pulled")).manifest is None
    assert found(store) == []


def test_a_blob_cut_short_is_noticed_without_reading_it(store: Store, pulled: ImageRecord) -> None:
    snapshot = store.snapshots.stack(pulled.chain)[0]
    assert snapshot.blob is not None
    os.truncate(store.blobs.path(snapshot.blob.digest), 3)
    assert found(store) == [("damage", "blob-size")]
    fsck.check(store, repair=True)
    assert found(store) == []


def test_an_image_whose_row_names_other_layers(store: Store, image: ImageRecord) -> None:
    lowest = store.snapshots.stack(image.chain)[0]
    store.database.run("UPDATE images SET chain = ?", lowest.chain)
    assert ("damage", "image") in found(store)
    fsck.check(store, repair=True)
    assert found(store, deep=True) == []


def test_a_snapshot_that_is_not_what_its_name_says(store: Store, image: ImageRecord) -> None:
    store.database.run("UPDATE snapshots SET diff_id = ? WHERE parent IS NOT NULL", Digest.of(b"other"))
    assert ("damage", "snapshot-chain") in found(store)
    fsck.check(store, repair=True)
    assert found(store, deep=True) == []


def test_lost_directories_of_containers_and_volumes(store: Store, image: ImageRecord) -> None:
    container = add_container(store, "box", image)
    store.volumes.create("data")
    shutil.rmtree(store.containers.directory(container.id))
    shutil.rmtree(store.volumes.path("data"))
    assert set(found(store)) == {("damage", "container-missing"), ("damage", "volume-missing")}
    fsck.check(store, repair=True)
    assert found(store) == []
    assert store.containers.list() == []
    assert store.volumes.get("data") is not None


def test_a_cache_mount_that_is_none(store: Store) -> None:
    with store.cache_mounts.mounted(CacheKey("good"), "shared"):
        pass
    with store.cache_mounts.mounted(CacheKey("bad"), "shared") as data:
        (data.parent / "about.json").write_text("")
        assert ("damage", "cache-mount-damaged") in found(store)
        (data.parent / "about.json").write_text("{}")
    assert found(store) == [("damage", "cache-mount-damaged")]
    fsck.check(store, repair=True)
    assert found(store) == []
    assert [cache.key.id for cache in store.cache_mounts.list()] == ["good"]


def test_garbage_is_told_from_damage(store: Store, root: Path) -> None:
    (root / "snapshots/0123abcd/fs").mkdir(parents=True)
    (root / "snapshots/.draft-00").mkdir()
    store.blobs.put(b"unused")
    assert set(found(store)) == {("garbage", "orphan"), ("garbage", "abandoned"), ("garbage", "blob-unused")}
    findings = fsck.check(store, repair=True)
    assert {finding.object for finding in findings} == {
        "snapshots/0123abcd",
        "snapshots/.draft-00",
        Digest.of(b"unused"),
    }
    assert found(store) == []


def test_an_index_that_lags_behind_is_stale(store: Store, pulled: ImageRecord, root: Path) -> None:
    store.images.tag(ref("another"), pulled.id)
    (root / "content/index.json").write_bytes(EMPTY_INDEX)
    assert found(store) == [("stale", "index")]
    fsck.check(store, repair=True)
    assert found(store) == []
    assert b"docker.io/library/another:latest" in (root / "content/index.json").read_bytes()


def test_the_files_of_the_layout_are_written_again(store: Store, root: Path) -> None:
    (root / "content/oci-layout").unlink()
    (root / "content/index.json").unlink()
    assert set(found(store)) == {("stale", "oci-layout"), ("stale", "index")}
    fsck.check(store, repair=True)
    assert found(store) == []

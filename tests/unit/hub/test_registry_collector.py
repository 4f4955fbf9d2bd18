"""What a collection may take away beside a push, step by step."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.memory import MemoryMetadata
from boxwright.hub.db.metadata import BlobCondemned
from boxwright.hub.registry.collector import Collected, Collector
from boxwright.hub.storage.claims import claim, destroy
from boxwright.hub.storage.memory import MemoryBlobStorage
from boxwright.oci.digest import Digest
from support.registry_kit import Registry, SmallImage, digest_of, run

DATA = b"bytes that come and go"


def collector_of(registry: Registry, delay: float) -> Collector:
    made = registry.application.collector
    return Collector(made._storage, made._metadata, delay)


def test_a_blob_committed_a_moment_ago_is_no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector comes between the bytes and the row that names them, and the digest is garbage of long ago."""

    async def scenario(registry: Registry) -> None:
        digest = await registry.push_blob("a", DATA)
        assert (await registry("DELETE", f"/v2/a/blobs/{digest}")).status == 202
        time.sleep(1.1)
        commit = MemoryBlobStorage.commit

        def commit_and_collect(storage: MemoryBlobStorage, key: str, digest: Digest) -> None:
            commit(storage, key, digest)
            assert collector_of(registry, 1.0).collect() == Collected(0, 0, 0)

        monkeypatch.setattr(MemoryBlobStorage, "commit", commit_and_collect)
        await registry.push_blob("a", DATA)
        assert (await registry("GET", f"/v2/a/blobs/{digest}")).body == DATA

    run(scenario)


def test_a_blob_that_was_looked_for_stays_for_the_manifest() -> None:
    async def scenario(registry: Registry) -> None:
        image = SmallImage.of(DATA)
        for data in image.blobs:
            await registry.push_blob("a", data)
        time.sleep(1.1)
        for data in image.blobs:
            assert (await registry("HEAD", f"/v2/a/blobs/{digest_of(data)}")).status == 200
        assert collector_of(registry, 1.0).collect() == Collected(0, 0, 0)
        await registry.push_manifest("a", "latest", image.manifest)

    run(scenario, gc_delay=4.0)


def test_a_release_comes_one_delay_before_the_destruction() -> None:
    async def scenario(registry: Registry) -> None:
        digest = await registry.push_blob("a", DATA)
        time.sleep(0.6)
        assert collector_of(registry, 0.5).collect() == Collected(1, 0, 0)
        assert (await registry("HEAD", f"/v2/a/blobs/{digest}")).status == 404
        assert collector_of(registry, 0.5).collect() == Collected(0, 0, 0)
        time.sleep(0.6)
        assert collector_of(registry, 0.5).collect() == Collected(0, 1, len(DATA))
        assert collector_of(registry, 0.0).collect() == Collected(0, 0, 0)

    run(scenario)


# -- garbage that is being destroyed


def garbage_of(data: bytes) -> tuple[MemoryBlobStorage, MemoryMetadata, Digest]:
    """Return a storage in which `data` lies, and a database for which it is garbage."""
    storage, metadata, digest = MemoryBlobStorage(), MemoryMetadata(), Digest.of(data)
    metadata.claim_blob(digest, len(data))
    storage.begin("key").append([data])
    storage.commit("key", digest)
    return storage, metadata, digest


def test_a_push_of_what_is_being_destroyed_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, metadata, digest = garbage_of(DATA)
    deleting, go_on = threading.Event(), threading.Event()

    def delete_slowly(storage: MemoryBlobStorage, digest: Digest) -> None:
        deleting.set()
        assert go_on.wait(60)
        delete(storage, digest)

    delete = MemoryBlobStorage.delete
    monkeypatch.setattr(MemoryBlobStorage, "delete", delete_slowly)
    with ThreadPoolExecutor(2) as pool:
        destroying = pool.submit(destroy, storage, metadata, [digest], 4e9)
        assert deleting.wait(60)
        other = Digest.of(b"something else")
        claim(storage, metadata, other, 14, patience=0)  # nobody else waits
        with pytest.raises(BlobCondemned):
            claim(storage, metadata, digest, len(DATA), patience=0)
        claiming = pool.submit(claim, storage, metadata, digest, len(DATA))
        go_on.set()
        claiming.result()
        assert destroying.result() == [digest]
    assert storage.size(digest) is None


@pytest.mark.parametrize("end", ["forget_condemned", "spare_condemned"])
def test_an_upload_waits_until_garbage_of_its_content_is_gone(end: str) -> None:
    async def scenario(registry: Registry) -> None:
        metadata = registry.application.collector._metadata
        digest, collector = Digest.of(DATA), new_holder()
        metadata.claim_blob(digest, len(DATA))
        assert metadata.condemn_blobs([digest], 4e9, collector, 3600) == [digest]
        pushing = asyncio.create_task(registry.push_blob("a", DATA))
        await registry.push_blob("a", b"something else")  # nobody else waits
        await asyncio.sleep(0.3)
        assert not pushing.done()
        getattr(metadata, end)([digest], collector)
        await pushing
        assert (await registry("GET", f"/v2/a/blobs/{digest}")).body == DATA

    run(scenario)


def test_a_push_ends_what_a_dead_collector_began() -> None:
    storage, metadata, digest = garbage_of(DATA)
    assert metadata.condemn_blobs([digest], 4e9, new_holder(), 0.0) == [digest]
    claim(storage, metadata, digest, len(DATA), patience=0)
    assert storage.size(digest) is None
    metadata.add_blob("a", digest, len(DATA))


def test_a_storage_that_fails_leaves_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, metadata, digest = garbage_of(DATA)

    def fail(storage: MemoryBlobStorage, digest: Digest) -> None:
        raise OSError("no such disk")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryBlobStorage, "delete", fail)
        with pytest.raises(OSError, match="no such disk"):
            destroy(storage, metadata, [digest], 4e9)
    metadata.claim_blob(digest, len(DATA))
    assert destroy(storage, metadata, [digest], 4e9) == [digest]
    assert storage.size(digest) is None

"""What a collection may take away beside a push, step by step."""

from __future__ import annotations

import time

import pytest

from boxwright.hub.registry.collector import Collected, Collector
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

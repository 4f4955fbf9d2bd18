"""What is remembered of layers outside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.oci import media
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor
from boxwright.store.packed import PackedLayers
from boxwright.store.store import Store

_PACKED = Descriptor(media.OCI_LAYER_GZIP, Digest.of(b"packed"), 6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def _layer(store: Store, content: bytes, blob: Descriptor | None = None) -> DiffID:
    diff_id = DiffID(Digest.of(content))
    with store.snapshots.draft() as draft:
        draft.commit(None, diff_id, len(content), blob)
    return diff_id


def test_a_layer_is_remembered_as_it_left_last(store: Store) -> None:
    packed = PackedLayers(store.database)
    diff_id = _layer(store, b"a")
    assert packed.get(diff_id) is None
    packed.put(diff_id, _PACKED)
    assert packed.get(diff_id) == _PACKED
    packed.put(diff_id, _PACKED._replace(size=7))
    assert packed.get(diff_id) == _PACKED._replace(size=7)


def test_a_layer_that_is_gone_is_forgotten_when_another_is_remembered(store: Store) -> None:
    packed = PackedLayers(store.database)
    gone = DiffID(Digest.of(b"gone"))
    packed.put(gone, _PACKED)
    packed.put(_layer(store, b"a"), _PACKED)
    assert packed.get(gone) is None


def test_origins_are_those_of_one_registry_the_latest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PackedLayers(store.database)
    _layer(store, b"a", _PACKED)
    clock = iter(range(10**15, 10**18, 10**9))
    monkeypatch.setattr("time.time_ns", lambda: next(clock))
    for repository in ("h:5000/a", "h:5000/b", "h:50/c", "h:5000/a"):
        packed.add_origin(repository, _PACKED.digest)
    assert packed.origins(_PACKED.digest, "h:5000") == ["h:5000/a", "h:5000/b"]
    assert packed.origins(_PACKED.digest, "other") == []


def test_origins_of_blobs_that_nobody_has_are_forgotten(store: Store) -> None:
    packed = PackedLayers(store.database)
    _layer(store, b"a", _PACKED)
    unknown = Digest.of(b"unknown")
    packed.add_origin("h/a", unknown, _PACKED.digest)
    packed.add_origin("h/b", _PACKED.digest)
    assert packed.origins(unknown, "h") == []
    assert sorted(packed.origins(_PACKED.digest, "h")) == ["h/a", "h/b"]

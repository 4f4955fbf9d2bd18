"""Blobs that came in part: taken up once, dropped when they are wrong or old."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from boxwright.store import fsck, gc, partial
from boxwright.store.blobs import BlobMismatch
from boxwright.store.store import Store

_CONTENT = random.Random(1).randbytes(3 << 20)
_DIGEST = Digest.of(_CONTENT)


def _left(store: Store, content: bytes) -> None:
    with store.blobs.resumed_writer(_DIGEST) as writer:
        writer.write(content)
        writer.leave()


def _files(store: Store) -> list[str]:
    return os.listdir(store.layout.ingest)


def test_the_next_writer_goes_on(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _left(store, _CONTENT[: 2 << 20])
        with store.blobs.resumed_writer(_DIGEST) as writer:
            assert writer.position == 2 << 20
            writer.write(_CONTENT[2 << 20 :])
            assert writer.commit(_DIGEST, len(_CONTENT)) == _DIGEST
        assert store.blobs.read(_DIGEST, 1 << 30) == _CONTENT
        assert _files(store) == []


def test_a_second_writer_begins_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _left(store, _CONTENT[: 2 << 20])
        with store.blobs.resumed_writer(_DIGEST) as one, store.blobs.resumed_writer(_DIGEST) as other:
            assert (one.position, other.position) == (2 << 20, 0)
            other.write(_CONTENT)
            other.commit(_DIGEST)
            one.write(_CONTENT[2 << 20 :])
            one.commit(_DIGEST)
        assert _files(store) == []


@pytest.mark.parametrize("content", [bytes(2 << 20), _CONTENT + b"more"])
def test_what_is_wrong_is_dropped_in_the_end(tmp_path: Path, content: bytes) -> None:
    with Store.open(tmp_path) as store:
        _left(store, content)
        with store.blobs.resumed_writer(_DIGEST) as writer:
            writer.write(_CONTENT[writer.position :])
            with pytest.raises(BlobMismatch):
                writer.commit(_DIGEST, len(_CONTENT))
        assert _files(store) == []
        assert not store.blobs.has(_DIGEST)


def test_little_is_not_kept(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _left(store, _CONTENT[:1000])
        with store.blobs.writer() as writer:
            writer.write(_CONTENT)
            writer.leave()
        assert _files(store) == []


def test_collection_spares_what_is_fresh(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _left(store, _CONTENT[: 2 << 20])
        gc.collect(store)
        assert fsck.check(store, deep=True) == []
        (name,) = _files(store)
        path = Path(store.layout.ingest) / name
        os.utime(path, (time.time(), time.time() - 2 * 24 * 3600))
        gc.collect(store)
        assert _files(store) == []
        # Of another boot, nobody believes it.
        stranger = path.with_name(name.replace(name.split("-")[1], "00000000"))
        stranger.write_bytes(b"x")
        gc.collect(store)
        assert _files(store) == []
        assert partial.path_of(store.layout.ingest, _DIGEST) == str(path)

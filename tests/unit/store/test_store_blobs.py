from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from boxwright.store.blobs import BlobMismatch, BlobNotFound, BlobTooLarge
from boxwright.store.store import Store


def test_a_blob_is_a_file_named_by_its_digest(store: Store, root: Path) -> None:
    digest = store.blobs.put(b"hello")
    assert (root / "content/blobs/sha256" / digest.hex).read_bytes() == b"hello"
    assert store.blobs.has(digest)
    assert store.blobs.size(digest) == 5
    assert list(store.blobs) == [digest]


def test_putting_twice_changes_nothing(store: Store) -> None:
    digest = store.blobs.put(b"hello")
    before = store.blobs.path(digest).stat().st_ino
    assert store.blobs.put(b"hello") == digest
    assert store.blobs.path(digest).stat().st_ino == before


def test_a_writer_commits_what_was_written(store: Store) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"hel")
        writer.write(memoryview(b"lo"))
        assert writer.position == 5
        assert not store.blobs.has(Digest.of(b"hello"))
        digest = writer.commit(Digest.of(b"hello"), 5)
    with store.blobs.open(digest) as stream:
        assert stream.read() == b"hello"


def test_what_is_written_may_be_read_before_it_is_a_blob(store: Store) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"hello")
        assert os.pread(writer.fileno(), 10, 1) == b"ello"


@pytest.mark.parametrize(
    ("expected", "size", "what"), [(Digest.of(b"other"), None, "digest"), (None, 4, "size")], ids=["digest", "size"]
)
def test_a_writer_refuses_what_was_not_promised(
    store: Store, root: Path, expected: Digest | None, size: int | None, what: str
) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"hello")
        with pytest.raises(BlobMismatch, match=f"does not match its {what}"):
            writer.commit(expected, size)
    assert list(store.blobs) == []
    assert list((root / "ingest").iterdir()) == []


def test_an_abandoned_writer_leaves_nothing(store: Store, root: Path) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"hello")
    assert list((root / "ingest").iterdir()) == []


def test_two_writers_of_the_same_content_both_succeed(store: Store) -> None:
    with store.blobs.writer() as first, store.blobs.writer() as second:
        first.write(b"same")
        second.write(b"same")
        assert first.commit() == second.commit()
    assert list(store.blobs) == [Digest.of(b"same")]


def test_sha512_is_an_algorithm_too(store: Store) -> None:
    expected = Digest("sha512:" + hashlib.sha512(b"hello").hexdigest())
    with store.blobs.writer("sha512") as writer:
        writer.write(b"hello")
        assert writer.commit(expected) == expected
    assert store.blobs.read(expected, 10) == b"hello"
    assert store.blobs.verify(expected) == 5


def test_a_missing_blob_is_named(store: Store) -> None:
    digest = Digest.of(b"never")
    for ask in (store.blobs.size, store.blobs.open, store.blobs.verify):
        with pytest.raises(BlobNotFound, match=digest.hex):
            ask(digest)
    with pytest.raises(BlobNotFound):
        store.blobs.read(digest, 10)
    assert store.blobs.delete(digest) == 0


def test_reading_is_bounded_and_verified(store: Store) -> None:
    digest = store.blobs.put(b"hello")
    with pytest.raises(BlobTooLarge, match="at most 4"):
        store.blobs.read(digest, 4)
    store.blobs.path(digest).write_bytes(b"jello")
    with pytest.raises(BlobMismatch):
        store.blobs.read(digest, 10)
    with pytest.raises(BlobMismatch):
        store.blobs.verify(digest)


def test_deleting_tells_what_came_free(store: Store, root: Path) -> None:
    digest = store.blobs.put(b"hello")
    assert store.blobs.delete(digest) == 5
    assert not store.blobs.has(digest)
    assert list((root / "ingest").iterdir()) == []


def test_other_files_beside_blobs_are_no_blobs(store: Store, root: Path) -> None:
    (root / "content/blobs/sha256/README").write_text("not mine")
    assert list(store.blobs) == []

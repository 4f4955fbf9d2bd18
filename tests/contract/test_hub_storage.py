"""One suite for every blob storage."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from boxwright.hub.storage.base import BlobMissing, BlobStorage, IncomingMissing
from boxwright.hub.storage.filesystem import FilesystemBlobStorage
from boxwright.hub.storage.location import open_storage, parse_location
from boxwright.hub.storage.memory import MemoryBlobStorage
from boxwright.oci.digest import Digest
from support.s3 import S3Server, s3_server

DATA = b"some bytes"
DIGEST = Digest.of(DATA)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "filesystem", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStorage]:
    make: dict[str, Callable[[], BlobStorage]] = {
        "memory": MemoryBlobStorage,
        "filesystem": lambda: FilesystemBlobStorage(tmp_path / "new" / "root"),
        "s3": lambda: open_storage(parse_location(request.getfixturevalue("s3").location())),
    }
    made = make[request.param]()
    yield made
    made.close()


def put(storage: BlobStorage, data: bytes = DATA, key: str = "k") -> Digest:
    incoming = storage.begin(key)
    incoming.append([data])
    incoming.close()
    digest = Digest.of(data)
    storage.commit(key, digest)
    return digest


def read(storage: BlobStorage, digest: Digest) -> bytes:
    with storage.open(digest) as stream:
        return stream.read()


def test_committed_bytes_are_a_blob(storage: BlobStorage) -> None:
    put(storage)
    assert read(storage, DIGEST) == DATA
    assert storage.size(DIGEST) == len(DATA)
    assert list(storage.incoming()) == []


def test_nothing_is_visible_before_the_commit(storage: BlobStorage) -> None:
    incoming = storage.begin("k")
    incoming.append([DATA])
    assert storage.size(DIGEST) is None
    with pytest.raises(BlobMissing) as raised:
        storage.open(DIGEST)
    assert raised.value.digest == DIGEST
    incoming.close()


def test_an_empty_blob_is_a_blob(storage: BlobStorage) -> None:
    digest = put(storage, b"")
    assert storage.size(digest) == 0
    assert read(storage, digest) == b""


def test_a_second_commit_of_the_same_content_succeeds(storage: BlobStorage) -> None:
    put(storage, key="one")
    put(storage, key="two")
    assert read(storage, DIGEST) == DATA
    assert list(storage.incoming()) == []


def test_commits_of_what_never_began_are_refused(storage: BlobStorage) -> None:
    with pytest.raises(IncomingMissing):
        storage.commit("k", DIGEST)
    put(storage)
    with pytest.raises(IncomingMissing):
        storage.commit("k", DIGEST)


def test_appends_are_in_order_and_can_be_read_back(storage: BlobStorage) -> None:
    incoming = storage.begin("k")
    incoming.append([b"a", b"bc"])
    incoming.append([])
    incoming.append([bytes([at % 256]) for at in range(3000)])
    assert incoming.size == 3003
    assert b"".join(incoming.read()) == b"abc" + bytes(at % 256 for at in range(3000))
    incoming.flush()
    incoming.close()
    incoming.close()


def test_an_upload_is_taken_up_where_it_ended(storage: BlobStorage) -> None:
    incoming = storage.begin("k")
    incoming.append([DATA[:4]])
    incoming.close()
    again = storage.resume("k")
    assert again.size == 4
    again.append([DATA[4:]])
    again.close()
    storage.commit("k", DIGEST)
    assert read(storage, DIGEST) == DATA


def test_a_key_is_begun_once(storage: BlobStorage) -> None:
    storage.begin("k").close()
    with pytest.raises(FileExistsError):
        storage.begin("k")


def test_aborting_drops_the_bytes_and_may_be_repeated(storage: BlobStorage) -> None:
    storage.begin("k").close()
    storage.abort("k")
    storage.abort("k")
    with pytest.raises(IncomingMissing):
        storage.resume("k")


def test_what_is_on_its_way_in_is_listed(storage: BlobStorage) -> None:
    incoming = storage.begin("k")
    incoming.append([DATA])
    incoming.close()
    storage.begin("l").close()
    states = {state.key: state for state in storage.incoming()}
    assert {key: state.size for key, state in states.items()} == {"k": len(DATA), "l": 0}
    assert all(state.changed > 1_600_000_000 for state in states.values())


def test_deleting_is_idempotent_and_never_gives_readers_wrong_bytes(storage: BlobStorage) -> None:
    put(storage)
    with storage.open(DIGEST) as stream:
        storage.delete(DIGEST)
        storage.delete(DIGEST)
        assert storage.size(DIGEST) is None
        with suppress(BlobMissing):
            assert stream.read() == DATA


def test_blobs_are_read_here_and_there(storage: BlobStorage) -> None:
    data = bytes(at * at % 251 for at in range(100_000))
    with storage.open(put(storage, data)) as stream:
        assert stream.read(10) == data[:10]
        assert stream.read(50_000) == data[10:50_010]
        stream.seek(99_990)
        assert stream.read(100) == data[99_990:]
        assert stream.read(100) == b""
        stream.seek(7)
        assert stream.read(5) == data[7:12]


def test_a_checkpoint_is_what_another_process_goes_on_from(storage: BlobStorage) -> None:
    incoming = storage.begin("k")
    incoming.append([DATA[:3]])
    incoming.checkpoint()
    incoming.append([DATA[3:4]])
    incoming.checkpoint()
    again = storage.resume("k")
    assert again.size == 4
    again.append([DATA[4:]])
    again.close()
    storage.commit("k", DIGEST)
    assert read(storage, DIGEST) == DATA


def test_every_blob_can_be_listed(storage: BlobStorage) -> None:
    assert list(storage.blobs()) == []
    held = {put(storage, b"one", "a"), put(storage, b"two", "b"), put(storage, b"three", "c")}
    storage.begin("d").close()
    assert set(storage.blobs()) == held
    storage.delete(held.pop())
    assert set(storage.blobs()) == held


def test_records_are_kept_replaced_listed_and_dropped(storage: BlobStorage) -> None:
    assert storage.record("a/x") is None
    assert list(storage.records("a/")) == []
    for key, content in (("a/x", b"1"), ("a/x", b"22"), ("a/y-1", b""), ("b/z", b"3" * 3_000_000)):
        storage.put_record(key, content)
    assert [storage.record(key) for key in ("a/x", "a/y-1", "b/z")] == [b"22", b"", b"3" * 3_000_000]
    assert sorted(storage.records("a/")) == ["a/x", "a/y-1"]
    storage.delete_record("a/x")
    storage.delete_record("a/x")
    assert storage.record("a/x") is None
    assert list(storage.records("a/")) == ["a/y-1"]
    assert list(storage.blobs()) == []


def test_redirects_are_to_what_is_there(storage: BlobStorage) -> None:
    with pytest.raises(BlobMissing):
        storage.redirect(DIGEST)
    put(storage)
    url = storage.redirect(DIGEST)
    if url is not None:
        with urllib.request.urlopen(url) as response:
            assert response.read() == DATA


def test_what_was_deleted_can_be_stored_again(storage: BlobStorage) -> None:
    put(storage, key="one")
    storage.delete(DIGEST)
    put(storage, key="two")
    assert read(storage, DIGEST) == DATA


def test_sha512_blobs_live_beside_sha256_ones(storage: BlobStorage) -> None:
    import hashlib

    digest = Digest("sha512:" + hashlib.sha512(DATA).hexdigest())
    incoming = storage.begin("k")
    incoming.append([DATA])
    incoming.close()
    storage.commit("k", digest)
    assert read(storage, digest) == DATA
    assert storage.size(DIGEST) is None


def test_files_damaged_by_the_disk_are_replaced(tmp_path: Path) -> None:
    storage = FilesystemBlobStorage(tmp_path)
    put(storage, key="one")
    (path,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    os.truncate(path, 3)
    put(storage, key="two")
    assert read(storage, DIGEST) == DATA


def test_a_failed_append_leaves_what_was_there(tmp_path: Path) -> None:
    import resource
    import signal

    storage = FilesystemBlobStorage(tmp_path)
    incoming = storage.begin("k")
    incoming.append([DATA])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError):
            incoming.append([b"x" * 4000, b"y" * 4000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert incoming.size == len(DATA)
    assert b"".join(incoming.read()) == DATA
    incoming.close()

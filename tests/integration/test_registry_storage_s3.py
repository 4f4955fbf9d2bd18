"""Blobs in a bucket: multipart uploads, kills, other processes, redirects. The S3 server is moto's."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.host import faults, process
from boxwright.hub.storage.base import BlobMissing, IncomingMissing, IncomingSealed
from boxwright.hub.storage.location import open_storage, parse_location
from boxwright.hub.storage.s3 import incoming as parts
from boxwright.hub.storage.s3.bucket import Bucket, BucketUnusable, Part, StorageFailed
from boxwright.hub.storage.s3.storage import S3BlobStorage
from boxwright.oci.digest import Digest
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving
from support.requirements import require_peer
from support.s3 import S3Server, s3_server

PART = parts.PART_BYTES
LARGE = random.Random(1).randbytes(2 * PART + 1000)
LARGE_DIGEST = Digest.of(LARGE)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def location(s3: S3Server) -> str:
    return s3.location()


def opened(location: str) -> S3BlobStorage:
    storage = open_storage(parse_location(location))
    assert isinstance(storage, S3BlobStorage)
    return storage


@pytest.fixture
def storage(location: str) -> Iterator[S3BlobStorage]:
    made = opened(location)
    yield made
    made.close()


def put(storage: S3BlobStorage, data: bytes, key: str = "k", step: int = 1 << 20) -> Digest:
    incoming = storage.begin(key)
    for start in range(0, len(data), step):
        incoming.append([data[start : start + step]])
    storage.commit(key, Digest.of(data))
    incoming.close()
    return Digest.of(data)


def read(storage: S3BlobStorage, digest: Digest) -> bytes:
    with storage.open(digest) as stream:
        return stream.read()


# -- what lies in the bucket


def test_a_large_blob_is_where_it_was_uploaded(s3: S3Server, location: str, storage: S3BlobStorage) -> None:
    put(storage, LARGE)
    assert read(storage, LARGE_DIGEST) == LARGE
    assert s3.keys(location) == [f"blobs/sha256/{LARGE_DIGEST.hex[:2]}/{LARGE_DIGEST.hex}", "data/k"]
    assert s3.pending(location) == []
    storage.delete(LARGE_DIGEST)
    assert s3.keys(location) == []


def test_the_second_upload_of_a_blob_leaves_nothing(s3: S3Server, location: str, storage: S3BlobStorage) -> None:
    put(storage, LARGE, "one")
    before = s3.keys(location)
    put(storage, LARGE, "two")
    assert (s3.keys(location), s3.pending(location)) == (before, [])


def test_two_uploads_of_one_blob_at_the_same_time(
    s3: S3Server, location: str, storage: S3BlobStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one commits just before the name is given."""
    other = opened(location)
    real, nested = faults.point, []

    def point(name: str) -> None:
        if name == "an upload is durable" and not nested:
            nested.append(name)
            put(other, LARGE, "two")
        real(name)

    monkeypatch.setattr(faults, "point", point)
    put(storage, LARGE, "one")
    other.close()
    assert s3.keys(location) == [f"blobs/sha256/{LARGE_DIGEST.hex[:2]}/{LARGE_DIGEST.hex}", "data/two"]
    assert read(storage, LARGE_DIGEST) == LARGE


def test_a_link_that_leads_nowhere_is_replaced(s3: S3Server, location: str, storage: S3BlobStorage) -> None:
    put(storage, LARGE, "one")
    bucket = location.removeprefix("s3://").partition("/")[0]
    s3.client.delete_object(Bucket=bucket, Key="some/prefix/data/one")
    with storage.open(LARGE_DIGEST) as stream, pytest.raises(BlobMissing):
        stream.read(1)
    put(storage, LARGE, "two")
    assert read(storage, LARGE_DIGEST) == LARGE


def test_another_process_stored_a_blob_anew(location: str, storage: S3BlobStorage) -> None:
    """What this one remembers of it is out of date."""
    put(storage, LARGE, "one")
    other = opened(location)
    other.delete(LARGE_DIGEST)
    put(other, LARGE, "two")
    other.close()
    assert read(storage, LARGE_DIGEST) == LARGE


# -- going on


def test_an_upload_goes_on_in_another_process(location: str) -> None:
    first, second = opened(location), opened(location)
    cut = PART + 12345
    incoming = first.begin("k")
    incoming.append([LARGE[:100]])
    incoming.append([LARGE[100:cut]])
    incoming.checkpoint()
    again = second.resume("k")
    assert again.size == cut
    again.append([LARGE[cut:]])
    assert b"".join(again.read()) == LARGE
    second.commit("k", LARGE_DIGEST)
    again.close()
    assert read(first, LARGE_DIGEST) == LARGE
    first.close()
    second.close()


def test_parts_that_arrived_after_the_last_checkpoint_count(location: str) -> None:
    first, second = opened(location), opened(location)
    incoming = first.begin("k")
    incoming.append([LARGE[:1000]])
    incoming.checkpoint()
    incoming.append([LARGE[1000 : PART + 5]])
    incoming._settle(0)  # as if the process died now: the five bytes are lost, the part is not
    again = second.resume("k")
    assert again.size == PART
    again.append([LARGE[PART:]])
    again.close()
    second.commit("k", LARGE_DIGEST)
    assert read(second, LARGE_DIGEST) == LARGE
    incoming.end()
    first.close()
    second.close()


def test_a_gap_between_parts_ends_what_there_is(location: str, storage: S3BlobStorage) -> None:
    """Parts are sent several at a time: a kill may leave the second one without the first."""
    incoming = storage.begin("k")
    incoming.append([LARGE])
    incoming.checkpoint()
    listed = [Part(1, "a", PART), Part(3, "c", PART), Part(4, "d", 7)]
    assert parts._without_gaps(listed) == listed[:1]
    assert parts._without_gaps([listed[1]]) == []


def test_nothing_is_added_to_what_is_complete(location: str) -> None:
    first, second = opened(location), opened(location)
    incoming = first.begin("k")
    incoming.append([LARGE])
    assert b"".join(incoming.read()) == LARGE
    again = second.resume("k")
    assert again.size == len(LARGE)
    with pytest.raises(IncomingSealed):
        again.append([b"more"])
    second.commit("k", LARGE_DIGEST)
    assert read(second, LARGE_DIGEST) == LARGE
    first.close()
    second.close()


def test_a_part_that_fails_is_sent_again(storage: S3BlobStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = Bucket.put_part, [3]

    def put_part(self: Bucket, key: str, upload_id: str, number: int, body: bytes) -> Part:
        if left[0]:
            left[0] -= 1
            raise StorageFailed("bucket", "write a part", "SlowDown", "SlowDown")
        return real(self, key, upload_id, number, body)

    monkeypatch.setattr(Bucket, "put_part", put_part)
    incoming = storage.begin("k")
    incoming.append([LARGE[:PART]])
    with pytest.raises(StorageFailed):
        incoming.checkpoint()
    assert incoming.size == PART
    with pytest.raises(StorageFailed):
        incoming.append([LARGE[PART:]])
    assert incoming.size == PART
    incoming.append([LARGE[PART:]])
    storage.commit("k", LARGE_DIGEST)
    assert read(storage, LARGE_DIGEST) == LARGE


def test_tails_that_memory_has_no_room_for_are_fetched_again(location: str) -> None:
    storage = opened(location)
    storage._budget.take(64 << 20)
    incoming = storage.begin("k")
    incoming.append([LARGE[:1000]])
    incoming.checkpoint()
    assert incoming._tail is None
    incoming.append([LARGE[1000:]])
    storage.commit("k", LARGE_DIGEST)
    assert read(storage, LARGE_DIGEST) == LARGE
    storage.close()


# -- kills


class Killed(BaseException):
    """Stands for a kill -9: nothing that would tidy up may run after it."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "known"), [(b"small", True), (LARGE[: PART + 1000], False)], ids=["small-known", "large-new"]
)
def test_a_kill_at_any_point_leaves_a_blob_or_an_upload_or_garbage_that_the_sweep_finds(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, data: bytes, known: bool
) -> None:
    digest = Digest.of(data)
    for fatal in range(1, 50):
        location = s3.location()
        if known:
            before = opened(location)
            put(before, data, "before")
            before.close()
        passed = 0

        def point(name: str, fatal: int = fatal) -> None:
            nonlocal passed
            passed += 1
            if passed == fatal:
                raise Killed(name)

        died = opened(location)
        with monkeypatch.context() as patch:
            patch.setattr(faults, "point", point)
            try:
                incoming = died.begin("k")
                incoming.append([data[: PART + 1]])
                incoming.append([data[PART + 1 :]])
                incoming.checkpoint()
                died.commit("k", digest)
                died.delete(digest)
                survived = True
            except Killed:
                survived = False
        storage = opened(location)
        if storage.size(digest) is not None:
            try:
                assert read(storage, digest) == data
            except BlobMissing:
                assert passed >= fatal  # it died in the middle of the deletion: what repeats it, finds it
        _finish_what_was_begun(storage, data, digest)
        for state in list(storage.incoming()):
            storage.abort(state.key)
        storage.delete(digest)
        assert (s3.keys(location), s3.pending(location)) == ([], [])
        storage.close()
        if survived:
            assert fatal > 4
            return
    pytest.fail("the points never ended")


def _finish_what_was_begun(storage: S3BlobStorage, data: bytes, digest: Digest) -> None:
    """Do what a client does that heard nothing: ask how much is there, and send the rest."""
    try:
        incoming = storage.resume("k")
    except IncomingMissing:
        return
    if incoming.size < len(data):
        incoming.append([data[incoming.size :]])
    assert b"".join(incoming.read()) == data
    storage.commit("k", digest)
    incoming.close()
    assert read(storage, digest) == data


# -- a registry on it


def test_a_push_that_was_killed_goes_on_at_another_server(tmp_path: Path, location: str) -> None:
    """Two servers, one database, one bucket; the first dies while a body comes in."""
    data = random.Random(2).randbytes(2 * PART + 5000)
    digest = digest_of(data)
    with serving(tmp_path, storage={"url": location}) as first:
        with PlainClient(first.address) as client:
            assert client.call("POST", "/v2/a/blobs/uploads/")[0] == 202
            upload = client.location
            assert client.call("PATCH", upload, data[: PART + 777], Content_Range=f"0-{PART + 776}")[0] == 202
        first.send_signal(signal.SIGKILL)
    with serving(tmp_path) as second, PlainClient(second.address) as client:
        status, _ = client.call("GET", upload)
        assert (status, client.range) == (204, f"0-{PART + 776}")
        rest = data[PART + 777 :]
        assert client.call("PATCH", upload, rest, Content_Range=f"{PART + 777}-{len(data) - 1}")[0] == 202
        assert client.call("PUT", f"{upload}?digest={digest}")[0] == 201
        status, content = client.call("GET", f"/v2/a/blobs/{digest}")
        assert (status, content == data) == (200, True)
        status, content = client.call("GET", f"/v2/a/blobs/{digest}", Range=f"bytes={PART - 5}-{PART + 4}")
        assert (status, content) == (206, data[PART - 5 : PART + 5])
        image = SmallImage.of()
        pushed: list[str] = []
        client.push("a", "v1", image, pushed)
        client.verify(pushed)


def test_clients_are_told_the_size_of_a_part_and_sent_to_the_bucket(tmp_path: Path, location: str) -> None:
    import urllib.request

    with (
        serving(tmp_path, storage={"url": location, "redirect": True}) as server,
        PlainClient(server.address) as client,
    ):
        assert client.call("POST", "/v2/a/blobs/uploads/")[0] == 202
        assert client.headers["OCI-Chunk-Min-Length"] == str(PART)
        assert client.call("DELETE", client.location)[0] == 204
        image = SmallImage.of(os.urandom(5000))
        client.push("a", "v1", image, [])
        path = f"/v2/a/blobs/{digest_of(image.layer)}"
        assert client.call("HEAD", path)[0] == 200
        status, body = client.call("GET", path)
        assert (status, body) == (307, b"")
        asked = urllib.request.Request(client.location, headers={"Range": "bytes=3-"})
        with urllib.request.urlopen(asked) as response:
            assert (response.status, response.read()) == (206, image.layer[3:])


@pytest.mark.peer
def test_skopeo_pushes_and_pulls(tmp_path: Path, location: str) -> None:
    skopeo = require_peer("skopeo")
    image = SmallImage.of(random.Random(3).randbytes(PART + 100_000))
    (tmp_path / "in").mkdir()
    image.write_layout(tmp_path / "in")
    with serving(tmp_path / "root", storage={"url": location, "redirect": True}) as server:
        here = f"docker://{server.address}/a/b:v1"
        process.run([skopeo, "copy", "--dest-tls-verify=false", f"oci:{tmp_path / 'in'}:latest", here])
        process.run([skopeo, "copy", "--src-tls-verify=false", here, f"oci:{tmp_path / 'out'}:latest"])
    name = digest_of(image.layer).partition(":")[2]
    assert (tmp_path / "out" / "blobs" / "sha256" / name).read_bytes() == image.layer


def test_the_folder_remembers_its_bucket(tmp_path: Path, location: str) -> None:
    from boxwright.hub.storage.location import FolderLocation, StorageElsewhere, locate

    assert locate(tmp_path, None) == FolderLocation(tmp_path)
    given = parse_location(location)
    assert locate(tmp_path, given) == given
    assert locate(tmp_path, None) == given
    with pytest.raises(StorageElsewhere):
        locate(tmp_path, FolderLocation(tmp_path))


def test_garbage_leaves_the_bucket(tmp_path: Path, s3: S3Server, location: str) -> None:
    from boxwright.hub.registry.collector import collect_in

    with serving(tmp_path, storage={"url": location}) as server, PlainClient(server.address) as client:
        image = SmallImage.of(os.urandom(3000))
        client.push("a", "v1", image, [])
        assert client.call("DELETE", f"/v2/a/manifests/{digest_of(image.manifest)}")[0] == 202
    assert len(s3.keys(location)) == 4
    assert collect_in(tmp_path, -1.0).destroyed == 2
    assert s3.keys(location) == []


# -- what is wrong with it


def test_a_bucket_that_is_not_there(s3: S3Server) -> None:
    with pytest.raises(BucketUnusable) as raised:
        open_storage(parse_location(f"s3://no-such-bucket?endpoint={s3.url}&region=us-east-1"))
    assert raised.value.bucket == "no-such-bucket"


def test_no_credentials(s3: S3Server, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(BucketUnusable) as raised:
        opened(location)
    assert "AWS_ACCESS_KEY_ID" in (raised.value.hint or "")


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['boto3'] = None\n"
        "from boxwright.errors import UnavailableError\n"
        "from boxwright.hub.storage.location import open_storage, parse_location\n"
        "try:\n"
        "    open_storage(parse_location('s3://bucket'))\n"
        "except UnavailableError as error:\n"
        "    print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'boxwright[s3]'\n"

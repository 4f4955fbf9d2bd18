"""Uploads of many requests, and what happens when they break off, collide or come in pieces."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from boxwright.hub.edge.limits import LimitSettings
from boxwright.hub.registry import receiving, sessions
from boxwright.hub.storage.filesystem import FileIncoming
from boxwright.hub.storage.memory import MemoryIncoming
from support.registry_kit import Registry, digest_of, registry, run

DATA = bytes(at % 251 for at in range(300_000))
DIGEST = digest_of(DATA)


async def finish(client: Registry, location: str, body: bytes | None = None, digest: str = DIGEST) -> None:
    answer = await client("PUT", f"{location}?digest={digest}", body)
    assert answer.status == 201, answer
    assert answer.headers["Docker-Content-Digest"] == digest
    read = await client("GET", answer.headers["Location"])
    assert digest_of(read.body, digest.partition(":")[0]) == digest


@pytest.fixture(params=["files", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "files" else None


def test_one_post_and_one_put(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a/b")
        assert location.startswith("/v2/a/b/blobs/uploads/")
        await finish(client, location, DATA)
        assert (await client("GET", location)).code == "BLOB_UPLOAD_UNKNOWN"

    run(scenario, root)


def test_a_stream_of_unknown_length_then_an_empty_put(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        async def pieces():
            for start in range(0, len(DATA), 7000):
                yield DATA[start : start + 7000]

        location = await client.start_upload("a")
        answer = await client("PATCH", location, pieces())
        assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
        assert answer.headers["Location"] == location
        assert answer.headers["Docker-Upload-UUID"] == location.rpartition("/")[2]
        await finish(client, location)

    run(scenario, root)


def test_chunks_with_ranges_and_the_last_one_in_the_put(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        first = await client("PATCH", location, DATA[:100_000], content_range="0-99999")
        assert (first.status, first.headers["Range"]) == (202, "0-99999")
        second = await client("PATCH", location, DATA[100_000:200_000], content_range="100000-199999")
        assert (second.status, second.headers["Range"]) == (202, "0-199999")
        status = await client("GET", location)
        assert (status.status, status.headers["Range"], status.body) == (204, "0-199999", b"")
        answer = await client("PUT", f"{location}?digest={DIGEST}", DATA[200_000:], content_range="200000-299999")
        assert answer.status == 201

    run(scenario, root)


def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        await client("PATCH", location, DATA[:1000], content_range="0-999")
        for content_range in ("2000-2999", "0-999", "x", "5-1"):
            answer = await client("PATCH", location, DATA[:1000], content_range=content_range)
            assert (answer.status, answer.code) == (416, "RANGE_INVALID")
            assert answer.headers["Range"] == "0-999"
            assert answer.headers["Location"] == location
        last = await client("PUT", f"{location}?digest={DIGEST}", DATA[:1000], content_range="0-999")
        assert (last.status, last.code) == (416, "RANGE_INVALID")
        assert (await client("GET", location)).headers["Range"] == "0-999"
        await finish(client, location, DATA[1000:])

    run(scenario, root)


def test_a_chunk_of_another_length_than_its_range_is_refused(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        answer = await client("PATCH", location, DATA[:1000], content_range="0-998")
        assert (answer.status, answer.code) == (400, "SIZE_INVALID")
        assert (await client("GET", location)).headers["Range"] == "0-0"
        await finish(client, location, DATA)

    run(scenario, root)


def test_a_wrong_digest_leaves_nothing_behind(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        wrong = digest_of(b"something else")
        answer = await client("PUT", f"{location}?digest={wrong}", DATA)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
        for digest in (wrong, DIGEST):
            assert (await client("HEAD", f"/v2/a/blobs/{digest}")).status == 404
        assert (await client("GET", location)).status == 404

    run(scenario, root)
    if root is not None:
        assert os.listdir(root / "uploads") == []
        assert [path for path in (root / "blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:1", "?digest=md5:" + "0" * 32])
def test_a_missing_or_malformed_digest_does_not_end_the_upload(query: str) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        answer = await client("PUT", location + query, DATA)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
        await finish(client, location, DATA)

    run(scenario)


def test_sha512_needs_no_announcement(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        digest = digest_of(DATA, "sha512")
        await finish(client, await client.start_upload("a"), DATA, digest)
        streamed = await client.start_upload("a")
        await client("PATCH", streamed, DATA[:5000])
        await finish(client, streamed, DATA[5000:], digest)

    run(scenario, root)


def test_sha512_that_was_announced_needs_no_second_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(client: Registry) -> None:
        location = (await client("POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512")).headers["Location"]
        await client("PATCH", location, DATA[:5000])
        monkeypatch.setattr(FileIncoming, "read", None)
        await finish(client, location, DATA[5000:], digest_of(DATA, "sha512"))

    run(scenario, tmp_path)


def test_a_client_may_have_so_many_uploads() -> None:
    async def scenario(client: Registry) -> None:
        location, *_ = [await client.start_upload("a") for _ in range(3)]
        answer = await client("POST", "/v2/b/blobs/uploads/")
        assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
        assert answer.headers["Retry-After"]
        await client.push_blob("b", DATA)  # in one request: nothing stays open
        await client("DELETE", location)
        await client.start_upload("b")

    run(scenario, limits=LimitSettings(uploads_per_client=3))


@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_a_blob_beyond_the_limit_ends_its_upload(root: Path | None, framing: str) -> None:
    async def scenario(client: Registry) -> None:
        async def pieces():
            yield DATA[: len(DATA) // 2]
            yield DATA[len(DATA) // 2 :]

        location = await client.start_upload("a")
        await client("PATCH", location, DATA[:1000])
        answer = await client("PATCH", location, DATA if framing == "announced" else pieces())
        assert (answer.status, answer.code) == (413, "SIZE_INVALID")
        assert (await client("GET", location)).status == 404
        answer = await client("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", DATA)
        assert answer.status == 201  # it has just the size

    run(scenario, root, limits=LimitSettings(blob=len(DATA)))
    if root is not None:
        assert os.listdir(root / "uploads") == []


def test_an_empty_blob(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        answer = await client("PATCH", location, b"")
        assert (answer.status, answer.headers["Range"]) == (202, "0-0")
        await finish(client, location, b"", digest_of(b""))

    run(scenario, root)


def test_cancelling_ends_an_upload(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        await client("PATCH", location, DATA)
        assert (await client("DELETE", location)).status == 204
        for method in ("GET", "PATCH", "DELETE"):
            answer = await client(method, location)
            assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")

    run(scenario, root)
    if root is not None:
        assert os.listdir(root / "uploads") == []


def test_an_upload_belongs_to_its_repository(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        other = location.replace("/v2/a/", "/v2/b/")
        for method, target in (
            ("GET", other),
            ("PATCH", other),
            ("PUT", f"{other}?digest={DIGEST}"),
            ("DELETE", other),
        ):
            assert (await client(method, target, DATA if method[0] == "P" else None)).code == "BLOB_UPLOAD_UNKNOWN"
        await finish(client, location, DATA)

    run(scenario, root)


def test_the_same_blob_twice_at_once(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        locations = [await client.start_upload(name) for name in ("a", "a", "b")]
        await asyncio.gather(*(finish(client, location, DATA) for location in locations))

    run(scenario, root)


def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with registry(tmp_path) as first:
            location = await first.start_upload("a")
            await first("PATCH", location, DATA[:1000])
        async with registry(tmp_path) as second:
            assert (await second("GET", location)).headers["Range"] == "0-999"
            await finish(second, location, DATA[1000:])

    asyncio.run(main())


def test_more_uploads_than_are_kept_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_MAX_IDLE", 2)

    async def scenario(client: Registry) -> None:
        locations = [await client.start_upload("a") for _ in range(6)]
        for location in locations:
            await client("PATCH", location, DATA[:1000])
        for location in locations:
            await finish(client, location, DATA[1000:])

    run(scenario, tmp_path)


def test_sweeping_drops_old_uploads_and_spares_the_rest(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        kept, old = await client.start_upload("a"), await client.start_upload("a")
        await client("PATCH", kept, DATA[:1000])
        working = client.application.sessions
        assert working.sweep(3600.0) == 0
        working.close()  # as if a restart had forgotten both
        assert (await client("GET", kept)).status == 204
        assert working.sweep(-1.0) == 1
        assert (await client("GET", old)).status == 404
        await finish(client, kept, DATA[1000:])

    run(scenario, root)


# -- on the wire


@pytest.fixture(params=["parsed", "direct"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies go through aiohttp's parser, or, as large ones do, past it."""
    if request.param == "direct":
        monkeypatch.setattr(receiving, "_DIRECT_BYTES", 1)
        monkeypatch.setattr(receiving, "_BATCH_BYTES", 64 << 10)


async def connect(client: Registry) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(client.host, client.port)


def head(method: str, target: str, **headers: object) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def until_busy(client: Registry, location: str) -> None:
    """Wait until a request works on an upload."""
    while not client.application.sessions.is_receiving(location.rpartition("/")[2]):
        await asyncio.sleep(0.01)


async def until_size(client: Registry, location: str, size: int) -> None:
    """Wait until an upload has `size` bytes."""
    while (await client("GET", location)).headers["Range"] != f"0-{size - 1}":
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("_way")
def test_what_arrived_before_a_connection_broke_is_kept(root: Path | None) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        _, writer = await connect(client)
        writer.write(head("PATCH", location, Content_Length=len(DATA)))
        await until_busy(client, location)
        writer.write(DATA[:200_000])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(20):
            await until_size(client, location, 200_000)
        await finish(client, location, DATA[200_000:])

    run(scenario, root)


@pytest.mark.usefixtures("_way")
def test_a_broken_put_can_be_resumed(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        _, writer = await connect(client)
        writer.write(head("PUT", f"{location}?digest={DIGEST}", Content_Length=len(DATA)))
        await until_busy(client, location)
        writer.write(DATA[:200_000])
        await writer.drain()
        writer.close()
        async with asyncio.timeout(20):
            await until_size(client, location, 200_000)
        await finish(client, location, DATA[200_000:])

    run(scenario, tmp_path)


@pytest.mark.usefixtures("_way")
def test_a_broken_single_post_leaves_nothing(tmp_path: Path) -> None:
    async def scenario(client: Registry) -> None:
        _, writer = await connect(client)
        writer.write(head("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", Content_Length=len(DATA)) + DATA[:200_000])
        await writer.drain()
        while not os.listdir(tmp_path / "uploads"):
            await asyncio.sleep(0.01)
        writer.transport.abort()
        async with asyncio.timeout(20):
            while os.listdir(tmp_path / "uploads"):
                await asyncio.sleep(0.01)

    run(scenario, tmp_path)


@pytest.mark.usefixtures("_way")
def test_a_silent_client_is_let_go_and_keeps_its_bytes() -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        reader, writer = await connect(client)
        writer.write(head("PATCH", location, Content_Length=len(DATA)) + DATA[:1000])
        async with asyncio.timeout(20):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"errors"' in answer
        writer.close()
        await finish(client, location, DATA[1000:])

    run(scenario, idle=0.2)


@pytest.mark.usefixtures("_way")
def test_two_writers_of_one_upload_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_GRACE_SECONDS", 0.05)

    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        reader, writer = await connect(client)
        writer.write(head("PATCH", location, Content_Length=len(DATA)) + DATA[:1000])
        await writer.drain()
        await until_busy(client, location)
        second = await client("PATCH", location, b"intruder")
        assert (second.status, second.code) == (416, "RANGE_INVALID")
        assert (await client("GET", location)).status == 204
        writer.write(DATA[1000:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        writer.close()
        await finish(client, location)

    run(scenario)


def test_a_body_is_asked_for_only_when_it_is_wanted() -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        reader, writer = await connect(client)
        expecting = {"Expect": "100-continue", "Content_Length": 4}
        writer.write(head("PATCH", location, **expecting))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"data")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 202")
        writer.write(head("PATCH", "/v2/a/blobs/uploads/none", **expecting))
        refusal = await reader.readuntil(b"\r\n\r\n")
        assert refusal.startswith(b"HTTP/1.1 404")
        assert b"connection: close" in refusal.lower()
        writer.close()

    run(scenario)


@pytest.mark.usefixtures("_way")
def test_a_body_is_stored_as_it_came_whatever_its_encoding_claims() -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        answer = await client("PUT", f"{location}?digest={DIGEST}", DATA, content_encoding="gzip")
        assert answer.status == 201
        assert (await client("GET", f"/v2/a/blobs/{DIGEST}")).body == DATA

    run(scenario)


def test_a_chunked_manifest_beyond_the_limit_is_refused() -> None:
    async def scenario(client: Registry) -> None:
        async def pieces():
            for _ in range(5):
                yield b" " * (1 << 20)

        answer = await client("PUT", "/v2/a/manifests/x", pieces())
        assert (answer.status, answer.code) == (413, "SIZE_INVALID")

    run(scenario)


@pytest.mark.usefixtures("_way")
def test_bodies_of_every_size_around_a_batch(tmp_path: Path) -> None:
    batch = receiving._BATCH_BYTES

    async def scenario(client: Registry) -> None:
        for size in (batch - 1, batch, batch + 1, 3 * batch, 20 * batch + 7):
            data = os.urandom(size)
            location = await client.start_upload("a")
            answer = await client("PATCH", location, data[: size // 2])
            assert answer.headers["Range"] == f"0-{size // 2 - 1}"
            await finish(client, location, data[size // 2 :], digest_of(data))

    run(scenario, tmp_path)


def test_a_connection_ends_after_a_body_that_went_past_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_DIRECT_BYTES", 100_000)

    async def scenario(client: Registry) -> None:
        reader, writer = await connect(client)
        for size, closes in ((1000, False), (len(DATA), True)):
            location = await client.start_upload("a")
            writer.write(head("PATCH", location, Content_Length=size))
            await until_busy(client, location)
            writer.write(DATA[:size])
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert answer.startswith(b"http/1.1 202")
            assert (b"connection: close" in answer) == closes
        assert await reader.read() == b""
        writer.close()

    run(scenario)


def test_a_large_body_that_is_refused_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_DIRECT_BYTES", 1)

    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        for target, status in ((location, b"416"), ("/v2/a/blobs/uploads/none", b"404")):
            reader, writer = await connect(client)
            writer.write(head("PATCH", target, Content_Length=len(DATA), Content_Range="5-300004") + DATA)
            assert (await reader.readline()).split()[1] == status
            writer.close()
        await finish(client, location, DATA)

    run(scenario)


def test_who_is_refused_may_send_to_the_end_and_reads_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is closed over bytes that come takes the answer back."""
    monkeypatch.setattr(receiving, "_DIRECT_BYTES", 100_000)
    body = bytes(6 << 20)  # more than the kernel takes for us

    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        reader, writer = await connect(client)
        writer.write(head("PATCH", location, Content_Length=len(body)))
        await until_busy(client, location)
        writer.write(body)
        async with asyncio.timeout(60):
            await writer.drain()
            assert (await reader.readline()).split()[1] == b"507"
            assert b"no room" in await reader.read()
        writer.close()
        assert (await client("GET", location)).status == 404  # what came of it must not fill the disk
        await finish(client, await client.start_upload("a"), DATA)

    def refuse(incoming: MemoryIncoming, chunks: object) -> None:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(MemoryIncoming, "append", refuse)
    run(scenario)


def test_headers_without_end_are_refused() -> None:
    async def scenario(client: Registry) -> None:
        reader, writer = await connect(client)
        writer.write(b"GET /v2/ HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 100_000)
        async with asyncio.timeout(20):
            assert b" 400 " in await reader.readline()
        writer.close()

    run(scenario)


@pytest.mark.usefixtures("_way")
def test_a_slow_client_may_take_as_long_as_it_likes() -> None:
    async def scenario(client: Registry) -> None:
        location = await client.start_upload("a")
        reader, writer = await connect(client)
        writer.write(head("PATCH", location, Content_Length=6))
        for letter in b"slowly":
            await asyncio.sleep(0.2)
            writer.write(bytes([letter]))
        assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        writer.close()

    run(scenario, idle=0.8)


def test_a_client_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    data = bytes(64 << 20)

    async def scenario(client: Registry) -> None:
        digest = await client.push_blob("a", data)
        reader, writer = await connect(client)
        writer.write(head("GET", f"/v2/a/blobs/{digest}"))
        await asyncio.sleep(1.0)  # more than its buffers hold is on the way, and nobody reads
        received = 0
        try:
            async with asyncio.timeout(20):
                while chunk := await reader.read(1 << 20):
                    received += len(chunk)
        except ConnectionError:
            pass  # how an aborted connection may look
        assert received < len(data)
        writer.close()

    run(scenario, tmp_path, idle=0.3)


def test_a_blob_that_shrinks_while_it_is_sent_breaks_the_connection(tmp_path: Path) -> None:
    data = bytes(64 << 20)

    async def scenario(client: Registry) -> None:
        digest = await client.push_blob("a", data)
        reader, writer = await connect(client)
        writer.write(head("GET", f"/v2/a/blobs/{digest}"))
        received = len(await reader.readuntil(b"\r\n\r\n"))
        (path,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        os.truncate(path, 1000)
        try:
            async with asyncio.timeout(20):
                while chunk := await reader.read(1 << 20):
                    received += len(chunk)
        except ConnectionError:
            pass  # how an aborted connection may look
        assert received < len(data)
        writer.close()

    run(scenario, tmp_path)


def test_the_answer_to_head_is_a_head_alone() -> None:
    async def scenario(client: Registry) -> None:
        reader, writer = await connect(client)
        for target, status in ((f"/v2/a/blobs/{DIGEST}", b"404"), ("/v2/", b"200"), ("/v2/a/manifests/x", b"404")):
            writer.write(head("HEAD", target))
            assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == status
        writer.write(head("GET", "/v2/", Connection="close"))
        assert (await reader.read()).endswith(b"\r\n\r\n{}")
        writer.close()

    run(scenario)

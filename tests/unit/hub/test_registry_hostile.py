"""Whatever a client sends, the answer is an answer: never a 5xx, never an exception."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.registry.application import Application
from boxwright.hub.registry.call import Stretches
from boxwright.hub.registry.document import InvalidDocument, read_document
from boxwright.hub.registry.ranges import Unsatisfiable, parse_content_range, parse_range
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.filesystem import FilesystemBlobStorage
from boxwright.oci import media
from support.registry_kit import Registry, SmallImage, digest_of, run

WORDS = st.sampled_from(
    [
        *[
            "v2",
            "_catalog",
            "tags",
            "list",
            "manifests",
            "blobs",
            "uploads",
            "referrers",
            "a",
            "latest",
            "..",
            "%2F",
            "%00",
            "sha256:",
            "%FF",
            "A",
            "?",
        ],
        *["?n=1&last=%00", "?digest=", "?n=x", "?tag=a&tag=b"],
        *("", "\udcff", digest_of(b"x"), digest_of(b"x", "sha512")),
        *(f"?digest={digest_of(b'x')}", f"?mount={digest_of(b'x')}&from=a"),
    ]
)
TARGETS = st.one_of(
    st.lists(WORDS, max_size=8).map(lambda parts: "/v2/" + "/".join(parts)),
    st.text(max_size=60),
)
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "x"])
HEADERS = st.dictionaries(
    st.sampled_from(["Range", "Content-Range", "Content-Type", "If-None-Match", "If-Range", "Authorization"]),
    st.one_of(st.text(max_size=40), st.sampled_from(["bytes=0-", "0-0", media.OCI_MANIFEST, media.OCI_INDEX])),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just(digest_of(b"x")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["schemaVersion", "mediaType", "config", "layers", "manifests", "subject", "digest", "size"]
            )
            | st.sampled_from(["annotations", "artifactType", "urls", "blobs"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
BODIES = st.one_of(st.binary(max_size=100), JSON.map(lambda value: json.dumps(value).encode()), st.just(b"x"))


class BytesBody:
    """A body that is there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def length(self) -> int | None:
        return len(self._data)

    async def next_batch(self) -> list[bytes]:
        data, self._data = self._data, b""
        return [data] if data else []

    async def read(self, limit: int) -> bytes | None:
        return self._data if len(self._data) <= limit else None


def test_no_request_is_our_error(tmp_path: Path) -> None:
    workers = Workers(metadata=1, content=1)
    metadata = SQLMetadata(Database(default_url(tmp_path)))
    application = Application(FilesystemBlobStorage(tmp_path), metadata, workers)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(METHODS, TARGETS, HEADERS, BODIES), min_size=1, max_size=5))
    def check(requests: list[tuple[str, str, dict[str, str], bytes]]) -> None:
        asyncio.run(ask(requests))

    async def ask(requests: list[tuple[str, str, dict[str, str], bytes]]) -> None:
        for method, target, headers, body in requests:
            reply = await application.answer(method, target, headers, BytesBody(body))
            if isinstance(reply.body, Stretches):
                reply.body.file.close()
            assert 200 <= reply.status < 500, reply
            for _, value in reply.headers:
                assert value.isprintable()
        application.sessions.close()  # their locks belong to this event loop

    check()
    workers.close()
    metadata.close()


@given(BODIES, st.none() | st.text(max_size=40) | st.sampled_from([media.OCI_MANIFEST, media.OCI_INDEX]))
def test_documents_are_read_or_refused(raw: bytes, content_type: str | None) -> None:
    try:
        document = read_document(raw, content_type)
    except InvalidDocument:
        return
    assert document.media_type.isprintable()


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\-]{0,30}", fullmatch=True), st.integers(0, 1000))
def test_ranges_stay_inside(header: str, size: int) -> None:
    try:
        spans = parse_range(header, size)
    except Unsatisfiable:
        return
    for span in spans or []:
        assert 0 <= span.start <= span.last < size
    parse_content_range(header)


def test_bytes_that_are_no_text_in_the_request_line() -> None:
    async def scenario(client: Registry) -> None:
        await client.push_image("a", "v1", SmallImage.of())
        for target in (b"/v2/a/tags/list?last=\xff", b"/v2/\xff/tags/list", b"/v2/a/blobs/uploads/\xff"):
            reader, writer = await asyncio.open_connection(client.host, client.port)
            writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            assert int((await reader.readline()).split()[1]) < 500
            await reader.read()
            writer.close()

    run(scenario)

"""One blob down, one blob up: resumed, verified, bounded."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from boxwright.errors import CancelledError
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.download import WrongBlob
from boxwright.remote.failure import RegistryBroken, RegistryFailure, TooManyRequests
from boxwright.remote.transport import ConnectionFailed
from boxwright.remote.upload import BytesSource, Uploaded
from unit.remote.scripted import IMPATIENT, Answer, Sent, client

_DATA = bytes(range(256)) * 4096
_BLOB = Descriptor(media.OCI_LAYER, Digest.of(_DATA), len(_DATA))
_OK = Answer(200, {"Content-Length": "2"}, b"{}")


# ---- down


class _Blobs:
    """Serves one blob; `breaks` says after how many bytes each connection breaks."""

    def __init__(self, data: bytes = _DATA, *breaks: int, ranges: bool = True) -> None:
        self.data = data
        self.breaks = list(breaks)
        self.ranges = ranges
        self.asked: list[str | None] = []

    def __call__(self, sent: Sent) -> Answer:
        if "/blobs/" not in sent.url:
            return _OK
        asked = sent.headers.get("Range")
        self.asked.append(asked)
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.ranges else 0
        headers = {"Content-Length": str(len(self.data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        body = self.data[start:]
        if self.breaks:
            return Answer(206 if start else 200, headers, body[: self.breaks.pop(0)], breaks=True)
        return Answer(206 if start else 200, headers, body)


def _read(blobs: _Blobs, blob: Descriptor = _BLOB) -> bytes:
    made, _ = client(blobs)
    with made.open_blob("a", blob) as stream:
        content: bytes = stream.read_all()
        return content


def test_a_blob_is_read_and_verified() -> None:
    blobs = _Blobs()
    assert _read(blobs) == _DATA
    assert blobs.asked == [None]


def test_a_broken_connection_goes_on_where_it_was() -> None:
    blobs = _Blobs(_DATA, 300_000, 400_000)
    assert _read(blobs) == _DATA
    assert blobs.asked == [None, "bytes=300000-", "bytes=700000-"]


def test_a_registry_without_ranges_starts_over_and_the_known_part_is_passed_over() -> None:
    blobs = _Blobs(_DATA, 300_000, ranges=False)
    assert _read(blobs) == _DATA


def test_progress_forgives_failures() -> None:
    """More breaks than attempts, each after a good piece."""
    blobs = _Blobs(_DATA * 4, *[300_000] * 10)
    assert _read(blobs, Descriptor("", Digest.of(_DATA * 4), len(_DATA) * 4)) == _DATA * 4


def test_no_progress_ends_it() -> None:
    blobs = _Blobs(_DATA, *[10] * 100)
    with pytest.raises(ConnectionFailed):
        _read(blobs)
    assert len(blobs.asked) == IMPATIENT.attempts


def test_an_answer_that_ends_early_without_a_word_is_a_break() -> None:
    short = [True]

    def answer(sent: Sent) -> Answer:
        if "/blobs/" not in sent.url:
            return _OK
        if "Range" not in sent.headers:
            return Answer(200, {}, _DATA[:300_000])
        short[0] = False
        return Answer(206, {"Content-Range": f"bytes 300000-{len(_DATA) - 1}/{len(_DATA)}"}, _DATA[300_000:])

    made, _ = client(answer)
    assert made.open_blob("a", _BLOB).read_all() == _DATA
    assert not short[0]


def test_other_bytes_are_found_at_the_end() -> None:
    with pytest.raises(WrongBlob, match="its digest is sha256:"):
        _read(_Blobs(_DATA[:-1] + b"!"))


def test_other_bytes_after_a_resumption_are_found_too() -> None:
    blobs = _Blobs(_DATA, 300_000)
    made, _ = client(blobs)
    stream = made.open_blob("a", _BLOB)
    stream.read(1000)
    blobs.data = _DATA[::-1]
    with pytest.raises(WrongBlob):
        stream.read_all()


def test_a_length_that_disagrees_is_found_at_the_start() -> None:
    with pytest.raises(WrongBlob, match=re.escape(f"it has {len(_DATA) + 1} bytes, not {len(_DATA)}")):
        _read(_Blobs(_DATA + b"!"))


def test_an_endless_answer_is_cut_off() -> None:
    made, _ = client(lambda sent: Answer(200, {}, _DATA * 100) if "/blobs/" in sent.url else _OK)
    with pytest.raises(WrongBlob, match=re.escape(f"it is longer than {len(_DATA)} bytes")):
        made.open_blob("a", _BLOB).read_all()


@pytest.mark.parametrize("header", [None, "bytes 0-9/1048576", "bytes 300000-1048575/99", "nonsense"])
def test_another_range_than_was_asked_for_is_refused(header: str | None) -> None:
    def answer(sent: Sent) -> Answer:
        if "/blobs/" not in sent.url:
            return _OK
        if "Range" in sent.headers:
            return Answer(206, {"Content-Range": header} if header else {}, _DATA)
        return Answer(200, {}, _DATA[:300_000], breaks=True)

    made, _ = client(answer)
    with pytest.raises(RegistryBroken, match="it sent another range"):
        made.open_blob("a", _BLOB).read_all()


def test_an_empty_blob_is_legal() -> None:
    assert _read(_Blobs(b""), Descriptor("", Digest.of(b""), 0)) == b""


def test_a_size_of_nothing_needs_the_digest_of_nothing() -> None:
    with pytest.raises(WrongBlob):
        _read(_Blobs(), _BLOB._replace(size=0))


# ---- up


class _Uploads:
    """A registry that takes uploads as distribution does; `drops` says after how many bytes each body breaks."""

    def __init__(self, *drops: int, cancels: bool = False, cut_answer: bool = False) -> None:
        self.drops = list(drops)
        self.cancels = cancels
        self.cut_answer = cut_answer
        self.uploads: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.location = "/v2/a/blobs/uploads/{}?_state=opaque%3D"

    def __call__(self, sent: Sent) -> Answer | Exception:
        url = sent.url.partition("registry.test")[2]
        if url == "/v2/":
            return _OK
        if sent.method == "HEAD":
            blob = self.blobs.get(url.rpartition("/")[2])
            return Answer(404) if blob is None else Answer(200, {"Content-Length": str(len(blob))})
        if sent.method == "POST":
            name = str(len(self.uploads) + 1)
            self.uploads[name] = b""
            return Answer(202, {"Location": self.location.format(name), "Range": "0-0"})
        name = url.partition("uploads/")[2].partition("?")[0]
        if name not in self.uploads:
            return Answer(404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":""}]}')
        return self._continue(sent, name)

    def _continue(self, sent: Sent, name: str) -> Answer | Exception:
        place = {"Location": self.location.format(name)}
        if sent.method == "GET":
            if self.cancels:
                del self.uploads[name]
                return Answer(404)
            last = max(0, len(self.uploads[name]) - 1)
            return Answer(204, {**place, "Range": f"0-{last}"})
        if expected := sent.headers.get("Content-Range"):
            assert expected.startswith(f"{len(self.uploads[name])}-"), "the range begins where the upload ends"
        if self.drops:
            self.uploads[name] += sent.body[: self.drops.pop(0)]
            return ConnectionFailed(sent.url, "broken", "dropped on purpose", sent=True)
        self.uploads[name] += sent.body
        if sent.method == "PATCH":
            return Answer(202, {**place, "Range": f"0-{len(self.uploads[name]) - 1}"})
        digest = sent.url.partition("digest=")[2].replace("%3A", ":")
        data = self.uploads.pop(name)
        if Digest.of(data) != digest:
            return Answer(400, {}, b'{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}')
        self.blobs[digest] = data
        if self.cut_answer:
            self.cut_answer = False
            return ConnectionFailed(sent.url, "broken", "dropped on purpose", sent=True)
        return Answer(201, {"Docker-Content-Digest": digest})


class _Known:
    """A blob whose digest is known beforehand."""

    digest: Digest | None = _BLOB.digest
    size: int | None = _BLOB.size

    def __init__(self) -> None:
        self.opened: list[int] = []

    def open(self, offset: int) -> Iterator[bytes]:
        self.opened.append(offset)
        for start in range(offset, len(_DATA), 100_000):
            yield _DATA[start : start + 100_000]


class _Fresh(_Known):
    """A blob that is made while it is sent."""

    digest = None
    size = None

    def open(self, offset: int) -> Iterator[bytes]:
        yield from super().open(offset)
        self.digest, self.size = _BLOB.digest, _BLOB.size


_DONE = Uploaded(_BLOB.digest, _BLOB.size)


def test_a_known_blob_takes_two_requests() -> None:
    registry = _Uploads()
    made, transport = client(registry)
    assert made.upload("a").send(_Known()) == _DONE
    assert registry.blobs[_BLOB.digest] == _DATA
    assert [line.partition("?")[0] for line in transport.lines] == [
        "POST /v2/a/blobs/uploads/",
        "PUT /v2/a/blobs/uploads/1",
    ]
    assert transport.sent[-1].headers["Content-Length"] == str(len(_DATA))
    assert "_state=opaque%3D&digest=sha256%3A" in transport.sent[-1].url, "the registry's own query survives"


def test_a_fresh_blob_is_streamed_and_then_named() -> None:
    registry = _Uploads()
    made, transport = client(registry)
    heard: list[int] = []
    assert made.upload("a", heard.append).send(_Fresh()) == _DONE
    assert [line.partition(" ")[0] for line in transport.lines] == ["POST", "PATCH", "PUT"]
    assert "Content-Length" not in transport.sent[-2].headers
    assert "Content-Range" not in transport.sent[-2].headers
    assert heard[-1] == len(_DATA)


@pytest.mark.parametrize("kind", [_Known, _Fresh])
def test_a_broken_upload_goes_on_where_the_registry_is(kind: type[_Known]) -> None:
    registry = _Uploads(700_001, 5)
    made, transport = client(registry)
    source = kind()
    assert made.upload("a").send(source) == _DONE
    assert registry.blobs[_BLOB.digest] == _DATA
    assert source.opened == [0, 700_001, 700_006]
    assert len([line for line in transport.lines if line.startswith("POST")]) == 1


@pytest.mark.parametrize("kind", [_Known, _Fresh])
def test_a_registry_that_forgets_broken_uploads_gets_them_anew(kind: type[_Known]) -> None:
    """distribution cancels an upload whose offset isn't the one in its opaque state."""
    registry = _Uploads(700_001, cancels=True)
    made, _ = client(registry)
    source = kind()
    assert made.upload("a").send(source) == _DONE
    assert source.opened == [0, 0]


def test_an_answer_that_got_lost_is_looked_for() -> None:
    registry = _Uploads(cut_answer=True)
    made, transport = client(registry)
    source = _Known()
    assert made.upload("a").send(source) == _DONE
    assert source.opened == [0]
    assert transport.lines[-1].startswith("HEAD")


def test_a_lost_answer_to_the_end_of_a_stream_is_looked_for_too() -> None:
    registry = _Uploads(cut_answer=True)
    made, _ = client(registry)
    source = _Fresh()
    assert made.upload("a").send(source) == _DONE
    assert source.opened == [0]


class _Bookmark:
    """A note of an upload of an earlier run; `url` is what is noted now."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.left = False

    def claim(self) -> str | None:
        return self.url

    def keep(self, url: str) -> None:
        self.url = url

    def leave(self) -> None:
        self.left = True

    def forget(self) -> None:
        self.url = None


_NOTED = "https://registry.test/v2/a/blobs/uploads/earlier?_state=opaque"


@pytest.mark.parametrize("kind", [_Known, _Fresh])
@pytest.mark.parametrize(
    ("url", "there", "opened"),
    [
        pytest.param(_NOTED, _DATA[:400_000], [400_000], id="some of it is there"),
        pytest.param(_NOTED, _DATA, [len(_DATA)], id="all of it is there"),
        pytest.param(_NOTED, b"", [0], id="nothing of it is there"),
        pytest.param(_NOTED, b"!" * 400_000, [400_000, 0], id="something else is there"),
        pytest.param(_NOTED.replace("earlier", "gone"), b"", [0], id="it is gone"),
        pytest.param(_NOTED.replace("https", "http"), _DATA[:400_000], [0], id="it is not to be asked without TLS"),
        pytest.param("https://elsewhere.test/x", b"", [0], id="it was elsewhere, and nobody answers there"),
    ],
)
def test_an_upload_of_an_earlier_run(kind: type[_Known], url: str, there: bytes, opened: list[int]) -> None:
    registry = _Uploads()
    registry.uploads["earlier"] = there

    def answer(sent: Sent) -> Answer | Exception:
        if "elsewhere.test" in sent.url:
            return ConnectionFailed(sent.url, "refused", "nobody there", sent=False)
        return registry(sent)

    made, _ = client(answer)
    source, bookmark = kind(), _Bookmark(url)
    sent = made.upload("a").send(source, bookmark=bookmark)
    assert sent == _DONE._replace(taken_up=opened[0] if len(opened) == 1 else 0)
    assert registry.blobs[_BLOB.digest] == _DATA
    assert source.opened == opened
    assert bookmark.url is None


def test_more_than_there_is_of_a_blob_is_not_taken_up() -> None:
    registry = _Uploads()
    registry.uploads["earlier"] = _DATA + b"!"
    made, _ = client(registry)
    assert made.upload("a").send(_Known(), bookmark=_Bookmark(_NOTED)) == _DONE


def test_an_upload_that_fails_stays_noted_for_whoever_comes_next() -> None:
    registry = _Uploads(*[300_000] * 9)
    made, _ = client(registry)
    bookmark = _Bookmark(None)

    class Interrupted(_Known):
        def open(self, offset: int) -> Iterator[bytes]:
            yield from itertools.islice(super().open(offset), 3)
            raise CancelledError("interrupted")

    with pytest.raises(CancelledError):
        made.upload("a").send(Interrupted(), bookmark=bookmark)
    assert bookmark.left
    assert bookmark.url is not None
    assert "/v2/a/blobs/uploads/1" in bookmark.url


def test_an_upload_without_progress_ends() -> None:
    registry = _Uploads(*[10] * 99)
    made, transport = client(registry)
    with pytest.raises(ConnectionFailed):
        made.upload("a").send(_Known())
    assert len([line for line in transport.lines if line.startswith("PUT")]) == IMPATIENT.attempts


@pytest.mark.parametrize(
    ("status", "wish", "puts"),
    [(503, None, 2), (429, "0", 2), (429, "86400", 1), (502, "Thu, 01 Jan 1970 00:00:00 GMT", 2)],
)
def test_a_registry_that_wants_a_pause_gets_it(status: int, wish: str | None, puts: int) -> None:
    registry = _Uploads()
    refusals = [Answer(status, {} if wish is None else {"Retry-After": wish})]

    def answer(sent: Sent) -> Answer | Exception:
        return refusals.pop() if sent.method == "PUT" and refusals else registry(sent)

    made, transport = client(answer)
    if puts == 1:
        with pytest.raises(TooManyRequests):  # longer than anybody waits
            made.upload("a").send(_Known())
    else:
        assert made.upload("a").send(_Known()) == _DONE
    assert len([line for line in transport.lines if line.startswith("PUT")]) == puts


def test_disagreement_after_a_resumption_starts_over_once() -> None:
    registry = _Uploads(500_000)
    made, _ = client(registry)

    class Meddled(_Known):
        def open(self, offset: int) -> Iterator[bytes]:
            if offset:
                registry.uploads["1"] = b"!" + registry.uploads["1"][1:]
            return super().open(offset)

    source = Meddled()
    assert made.upload("a").send(source) == _DONE
    assert source.opened == [0, 500_000, 0]


def test_a_registry_that_lost_some_since_it_said_is_asked_again() -> None:
    class Forgetful(_Uploads):
        """Tells an offset, and has less by the time that the rest comes (distribution-spec: 416)."""

        def __call__(self, sent: Sent) -> Answer | Exception:
            begin = int(sent.headers.get("Content-Range", "0-0").partition("-")[0])
            if begin == 500_000:
                self.uploads["1"] = self.uploads["1"][:200_000]
                return Answer(416, {"Location": self.location.format("1"), "Range": "0-199999"})
            return super().__call__(sent)

    registry = Forgetful(500_000)
    made, _ = client(registry)
    source = _Known()
    assert made.upload("a").send(source) == _DONE
    assert source.opened == [0, 500_000, 200_000]
    assert registry.blobs[_BLOB.digest] == _DATA


def test_a_token_that_dies_during_a_push_is_replaced() -> None:
    tokens = iter(range(1, 10))
    registry = _Uploads()
    refused = []

    def answer(sent: Sent) -> Answer | Exception:
        if sent.url.startswith("https://auth.test/"):
            assert "scope=repository%3Aa%3Apull%2Cpush" in sent.url
            return Answer(200, {}, b'{"token":"%d","expires_in":300}' % next(tokens))
        challenge = 'Bearer realm="https://auth.test/token",service="registry.test"'
        if sent.authorization is None:
            return Answer(401, {"WWW-Authenticate": challenge})
        if sent.method == "PUT" and sent.authorization == "Bearer 1":
            refused.append(len(sent.body))
            return Answer(401, {"WWW-Authenticate": f'{challenge},error="invalid_token"'})
        return registry(sent)

    made, _ = client(answer)
    source = _Known()
    assert made.upload("a").send(source) == _DONE
    assert (refused, source.opened) == ([len(_DATA)], [0, 0])
    assert registry.blobs[_BLOB.digest] == _DATA


def test_a_refused_digest_is_not_sent_again() -> None:
    registry = _Uploads()
    made, transport = client(registry)
    with pytest.raises(RegistryFailure, match=re.escape("cannot push to registry.test/a: digest invalid")):
        made.upload("a").send(BytesSource(b"x", Digest.of(b"y")))
    assert len(transport.lines) == 2


def test_a_source_that_fails_is_not_blamed_on_the_registry() -> None:
    class Failing(_Known):
        def open(self, offset: int) -> Iterator[bytes]:
            yield b"a"
            raise OSError(5, "Input/output error")

    made, _ = client(_Uploads())
    with pytest.raises(OSError, match="Input/output error"):
        made.upload("a").send(Failing())


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("", "nothing"),
        ("http://storage.test/u", "it wants the upload over plain HTTP"),
        ("file:///etc/passwd", "it gave no place to upload to"),
        ("https://user:pass@evil.test/u", "it gave no place to upload to"),
    ],
)
def test_a_bad_place_to_upload_to_is_refused(location: str, why: str) -> None:
    registry = _Uploads()
    registry.location = location
    made, transport = client(registry)
    with pytest.raises(RegistryFailure) as caught:
        made.upload("a").send(_Known())
    if location:
        assert why in caught.value.message
        assert all(sent.url.startswith("https://registry.test/") for sent in transport.sent)


def test_credentials_do_not_follow_an_upload_to_another_host() -> None:
    def answer(sent: Sent) -> Answer:
        if sent.url.startswith("https://evil.test/"):
            return Answer(201)
        if sent.authorization is None:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="r"'})
        return Answer(202, {"Location": "https://evil.test/upload"}) if sent.method == "POST" else _OK

    from boxwright.remote.credentials import Credential

    made, transport = client(answer, Credential("ada", "lovelace"), insecure=True)
    made.upload("a").send(_Known())
    last = transport.sent[-1]
    assert last.url.startswith("https://evil.test/")
    assert last.authorization is None
    assert last.verify, "nor does leniency"


# ---- mounts


def test_a_mount_asks_for_both_repositories() -> None:
    made, transport = client(lambda sent: Answer(201) if sent.method == "POST" else _OK)
    assert made.upload("a/b").mount(_BLOB.digest, "c/d") is None
    assert transport.lines == [f"POST /v2/a/b/blobs/uploads/?mount={_BLOB.digest.replace(':', '%3A')}&from=c%2Fd"]


def test_a_mount_that_is_not_done_is_an_upload_that_is_open() -> None:
    registry = _Uploads()
    made, transport = client(registry)
    upload = made.upload("a")
    url = upload.mount(_BLOB.digest, "b")
    assert url is not None
    assert upload.send(_Known(), url) == _DONE
    assert len([line for line in transport.lines if line.startswith("POST")]) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_mount_that_is_refused_is_sent_without(status: int) -> None:
    registry = _Uploads()

    def answer(sent: Sent) -> Answer | Exception:
        return Answer(status) if "mount=" in sent.url else registry(sent)

    made, _ = client(answer)
    upload = made.upload("a")
    assert upload.send(_Known(), upload.mount(_BLOB.digest, "b")) == _DONE

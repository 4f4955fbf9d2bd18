"""ADD of a URL, from a server on loopback that counts what it is asked."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from boxwright.build.downloads import DownloadFailed, DownloadMismatch, UrlInvalid
from boxwright.store.store import Store
from support.building import Workbench

pytestmark = pytest.mark.root

MODIFIED = "Sun, 09 Sep 2001 01:46:40 GMT"


class Files(ThreadingHTTPServer):
    """Serves `content` at every path but ``/missing``, with an ETag unless `etags` is False."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = b"served"
        self.etags = True
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        etag = f'"{hash(self.server.content)}"'
        if self.path == "/missing":
            status = 404
        elif self.server.etags and self.headers["If-None-Match"] == etag:
            status = 304
        else:
            status = 200
        self.server.answers.append(status)
        self.send_response(status)
        if self.server.etags:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", MODIFIED)
        body = self.server.content if status == 200 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Files]:
    with Files() as files:
        thread = threading.Thread(target=files.serve_forever, args=(0.05,))
        thread.start()
        yield files
        files.shutdown()
        thread.join()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Store.open(tmp_path / "root") as store:
        yield Workbench(store, tmp_path / "context")


def test_a_url_becomes_a_private_file_of_its_own_time(bench: Workbench, server: Files) -> None:
    image = bench.build(f"FROM scratch\nADD {server.url}/a/tool%20x.bin?v=1 /opt/\n")
    assert image.tree() == {"/opt/tool x.bin": "served"}
    assert image.mode("/opt/tool x.bin") == 0o600
    assert image.owner("/opt/tool x.bin") == (0, 0)
    assert int(image.stat("/opt/tool x.bin").st_mtime) == 1_000_000_000


@pytest.mark.parametrize(
    ("instruction", "path", "mode"),
    [
        ("ADD {0}/f /named", "/named", 0o600),
        ("ADD {0}/ /d/", "/d/__unnamed__", 0o600),
        ("ADD --chmod=755 --chown=1:2 {0}/f /d/", "/d/f", 0o755),
        ("ARG P=f\nADD {0}/$P /d/", "/d/f", 0o600),
    ],
)
def test_names_and_flags(bench: Workbench, server: Files, instruction: str, path: str, mode: int) -> None:
    image = bench.build(f"FROM scratch\n{instruction.format(server.url)}\n")
    assert image.tree() == {path: "served"}
    assert image.mode(path) == mode


def test_urls_and_files_together(bench: Workbench, server: Files) -> None:
    image = bench.build(f"FROM scratch\nADD f {server.url}/g /d/\n", {"f": "f"})
    assert image.tree() == {"/d/f": "f", "/d/g": "served"}


def test_an_archive_from_a_url_is_not_unpacked(bench: Workbench, server: Files) -> None:
    server.content = b"\0" * 1024
    image = bench.build(f"FROM scratch\nADD {server.url}/x.tar /d/\n")
    assert image.files() == ["/d/", "/d/x.tar"]


def test_what_has_not_changed_is_not_sent_again(bench: Workbench, server: Files) -> None:
    text = f"FROM scratch\nADD {server.url}/f /\n"
    bench.build(text)
    assert bench.build(text).cached() == [True]
    server.content = b"other"
    changed = bench.build(text)
    assert (changed.cached(), changed.tree()) == ([False], {"/f": "other"})
    assert server.answers == [200, 304, 200]


def test_without_a_tag_the_content_decides(bench: Workbench, server: Files) -> None:
    server.etags = False
    text = f"FROM scratch\nADD {server.url}/f /\n"
    bench.build(text)
    assert bench.build(text).cached() == [True]
    server.content = b"other"
    assert bench.build(text).cached() == [False]


def test_unchanged_content_that_is_needed_again_is_fetched(bench: Workbench, server: Files) -> None:
    bench.build(f"FROM scratch\nADD {server.url}/f /a\n")
    image = bench.build(f"FROM scratch\nADD {server.url}/f /b\n")
    assert image.tree() == {"/b": "served"}


def test_what_cannot_be_had_is_told_with_its_place(bench: Workbench, server: Files) -> None:
    with pytest.raises(DownloadFailed, match=r"/missing: the server answers 404") as caught:
        bench.build(f"FROM scratch\nADD {server.url}/missing /\n")
    assert caught.value.detail[0] == "Dockerfile:2"


def test_a_server_that_is_not_there(bench: Workbench, server: Files) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadFailed) as caught:
        bench.build(f"FROM scratch\nADD {server.url}/f /\n")
    assert caught.value.message == f"cannot fetch {server.url}/f: connection refused"


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://[::1/f", "Invalid IPv6 URL"), ("http://", "it names no host"), ("https:///f", "it names no host")],
)
def test_what_is_no_url(bench: Workbench, url: str, why: str) -> None:
    with pytest.raises(UrlInvalid) as caught:
        bench.build(f"FROM scratch\n\nADD {url} /\n")
    assert caught.value.message == f"invalid URL {url}: {why}"
    assert caught.value.detail[0] == "Dockerfile:3"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_checksum_makes_asking_unnecessary(bench: Workbench, server: Files) -> None:
    text = f"FROM scratch\nARG SUM\nADD --checksum=sha256:$SUM {server.url}/f /\n"
    built = bench.build(text, build_args={"SUM": sha256(b"served")})
    assert built.tree() == {"/f": "served"}
    server.content = b"other"
    assert bench.build(text, build_args={"SUM": sha256(b"served")}).cached() == [True, True]
    assert server.answers == [200]


def test_another_content_than_the_checksum_says_is_refused(bench: Workbench, server: Files) -> None:
    with pytest.raises(DownloadMismatch, match=f"has sha256:{sha256(b'served')}, not sha256:{'0' * 64}") as caught:
        bench.build(f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {server.url}/f /\n")
    assert caught.value.detail[0] == "Dockerfile:2"


def test_an_archive_from_a_url_is_unpacked_on_request(bench: Workbench, server: Files) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("in/side")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"text"))
    server.content = buffer.getvalue()
    bench.write({"local.tar": server.content})
    line = f"{server.url}/x.tgz /d/\n"
    assert bench.build(f"FROM scratch\nADD --unpack {line}").tree() == {"/d/in/side": "text"}
    assert bench.build(f"FROM scratch\nADD --unpack=false {line}").files() == ["/d/", "/d/x.tgz"]
    assert bench.build("FROM scratch\nADD --unpack=false local.tar /d/\n").files() == ["/d/", "/d/local.tar"]
    assert bench.build("FROM scratch\nADD --unpack=true local.tar /d/\n").tree() == {"/d/in/side": "text"}


def test_what_is_no_archive_is_copied_in_spite_of_unpack(bench: Workbench, server: Files) -> None:
    assert bench.build(f"FROM scratch\nADD --unpack=true {server.url}/f /d/\n").tree() == {"/d/f": "served"}

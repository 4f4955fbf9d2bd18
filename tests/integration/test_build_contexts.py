"""Contexts from elsewhere: archives, Dockerfiles and git repositories, from servers on loopback."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from boxwright.build.context import DockerfileNotFound
from boxwright.build.namedcontexts import NamedContext
from boxwright.build.secrets import Secret
from boxwright.build.trees import SourceNotFound
from boxwright.engine.contexts import Access, NoArchive, is_remote, open_context, open_named
from boxwright.errors import InvalidError
from boxwright.store.store import Store
from support.git_server import GitServer, git, git_server, make_repository

FILES = {"Dockerfile": "FROM own", "web/Dockerfile": "FROM web", "web/index.html": "hi"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder that is served."""
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


@pytest.fixture
def url(files: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(files))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "served") as running:
        yield running


@pytest.fixture
def access(tmp_path: Path) -> Iterator[Access]:
    with Store.open(tmp_path / "root") as store:
        yield Access(store)


def archive(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def stdin(data: bytes = b"") -> Callable[[], io.BufferedReader]:
    return lambda: io.BufferedReader(io.BytesIO(data))  # it reads, and that will do


def opened(
    access: Access, where: str, dockerfile: str | None = None, *, given: bytes = b""
) -> tuple[str, list[str] | None]:
    """Return the Dockerfile of a context, and what is in it."""
    with open_context(where, dockerfile, access, stdin(given)) as context:
        if context.root is None:
            return context.dockerfile.text, None
        return context.dockerfile.text, sorted(path.name for path in Path(context.root).iterdir())


# ---- URLs


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_url_that_sends_an_archive_is_a_context(
    access: Access, files: Path, url: str, pack: Callable[[bytes], bytes]
) -> None:
    (files / "context").write_bytes(pack(archive(FILES)))
    assert opened(access, f"{url}/context") == ("FROM own", ["Dockerfile", "web"])
    assert opened(access, f"{url}/context", "web/Dockerfile") == ("FROM web", ["Dockerfile", "web"])
    assert opened(access, f"{url}/context", "-", given=b"FROM given") == ("FROM given", ["Dockerfile", "web"])
    assert list(access.store.layout.ingest.iterdir()) == [], "nothing of it is left"


def test_a_url_that_sends_text_is_a_dockerfile_without_a_context(access: Access, files: Path, url: str) -> None:
    (files / "text").write_text("FROM text")
    assert opened(access, f"{url}/text") == ("FROM text", None)
    with pytest.raises(InvalidError, match=r"there is no X in the context: .* is no tar, but a Dockerfile itself"):
        opened(access, f"{url}/text", "X")
    with pytest.raises(NoArchive):
        opened(access, f"{url}/text", "-", given=b"FROM given")


def test_a_dockerfile_from_a_url_goes_with_any_context(access: Access, files: Path, url: str, tmp_path: Path) -> None:
    (files / "text").write_text("\ufeffFROM text")
    (files / "context.tar").write_bytes(archive(FILES))
    (tmp_path / "folder").mkdir()
    assert opened(access, str(tmp_path / "folder"), f"{url}/text") == ("FROM text", [])
    assert opened(access, f"{url}/context.tar", f"{url}/text") == ("FROM text", ["Dockerfile", "web"])
    assert opened(access, "-", f"{url}/text", given=archive(FILES)) == ("FROM text", ["Dockerfile", "web"])


def test_what_an_archive_lacks_is_named(access: Access, files: Path, url: str) -> None:
    (files / "context.tar").write_bytes(archive({"x": ""}))
    with pytest.raises(DockerfileNotFound, match="Dockerfile or dockerfile"):
        opened(access, f"{url}/context.tar")
    with pytest.raises(DockerfileNotFound, match="docker/Other"):
        opened(access, f"{url}/context.tar", "docker/Other")


def test_a_dockerfile_of_an_archive_is_not_read_from_outside_of_it(access: Access, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("FROM outside")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        tar.addfile(info)
    with pytest.raises(DockerfileNotFound):
        opened(access, "-", given=out.getvalue())


# ---- git


def test_a_repository_is_a_context(access: Access, repositories: GitServer, tmp_path: Path) -> None:
    make_repository(tmp_path / "site", FILES)
    git(tmp_path / "site", "branch", "other")
    url = repositories.publish(tmp_path / "site", "site")
    assert opened(access, url) == ("FROM own", ["Dockerfile", "web"])
    assert opened(access, f"{url}#other:web") == ("FROM web", ["Dockerfile", "index.html"])
    assert opened(access, f"{url}?branch=other&subdir=web") == ("FROM web", ["Dockerfile", "index.html"])
    assert opened(access, f"{url}#:web", "-", given=b"FROM given") == ("FROM given", ["Dockerfile", "index.html"])
    kept = access._replace(keep_git_dir=True)
    assert opened(kept, url) == ("FROM own", [".git", "Dockerfile", "web"])
    assert list(access.store.layout.ingest.iterdir()) == []
    with pytest.raises(SourceNotFound, match="nowhere"):
        opened(access, f"{url}#:nowhere")


def test_a_private_repository_wants_a_secret(access: Access, repositories: GitServer, tmp_path: Path) -> None:
    make_repository(tmp_path / "site", FILES)
    url = repositories.publish(tmp_path / "site", "site")
    repositories.authorization = "basic eC1hY2Nlc3MtdG9rZW46dG9rZW4="
    token = Secret("GIT_AUTH_TOKEN", lambda: b"token\n")
    assert opened(access._replace(secrets={token.id: token}), url)[0] == "FROM own"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/context.tar", True),
        ("git@example.com:repo", True),
        ("ssh://git@example.com/repo", True),
        ("github.com/ada/web", True),
        ("web", False),
        ("./github.com/ada/web", False),
        ("user@host", False),
        ("ftp://example.com/x", False),
    ],
)
def test_what_is_fetched_and_what_is_a_folder(text: str, expected: bool) -> None:
    assert is_remote(text) is expected


def test_a_folder_goes_before_a_repository(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "github.com/ada/web"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM folder")
    monkeypatch.chdir(tmp_path)
    assert opened(access, "github.com/ada/web") == ("FROM folder", ["Dockerfile"])


# ---- named contexts


def named(access: Access, value: str) -> dict[str, str]:
    """Return the files of a named context, whose parts nothing is left of afterwards."""
    with open_named(NamedContext("x", value), access) as context:
        assert context.root is not None
        root = Path(context.root)
        found = {
            path.relative_to(root).as_posix(): path.read_text()
            for path in root.rglob("*")
            if path.is_file() and not context.rules.matches(path.relative_to(root).as_posix())
        }
    assert list(access.store.layout.ingest.iterdir()) == []
    return found


def test_a_url_as_a_named_context(access: Access, files: Path, url: str) -> None:
    (files / "a.tar.gz").write_bytes(gzip.compress(archive(FILES | {".dockerignore": "web"})))
    (files / "plain.txt").write_text("plain")
    assert named(access, f"{url}/a.tar.gz") == FILES | {".dockerignore": "web"}, "a folder's rules hold for folders"
    assert named(access, f"{url}/plain.txt") == {"context": "plain"}


def test_a_repository_as_a_named_context(access: Access, repositories: GitServer, tmp_path: Path) -> None:
    make_repository(tmp_path / "site", FILES)
    url = repositories.publish(tmp_path / "site", "site")
    assert named(access, url) == FILES
    assert named(access, f"{url}#:web") == {"Dockerfile": "FROM web", "index.html": "hi"}


def test_a_folder_as_a_named_context(access: Access, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "kept").write_text("1")
    (tmp_path / "x" / "left").write_text("2")
    (tmp_path / "x" / ".dockerignore").write_text("left\n.*")
    assert named(access, str(tmp_path / "x")) == {"kept": "1"}

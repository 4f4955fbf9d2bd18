"""ADD of git repositories, from a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.build.actions import RunOptions
from boxwright.build.secrets import Secret
from boxwright.build.trees import SourceNotFound
from boxwright.host.git import GitChecksumMismatch, GitFailed, GitRefNotFound
from boxwright.store.store import Store
from support.building import Workbench
from support.git_server import COMMITTED, GitServer, commit, git, git_server, make_repository

pytestmark = pytest.mark.root

HEADER = "basic eC1hY2Nlc3MtdG9rZW46dA=="
"""For the token ``t``."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Store.open(tmp_path / "root") as store:
        yield Workbench(store, tmp_path / "context")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "served") as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    make_repository(directory, {"index.html": "first", "docs/a.txt": "a", "docs/en/b.txt": "b"})
    git(directory, "tag", "v1")
    commit(directory, {"index.html": "second"})
    return directory


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("ADD {0} /site", {"/site/index.html": "second", "/site/docs/a.txt": "a", "/site/docs/en/b.txt": "b"}),
        ("ADD {0}#v1 /site/", {"/site/index.html": "first", "/site/docs/a.txt": "a", "/site/docs/en/b.txt": "b"}),
        ("ADD {0}#:docs /d", {"/d/a.txt": "a", "/d/en/b.txt": "b"}),
        ("ADD {0}?tag=v1&subdir=docs/en /d", {"/d/b.txt": "b"}),
        ("ARG REF=v1\nADD {0}#${{REF}}:docs/en f /d/", {"/d/b.txt": "b", "/d/f": "f"}),
        ("ADD --exclude=docs --exclude=*.md {0} /d", {"/d/index.html": "second"}),
        ("ADD --link {0}#:docs/en /d", {"/d/b.txt": "b"}),
    ],
)
def test_places(bench: Workbench, server: GitServer, site: Path, instruction: str, expected: dict[str, str]) -> None:
    url = server.publish(site, "site")
    assert bench.build(f"FROM scratch\n{instruction.format(url)}\n", {"f": "f"}).tree() == expected


def test_files_are_those_of_the_commit(bench: Workbench, server: GitServer, site: Path) -> None:
    url = server.publish(site, "site")
    image = bench.build(f"FROM scratch\nADD --chmod=go-r --chown=1:2 {url} /site\n")
    assert int(image.stat("/site/index.html").st_mtime) == COMMITTED
    assert (image.mode("/site/index.html"), image.owner("/site/docs")) == (0o600, (1, 2))


def test_the_commit_decides_about_the_cache(bench: Workbench, server: GitServer, site: Path) -> None:
    url = server.publish(site, "site")
    text = f"FROM scratch\nADD {url}#main /site\n"
    bench.build(text)
    server.requests.clear()
    assert bench.build(text).cached() == [True]
    assert len(server.requests) == 2, "what the name means was asked, and nothing fetched"
    head = commit(site, {"index.html": "third"})
    server.publish(site, "site")
    changed = bench.build(text)
    assert (changed.cached(), changed.read("/site/index.html")) == ([False], "third")
    assert bench.build(f"FROM scratch\nADD {url}#{head} /site\n").cached() == [True], "the same commit by its hash"


def test_the_git_directory_is_kept_on_request(bench: Workbench, server: GitServer, site: Path) -> None:
    url = server.publish(site, "site")
    for flags, address in (("--keep-git-dir=true ", url), ("", f"{url}?keep-git-dir=true")):
        image = bench.build(f"FROM scratch\nADD {flags}{address} /site\n")
        assert url in image.read("/site/.git/config")
    assert not any(".git" in path for path in bench.build(f"FROM scratch\nADD {url} /site\n").files())


def test_a_checksum(bench: Workbench, server: GitServer, site: Path) -> None:
    url = server.publish(site, "site")
    first = git(site, "rev-parse", "v1")
    assert bench.build(f"FROM scratch\nADD --checksum={first} {url}#v1 /\n").read("/index.html") == "first"
    with pytest.raises(GitChecksumMismatch) as caught:
        bench.build(f"FROM scratch\nADD --checksum={first} {url}#main /\n")
    assert caught.value.detail[0] == "Dockerfile:2"


@pytest.mark.parametrize(
    ("reference", "kind"),
    [("#nowhere", GitRefNotFound), ("#main:none", SourceNotFound), ("#:index.html", SourceNotFound)],
)
def test_what_is_not_there(
    bench: Workbench, server: GitServer, site: Path, reference: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        bench.build(f"FROM scratch\nADD {server.publish(site, 'site')}{reference} /\n")


@pytest.mark.parametrize(
    ("id", "secret"),
    [
        ("GIT_AUTH_TOKEN", b"t\n"),
        ("GIT_AUTH_HEADER", b"basic eC1hY2Nlc3MtdG9rZW46dA=="),
        ("GIT_AUTH_TOKEN.{host}", b"t"),
    ],
)
def test_secrets_open_private_repositories(
    bench: Workbench, server: GitServer, site: Path, id: str, secret: bytes
) -> None:
    text = f"FROM scratch\nADD {server.publish(site, 'site')}#:docs/en /\n"
    server.authorization = HEADER
    with pytest.raises(GitFailed):
        bench.build(text)
    name = id.format(host=server.url.removeprefix("http://"))
    options = RunOptions(secrets={name: Secret(name, lambda: secret)})
    assert bench.build(text, run=options).tree() == {"/b.txt": "b"}

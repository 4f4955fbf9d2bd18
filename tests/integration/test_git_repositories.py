"""Repositories of others: what names mean, and the files of a commit, from a server on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.host.git import (
    GitChecksumMismatch,
    GitFailed,
    GitRefInvalid,
    GitRefNotFound,
    Repository,
)
from boxwright.host.paths import Path as HostPath
from support.git_server import COMMITTED, GitServer, commit, git, git_server, make_repository
from support.trees import nested


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "served") as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Path:
    directory = tmp_path / "site"
    make_repository(directory, {"index.html": "first", "docs/a.txt": "a"})
    git(directory, "tag", "light")
    git(directory, "tag", "-a", "v1", "-m", "released")
    git(directory, "branch", "both")
    commit(directory, {"index.html": "second"})
    git(directory, "tag", "both")
    return directory


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_names_mean_commits(server: GitServer, site: Path) -> None:
    repository = Repository(server.publish(site, "site"))
    first, second = git(site, "rev-parse", "main^"), git(site, "rev-parse", "main")
    assert repository.resolve("").hash == repository.resolve("HEAD").hash == second
    assert repository.resolve("main").hash == second
    assert repository.resolve("refs/heads/main").hash == second
    assert repository.resolve("light").hash == first
    assert repository.resolve("v1") == (first, git(site, "rev-parse", "v1"))
    assert repository.resolve("both").hash == first  # the branch
    assert repository.resolve("refs/tags/both").hash == second
    with pytest.raises(GitRefNotFound, match="no branch, tag or commit nowhere"):
        repository.resolve("nowhere")
    with pytest.raises(GitRefInvalid):
        repository.resolve("--upload-pack=touch")


def test_nobody_is_asked_about_a_whole_commit(server: GitServer, site: Path) -> None:
    repository = Repository(server.publish(site, "site"))
    assert repository.resolve("a" * 40).hash == "a" * 40
    assert server.requests == []


def test_a_checksum_holds_a_name_to_its_commit(server: GitServer, site: Path) -> None:
    repository = Repository(server.publish(site, "site"))
    first, tag = git(site, "rev-parse", "v1^{commit}"), git(site, "rev-parse", "v1")
    assert repository.resolve("v1", expected=first[:7]).hash == first
    assert repository.resolve("v1", expected=tag.upper()).hash == first
    with pytest.raises(GitChecksumMismatch):
        repository.resolve("main", expected=first)


@pytest.mark.parametrize("plain", [False, True], ids=["git's protocol", "files of a web server"])
def test_checkout(server: GitServer, site: Path, tmp_path: Path, plain: bool) -> None:
    (site / "tool").write_text("#!/bin/sh")
    (site / "tool").chmod(0o700)
    (site / "link").symlink_to("docs")
    head = commit(site, {})
    url = server.publish(site, "site")
    repository = Repository(url.replace("/site", "/plain/site") if plain else url)
    before = os.umask(0o077)
    try:
        repository.checkout(head, HostPath(tmp_path / "out"))
    finally:
        os.umask(before)
    out = tmp_path / "out"
    assert names(out) == ["docs", "index.html", "link", "tool"]
    assert (out / "index.html").read_text() == "second"
    modes = [oct((out / name).lstat().st_mode & 0o777) for name in ("docs", "index.html", "tool")]
    assert modes == ["0o755", "0o644", "0o755"]
    assert {path.lstat().st_mtime for path in (out, *out.rglob("*"))} == {float(COMMITTED)}


def test_a_checkout_deeper_than_pythons_stack(deep: Path, server: GitServer, site: Path) -> None:
    (nested(site, 1000) / "leaf").write_text("x")
    head = commit(site, {})
    Repository(server.publish(site, "site")).checkout(head, HostPath(deep / "out"))
    assert (deep / "out" / ("n/" * 1000) / "leaf").stat().st_mtime == COMMITTED


def test_an_older_commit_is_fetched_alone(server: GitServer, site: Path, tmp_path: Path) -> None:
    repository = Repository(server.publish(site, "site"))
    repository.checkout(repository.resolve("v1").hash, HostPath(tmp_path / "out"), keep_git_dir=True)
    assert (tmp_path / "out/index.html").read_text() == "first"
    assert git(tmp_path / "out", "rev-list", "--all", "HEAD").count("\n") == 0
    assert git(tmp_path / "out", "remote", "get-url", "origin") == repository.url
    assert "hooks" not in names(tmp_path / "out/.git")


def test_a_commit_that_is_nowhere(server: GitServer, site: Path, tmp_path: Path) -> None:
    with pytest.raises(GitRefNotFound):
        Repository(server.publish(site, "site")).checkout("a" * 40, HostPath(tmp_path / "out"))


def test_a_server_that_wants_credentials(server: GitServer, site: Path) -> None:
    server.authorization = "basic eC1hY2Nlc3MtdG9rZW46dA=="
    url = server.publish(site, "site")
    with pytest.raises(GitFailed) as caught:
        Repository(url).resolve("main")
    assert "GIT_AUTH_TOKEN" in (caught.value.hint or "")
    assert Repository(url, authorization=server.authorization).resolve("main").hash == git(site, "rev-parse", "main")


def test_local_repositories_and_helpers_are_refused(site: Path, tmp_path: Path) -> None:
    for url in (str(site), f"file://{site}", f"ext::sh -c touch% {tmp_path}/made"):
        with pytest.raises(GitFailed):
            Repository(url).resolve("main")
    assert not (tmp_path / "made").exists()
    assert Repository(f"file://{site}", protocols=("file",)).resolve("main").hash == git(site, "rev-parse", "main")


def test_the_configuration_of_the_machine_plays_no_part(
    server: GitServer, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.publish(site, "site")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/.gitconfig").write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    Repository(url).resolve("main")


def test_with_submodules_and_without(server: GitServer, site: Path, tmp_path: Path) -> None:
    make_repository(tmp_path / "theme", {"style.css": "blue"})
    server.publish(tmp_path / "theme", "theme")
    git(site, "submodule", "--quiet", "add", "../theme", "theme")
    git(site, "config", "--file", ".gitmodules", "submodule.theme.url", "../theme.git")
    head = commit(site, {})
    repository = Repository(server.publish(site, "site"))
    repository.checkout(head, HostPath(tmp_path / "without"), submodules=False)
    assert names(tmp_path / "without/theme") == []
    repository.checkout(head, HostPath(tmp_path / "with"), submodules=True)
    assert names(tmp_path / "with/theme") == ["style.css"]

"""What ADD and contexts say of a git repository."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.git_url import GitUrl, GitUrlInvalid, is_commit, parse_git_url

HTTPS = "https://example.com/ada/site.git"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HTTPS, GitUrl(HTTPS)),
        ("http://example.com/site.git", GitUrl("http://example.com/site.git")),
        (f"{HTTPS}#v1", GitUrl(HTTPS, "v1")),
        (f"{HTTPS}#v1:docs/en", GitUrl(HTTPS, "v1", "docs/en")),
        (f"{HTTPS}#:docs", GitUrl(HTTPS, "", "docs")),
        (f"{HTTPS}#", GitUrl(HTTPS)),
        (f"{HTTPS}#:/", GitUrl(HTTPS)),
        (f"{HTTPS}#feature/a", GitUrl(HTTPS, "feature/a")),
        (f"{HTTPS}#{COMMIT}", GitUrl(HTTPS, COMMIT)),
        ("git@example.com:ada/site", GitUrl("git@example.com:ada/site")),
        ("git@example.com:ada/site.git#main:docs", GitUrl("git@example.com:ada/site.git", "main", "docs")),
        ("ssh://git@example.com:2222/site#main", GitUrl("ssh://git@example.com:2222/site", "main")),
        ("git://example.com/site", GitUrl("git://example.com/site")),
        (f"{HTTPS}?ref=v1&subdir=docs", GitUrl(HTTPS, "v1", "docs")),
        (f"{HTTPS}?branch=main", GitUrl(HTTPS, "refs/heads/main")),
        (f"{HTTPS}?tag=v1", GitUrl(HTTPS, "refs/tags/v1")),
        (f"{HTTPS}?ref=a%2Fb", GitUrl(HTTPS, "a/b")),
        (f"{HTTPS}?commit=0123456", GitUrl(HTTPS, checksum="0123456")),
        (f"{HTTPS}?checksum={COMMIT.upper()}", GitUrl(HTTPS, checksum=COMMIT)),
        (f"{HTTPS}?keep-git-dir=true", GitUrl(HTTPS, keep_git_dir=True)),
        (f"{HTTPS}?keep-git-dir=0&submodules", GitUrl(HTTPS, keep_git_dir=False, submodules=True)),
        (f"{HTTPS}?subdir=docs#v1", GitUrl(HTTPS, "v1", "docs")),
    ],
)
def test_reference(text: str, expected: GitUrl) -> None:
    assert parse_git_url(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a/b", "./a@b:c.git", "https://example.com/site.git.tar", "https://example.com/a#x.git", "github.com/ada/site"],
)
def test_what_is_no_repository(text: str) -> None:
    assert parse_git_url(text) is None


def test_github_without_a_scheme_is_a_repository_where_no_path_can_be_meant() -> None:
    assert parse_git_url("github.com/ada/site#v1", bare_github=True) == GitUrl("https://github.com/ada/site", "v1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{HTTPS}#--upload-pack=x", "cannot be the name"),
        (f"{HTTPS}#a..b", "cannot be the name"),
        (f"{HTTPS}#+refs/*", "cannot be the name"),
        (f"{HTTPS}#main:../x", "outside of the repository"),
        (f"{HTTPS}?reff=main", r"unknown parameter reff \(did you mean ref\?\)"),
        (f"{HTTPS}?ref=a#b", "ref is given twice"),
        (f"{HTTPS}?ref=a&tag=b", "ref is given twice"),
        (f"{HTTPS}?subdir=a#b:c", "subdir is given twice"),
        (f"{HTTPS}?checksum=abc", "abc is no commit"),
        (f"{HTTPS}?submodules=maybe", "true or false, not maybe"),
    ],
)
def test_what_cannot_be(text: str, why: str) -> None:
    with pytest.raises(GitUrlInvalid, match=why):
        parse_git_url(text)


def test_a_commit_is_a_whole_hash() -> None:
    assert [is_commit(text) for text in (COMMIT, "a" * 64, COMMIT[:39], "main")] == [True, True, False, False]
    assert [GitUrl(HTTPS, ref).commit for ref in (COMMIT, "main")] == [COMMIT, None]

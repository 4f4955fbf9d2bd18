"""Bake files of a git repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from boxwright.dockerfile.git_url import parse_git_url
from boxwright.engine.baking.jobs import Fetching
from boxwright.engine.baking.reading import Remote
from boxwright.engine.contexts import Access, fetch_repository, is_url
from boxwright.engine.given import given
from boxwright.errors import UnsupportedError
from boxwright.store.store import Store

# Variables of buildx → the secrets that git's servers are shown.
_TOKENS = {"BUILDX_BAKE_GIT_AUTH_TOKEN": "GIT_AUTH_TOKEN", "BUILDX_BAKE_GIT_AUTH_HEADER": "GIT_AUTH_HEADER"}
_SSH, _AGENT = ("ssh://", "git@"), "SSH_AUTH_SOCK"


def urls_of(words: Sequence[str]) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Take a command line's words apart: the URL of the files, that of BAKE_CMD_CONTEXT, and the targets.

    Raises UnsupportedError for the URL of something else than a git repository.
    """
    urls: list[str] = []
    while len(urls) < min(2, len(words)) and _is_remote(words[len(urls)]):
        urls.append(words[len(urls)])
    if urls and parse_git_url(urls[0], bare_github=True) is None:
        raise UnsupportedError(
            f"{urls[0]}: bake files from elsewhere are read from git repositories", hint="its URL ends with .git"
        )
    return urls[0] if urls else None, urls[1] if len(urls) > 1 else None, tuple(words[len(urls) :])


def fetching_of(url: str, environ: Mapping[str, str]) -> Fetching:
    """Return what the environment has for a repository: tokens, and the agent for a URL of SSH."""
    secrets = tuple(f"id={id},env={name}" for name, id in _TOKENS.items() if environ.get(name))
    return Fetching(url, secrets, ("default",) if url.startswith(_SSH) and environ.get(_AGENT) else ())


@contextmanager
def remote_files(store: Store, fetching: Fetching, environ: Mapping[str, str]) -> Iterator[Remote]:
    """Fetch a repository, and yield where its files are for the time of the block.

    Raises GitUrlInvalid, GitFailed, GitRefNotFound, SourceNotFound.
    """
    with (
        given(fetching.secrets, fetching.ssh, (), "default", environ) as have,
        store.scratch() as scratch,
    ):
        arrived = fetch_repository(fetching.url, Access(store, have.secrets, have.agents), scratch)
        assert arrived is not None, "it is the URL of a repository"
        yield Remote(fetching.url, str(arrived.path))


def _is_remote(word: str) -> bool:
    return is_url(word) or parse_git_url(word, bare_github=True) is not None

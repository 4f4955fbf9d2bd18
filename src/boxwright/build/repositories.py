"""ADD of a git repository: known by the commit that its reference means now, fetched only if that is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from boxwright.build.scan import Item, scan
from boxwright.build.secrets import Secret
from boxwright.build.trees import Selection, SourceNotFound
from boxwright.dockerfile.git_url import GitUrl
from boxwright.host.git import Commit, Repository
from boxwright.host.paths import Path
from boxwright.layer.union import UnionView

_TOKEN = "GIT_AUTH_TOKEN"
_HEADER = "GIT_AUTH_HEADER"
_DEFAULT_AGENT = "default"


class RemoteRepository:
    """One repository as a source. Nothing is asked or fetched before `commit` or `select`, and either at most once."""

    __slots__ = ("_commit", "_directory", "_git", "_repository")

    def __init__(self, git: GitUrl, directory: Callable[[], Path], repository: Repository) -> None:
        """`directory` returns one that doesn't exist yet, for the files; whoever gave it removes it."""
        self._git = git
        self._directory = directory
        self._repository = repository
        self._commit: Commit | None = None

    @property
    def commit(self) -> str:
        """The commit that the reference means. Raises GitFailed, GitRefNotFound, GitChecksumMismatch."""
        if self._commit is None:
            self._commit = self._repository.resolve(self._git.ref, expected=self._git.checksum)
        return self._commit.hash

    @property
    def _submodules(self) -> bool:
        """Whether to fetch them; who adds a repository trusts it with what its submodules are."""
        return self._git.submodules is not False

    def document(self) -> list[object]:
        """Return what the files depend on: the commit, wherever it comes from, unless they tell where that is."""
        git = self._git
        # A commit names those of its submodules, too: wherever they are fetched from, they are the same.
        url = git.url if git.keep_git_dir else ""
        return [self.commit, git.subdir, bool(git.keep_git_dir), self._submodules, url]

    def select(self) -> Selection:
        """Return the repository's files, or those of the directory in it. Raises GitFailed, SourceNotFound."""
        git, directory = self._git, self._directory()
        keep = bool(git.keep_git_dir)
        self._repository.checkout(self.commit, directory, keep_git_dir=keep, submodules=self._submodules)
        node = UnionView([directory]).lookup(git.subdir)
        if node is None or not node.is_dir:
            raise SourceNotFound(git.subdir, f"commit {self.commit[:12]} of {git.url}", "it has to be a directory")
        seen = scan(node.location)
        return Selection("", Item("", node.location, node.stat), seen, seen.fingerprint, False)


def remote_repository(
    git: GitUrl, secrets: Mapping[str, Secret], agents: Mapping[str, str], scratch: Callable[[], Path]
) -> RemoteRepository:
    """Return a source that may use the secrets GIT_AUTH_TOKEN and GIT_AUTH_HEADER and the SSH agent ``default``.

    Either secret may be given for one host alone: ``GIT_AUTH_TOKEN.example.com``. Files come below `scratch`.
    """
    header = _authorization(git.url, secrets) if git.url.startswith(("http://", "https://")) else None
    repository = Repository(git.url, agent=agents.get(_DEFAULT_AGENT), authorization=header)
    return RemoteRepository(git, lambda: scratch() / f"git-{os.urandom(8).hex()}", repository)


def _authorization(url: str, secrets: Mapping[str, Secret]) -> str | None:
    host = url.split("/")[2].rpartition("@")[2]
    for name in (f"{_HEADER}.{host}", _HEADER):
        if name in secrets:
            return _text(secrets[name])
    for name in (f"{_TOKEN}.{host}", _TOKEN):
        if name in secrets:
            import base64

            return "basic " + base64.b64encode(f"x-access-token:{_text(secrets[name])}".encode()).decode()
    return None


def _text(secret: Secret) -> str:
    return secret.read().decode(errors="replace").strip()

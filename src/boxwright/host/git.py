"""Git repositories of others: which commit a name means, and that commit's files.

A repository, its address and what is in it may be hostile, and the machine has a configuration of its own that no
result may depend on. So git runs without the system's and the user's configuration, without hooks, templates, filters,
credential helpers and questions; only over protocols that reach another machine; and it fetches one commit, not the
history, where the server can do that. Submodules are fetched only when that is asked for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from boxwright.errors import CorruptError, InvalidError, NotFoundError, UnavailableError
from boxwright.host import process
from boxwright.host.paths import Path
from boxwright.values import NamedTuple

PROTOCOLS = ("http", "https", "ssh", "git")
_HEX = frozenset("0123456789abcdef")
_HASH_LENGTHS = (40, 64)
_KEPT = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NO_KEYS = "ssh -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile=/dev/null"
_AGENT_KEYS = "ssh -o BatchMode=yes"
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "core.symlinks": "true",
    "core.fileMode": "true",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "protocol.version": "2",
    # A server that sends nothing for a minute is gone.
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
}


class GitFailed(UnavailableError):
    """A repository cannot be reached, or git failed at it."""

    def __init__(self, url: str, completed: process.Completed) -> None:
        lines = completed.stderr.decode(errors="replace").strip().splitlines()
        super().__init__(f"git cannot read {url}", detail=lines[-10:], hint=_hint(lines))
        self.url = url


class GitRefNotFound(NotFoundError):
    """A repository has no branch, tag or commit of a name."""

    def __init__(self, url: str, ref: str) -> None:
        super().__init__(f"{url} has no {f'branch, tag or commit {ref}' if ref else 'HEAD'}")
        self.url = url
        self.ref = ref


class GitRefInvalid(InvalidError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"{ref} cannot be the name of a branch, a tag or a commit")
        self.ref = ref


class GitChecksumMismatch(CorruptError):
    """A name means another commit than it should."""

    def __init__(self, url: str, ref: str, expected: str, actual: str) -> None:
        super().__init__(f"{url}: {ref or 'HEAD'} is commit {actual}, not {expected}")
        self.expected = expected
        self.actual = actual


class Commit(NamedTuple):
    """What a name in a repository means."""

    hash: str
    tag: str = ""
    """The hash of the annotated tag that the name is, if it is one."""


class Repository:
    """One repository of somebody else's. Nothing is asked before a method is called."""

    __slots__ = ("_agent", "_authorization", "_protocols", "url")

    def __init__(
        self,
        url: str,
        *,
        agent: str | None = None,
        authorization: str | None = None,
        protocols: Sequence[str] = PROTOCOLS,
    ) -> None:
        """`agent` is the path of an SSH agent's socket, whose keys are the only ones that are used; `authorization` the
        value of an HTTP header of that name, sent to the URL's own host alone."""
        self.url = url
        self._agent = agent
        self._authorization = authorization
        self._protocols = protocols

    def resolve(self, ref: str, *, expected: str = "") -> Commit:
        """Return what `ref` means now; empty is ``HEAD``. A commit in full is taken as it is, and nobody is asked.

        A branch goes before a tag of the same name. `expected` is what the hash of the commit, or of an annotated tag,
        must start with. Raises GitFailed, GitRefNotFound, GitRefInvalid, GitChecksumMismatch, CommandNotFound.
        """
        commit = Commit(ref) if _is_hash(ref) else self._ask(ref)
        if expected and not any(hash.startswith(expected.lower()) for hash in commit if hash):
            raise GitChecksumMismatch(self.url, ref, expected, commit.hash)
        return commit

    def checkout(self, commit: str, directory: Path, *, keep_git_dir: bool = False, submodules: bool = False) -> None:
        """Put the files of `commit`, a whole hash, into `directory`, which is made.

        Their modes are 0644 or 0755, their times that of the commit, so the same commit always gives the same files.
        What is there after an error is unfinished. Raises GitFailed, GitRefNotFound, CommandNotFound.
        """
        self._run("init", "--quiet", "--template=", "--", directory)
        self._fetch(commit, directory)
        self._run("checkout", "--quiet", "--detach", commit, cwd=directory)
        seconds = int(self._run("show", "--no-patch", "--format=%ct", commit, cwd=directory).stdout or b"0")
        if submodules:
            self._run("remote", "add", "origin", self.url, cwd=directory)  # what relative addresses are relative to
            update = ("submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
            self._run(*update, cwd=directory)
        elif keep_git_dir:
            self._run("remote", "add", "origin", self.url, cwd=directory)
        _normalize(directory, seconds * 1_000_000_000, keep_git_dir=keep_git_dir)

    def _ask(self, ref: str) -> Commit:
        if ref.startswith("-") or any(char in ref for char in ":*?[\\^~ \n"):
            raise GitRefInvalid(ref)
        if ref == "HEAD":
            ref = ""
        wanted = (ref, f"{ref}^{{}}") if ref else ("HEAD",)
        found: dict[str, str] = {}
        for line in self._run("ls-remote", "--", self.url, *wanted).stdout.decode(errors="replace").splitlines():
            hash, _, name = line.partition("\t")
            if _is_hash(hash):
                found[name] = hash
        names = (f"refs/{ref.removeprefix('refs/')}", f"refs/heads/{ref}", f"refs/tags/{ref}") if ref else ("HEAD",)
        for name in names:
            if name in found:
                peeled = found.get(name + "^{}")
                return Commit(peeled, found[name]) if peeled else Commit(found[name])
        raise GitRefNotFound(self.url, ref)

    def _fetch(self, commit: str, directory: Path) -> None:
        options = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
        shallow = self._try(*options, "--depth=1", "--", self.url, commit, cwd=directory)
        if not shallow.returncode:
            return
        # A server that gives no single commits (or is no more than files on a web server): everything that it has.
        everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self._run(*options, "--", self.url, *everything, cwd=directory)
        if self._try("cat-file", "-e", f"{commit}^{{commit}}", cwd=directory).returncode:
            raise GitRefNotFound(self.url, commit)

    def _run(self, *arguments: str, cwd: str | None = None) -> process.Completed:
        completed = self._try(*arguments, cwd=cwd)
        if completed.returncode:
            raise GitFailed(self.url, completed)
        return completed

    def _try(self, *arguments: str, cwd: str | None = None) -> process.Completed:
        git = process.require("git")
        return process.run([git, *arguments], env=self._environment(), cwd=cwd, check=False)

    def _environment(self) -> dict[str, str]:
        env = {name: os.environ[name] for name in (*_KEPT, *_PROXIES) if name in os.environ}
        env |= {
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(self._protocols),
            "GIT_SSH_COMMAND": _NO_KEYS if self._agent is None else _AGENT_KEYS,
        }
        if self._agent is not None:
            env["SSH_AUTH_SOCK"] = self._agent
        # By the environment: the programs that git starts see it, and other users' ps does not.
        return env | _as_variables([*_CONFIG.items(), *self._header()])

    def _header(self) -> Iterator[tuple[str, str]]:
        if self._authorization is not None and self.url.startswith(("http://", "https://")):
            origin = "/".join(self.url.split("/", 3)[:3])
            yield f"http.{origin}/.extraHeader", f"Authorization: {self._authorization}"


def _as_variables(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (name, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{index}"] = name
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    return variables


def _is_hash(text: str) -> bool:
    return len(text) in _HASH_LENGTHS and _HEX.issuperset(text)


def _normalize(directory: Path, time_ns: int, *, keep_git_dir: bool) -> None:
    """Give files the modes and times that they have by their commit, whatever the umask and the clock are."""
    from boxwright.host.trees import remove_tree

    if not keep_git_dir:
        remove_tree(directory / ".git")
    folders = [os.fspath(directory)]
    for folder in folders:  # grows while it is gone through: os.walk can't go as deep as a repository may
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode):
                folders.append(path)
                continue
            if stat.S_ISREG(mode):
                if name == ".git" and not keep_git_dir:
                    os.unlink(path)  # where a submodule's history was
                    continue
                os.chmod(path, 0o755 if mode & 0o100 else 0o644)
            os.utime(path, ns=(time_ns, time_ns), follow_symlinks=False)
    for folder in reversed(folders):  # what changes in a folder changes its time
        os.chmod(folder, 0o755)
        os.utime(folder, ns=(time_ns, time_ns))


def _hint(lines: Sequence[str]) -> str | None:
    text = "\n".join(lines)
    if "could not read Username" in text or "Authentication failed" in text:
        return "it wants credentials: --secret id=GIT_AUTH_TOKEN,src=FILE"
    if "Permission denied (publickey" in text:
        return "it wants an SSH key: --ssh default"
    if "Host key verification failed" in text:
        return "its host key is not known: ssh to it once, or add it to ~/.ssh/known_hosts"
    return None

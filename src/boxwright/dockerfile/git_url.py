"""Git repositories as ADD and build contexts name them: where it is, which commit, which directory of it.

https://host/repo.git#REF:DIRECTORY             the fragment; either part may be left out
https://host/repo.git?ref=REF&subdir=DIRECTORY  the query, which can also say `branch`, `tag`, `checksum` (or `commit`),
                                                `keep-git-dir` and `submodules`
git@host:path, ssh://…, git://…                 the same

An http or https URL names a repository when its path ends with ``.git``.
"""

from __future__ import annotations

import re

from boxwright.dockerfile.suggest import did_you_mean
from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

_SCP = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:[^?#]+")
_HTTP = ("http://", "https://")
_OTHER = ("ssh://", "git://")
_GITHUB = "github.com/"
_LOCAL = ("/", "./", "../")
_PERCENT = re.compile("%([0-9A-Fa-f]{2})")
# What git itself takes for the name of a branch or a tag is less than this; an option or a refspec is no name.
_REF = re.compile(r"[^-\s:+^~?*\[\\][^\s:^~?*\[\\]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHECKSUM = re.compile(r"[0-9a-f]{7,64}")
_SWITCHES = {"": True, "1": True, "true": True, "0": False, "false": False}
_NAMES = ("ref", "branch", "tag", "subdir", "checksum", "commit", "keep-git-dir", "submodules")


class GitUrlInvalid(InvalidError):
    """A text names a git repository, but says something about it that cannot be."""

    def __init__(self, text: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"invalid git URL {text}: {why}", hint=hint)
        self.text = text


class GitUrl(NamedTuple):
    url: str
    """What git is given: no query, no fragment."""
    ref: str = ""
    """A branch, a tag, a commit in full, or a name below ``refs/``; empty for what the repository's HEAD is."""
    subdir: str = ""
    """The directory in it, ``a/b``; empty for all of it."""
    checksum: str = ""
    """What the commit's hash must start with, in lower case."""
    keep_git_dir: bool | None = None
    submodules: bool | None = None
    """None where nothing is said."""

    @property
    def commit(self) -> str | None:
        """The commit, where the reference is one already: then nobody needs to be asked for it."""
        return self.ref if is_commit(self.ref) else None


def is_commit(text: str) -> bool:
    """Whether a text is a commit's whole hash, SHA-1 or SHA-256."""
    return _COMMIT.fullmatch(text) is not None


def is_checksum(text: str) -> bool:
    """Whether a text can be the beginning of a commit's hash, long enough to mean one."""
    return _CHECKSUM.fullmatch(text) is not None


def parse_git_url(text: str, *, bare_github: bool = False) -> GitUrl | None:
    """Return what a text says of a git repository, None if it names none.

    ``github.com/…`` without a scheme could be a local path: `bare_github` takes it for a repository.
    Raises GitUrlInvalid.
    """
    if text.startswith(_LOCAL):
        return None
    before, _, fragment = text.partition("#")
    remote, question, query = before.partition("?")
    if bare_github and text.startswith(_GITHUB):
        remote = "https://" + remote
    elif not (
        (text.startswith(_HTTP) and remote.rstrip("/").endswith(".git"))
        or (text.startswith(_OTHER) and len(remote) > len("ssh://"))
        or _SCP.fullmatch(remote)
    ):
        return None
    ref, _, subdir = fragment.partition(":")
    parsed = GitUrl(remote, ref, subdir)
    if question:
        parsed = _with_query(parsed, query, text)
    if parsed.ref and not (_REF.fullmatch(parsed.ref) and ".." not in parsed.ref):
        raise GitUrlInvalid(text, f"{parsed.ref} cannot be the name of a branch, a tag or a commit")
    return parsed._replace(subdir=_clean(parsed.subdir, text))


def _with_query(parsed: GitUrl, query: str, text: str) -> GitUrl:
    ref, subdir, checksum = parsed.ref, parsed.subdir, ""
    switches: dict[str, bool] = {}
    seen: set[str] = set()
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if not part:
            continue
        value = _unquote(value)
        kind = {"branch": "ref", "tag": "ref", "commit": "checksum"}.get(name, name)
        if name not in _NAMES:
            raise GitUrlInvalid(text, f"unknown parameter {name}{did_you_mean(name, _NAMES)}")
        if kind in seen or (kind == "ref" and ref) or (kind == "subdir" and subdir):
            raise GitUrlInvalid(text, f"{kind} is given twice")
        seen.add(kind)
        if kind == "ref":
            ref = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(name, "") + value
        elif kind == "subdir":
            subdir = value
        elif kind == "checksum":
            checksum = value.lower()
            if not is_checksum(checksum):
                raise GitUrlInvalid(text, f"{value} is no commit", "give 7 hex digits of it or more")
        elif value.lower() in _SWITCHES:
            switches[name] = _SWITCHES[value.lower()]
        else:
            raise GitUrlInvalid(text, f"{name} is true or false, not {value}")
    return parsed._replace(
        ref=ref,
        subdir=subdir,
        checksum=checksum,
        keep_git_dir=switches.get("keep-git-dir"),
        submodules=switches.get("submodules"),
    )


def _clean(subdir: str, text: str) -> str:
    names: list[str] = []
    for name in subdir.split("/"):
        if name == "..":
            if not names:
                raise GitUrlInvalid(text, f"the directory {subdir} is outside of the repository")
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return "/".join(names)


def _unquote(text: str) -> str:
    raw = _PERCENT.sub(lambda match: chr(int(match[1], 16)), text.encode().decode("latin-1"))
    return raw.encode("latin-1").decode(errors="replace")

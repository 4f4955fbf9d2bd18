"""Where a build's files and its Dockerfile come from: a folder, the standard input, a URL, a git repository.

A URL and the standard input say by what they send what they are: an archive is a context, text a Dockerfile alone. What
comes from elsewhere lies in a directory of this build's own, which is gone with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from boxwright.build.context import (
    Context,
    ContextNotFound,
    Material,
    local_context,
    no_context,
    tar_context,
    tree_context,
    unpack,
)
from boxwright.build.namedcontexts import NamedContext
from boxwright.build.secrets import Secret
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.source import Source
from boxwright.engine.fetched import Arrival
from boxwright.errors import InvalidError
from boxwright.host.paths import Path
from boxwright.store.store import Store
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.engine.fetched import Fetched

_STDIN = "-"
_MAX_TEXT = 1 << 20
_HEAD = 512
_DOWNLOADED = "context"
"""As BuildKit calls what a named context's URL sent."""
_GIT_MARKS = ("://", "@", "github.com/")


class Access(NamedTuple):
    """What may be used to get at files elsewhere."""

    store: Store
    secrets: Mapping[str, Secret] = {}
    agents: Mapping[str, str] = {}
    """SSH agents: ID → the path of a socket."""
    keep_git_dir: bool = False
    """Leave ``.git`` in what comes from a repository, whatever its URL says."""
    fetched: Fetched | None = None
    """What other builds have fetched; None: this one is alone."""


class NoArchive(InvalidError):
    """Something was to be a context, and is no tar."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is no archive", hint="a context is a tar, compressed or not")
        self.what = what


class NoText(InvalidError):
    """Something was to be a Dockerfile, and is no text, or too long for one."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} {why}")
        self.what = what


def is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


@contextmanager
def open_context(
    where: str, dockerfile: str | None, access: Access, stdin: Callable[[], BinaryIO]
) -> Iterator[Context]:
    """Yield the context that `where` names, with its Dockerfile, as long as the block lasts.

    `where` is a folder, ``-``, an http(s) URL or a git URL, as `boxwright.dockerfile.git_url` reads it; a folder goes
    before a URL of the same spelling. `dockerfile` is a path, in the context where that isn't a folder, or a URL, or
    ``-``. Raises InvalidError and its kinds, and what fetching and unpacking raise.
    """
    if where == _STDIN and dockerfile == _STDIN:
        raise InvalidError(
            "the context and the Dockerfile cannot both come from the standard input",
            hint="name a folder: boxwright build -f - FOLDER",
        )
    text = None
    if dockerfile is not None and (dockerfile == _STDIN or is_url(dockerfile)):
        text = _read_text(stdin()) if dockerfile == _STDIN else _fetch_text(dockerfile, access)
    with _open(where, None if text is not None else dockerfile, text, access, stdin) as context:
        yield context._replace(title=dockerfile) if text is not None and dockerfile else context


@contextmanager
def _open(
    where: str, dockerfile: str | None, text: str | None, access: Access, stdin: Callable[[], BinaryIO]
) -> Iterator[Context]:
    if where == _STDIN:
        with _sent(stdin(), dockerfile, text, access, "the standard input", "-") as context:
            yield context
        return
    if is_remote(where):
        with access.store.scratch() as scratch:
            arrived = _repository(where, access, scratch)
            if arrived is not None:
                context = tree_context(arrived.path, dockerfile, text=text, identity=where, what=where)
                yield context._replace(material=arrived.material)
                return
            arrived = _download(where, access, scratch)
            with open(arrived.path, "rb") as stream, _sent(stream, dockerfile, text, access, where, where) as context:
                yield context._replace(material=arrived.material)
        return
    yield local_context(where, dockerfile, text=text)


@contextmanager
def open_named(named: NamedContext, access: Access) -> Iterator[Context]:
    """Yield the files of a named context, without a Dockerfile, as long as the block lasts.

    A folder's own ``.dockerignore`` holds for it. What a URL sends is unpacked if it is an archive, and else a file
    called ``context``. Raises ContextNotFound, UnreadableText, DockerfileError (for the ignore file), and what fetching
    and unpacking raise.
    """
    where = named.value
    if not is_remote(where):
        context = local_context(where, text="")
        yield context._replace(title=named.name)
        return
    with access.store.scratch() as scratch:
        arrived = _repository(where, access, scratch)
        if arrived is not None:
            root, material = arrived
        else:
            file, material = _download(where, access, scratch)
            root = scratch / "files"
            with open(file, "rb") as stream:
                archive = is_archive(_peek(stream))
                if archive:
                    unpack(stream, root)
            if not archive:
                os.mkdir(root)
                os.link(file, root / _DOWNLOADED)
        context = Context(Source(named.name, ""), named.name, os.fspath(root), IgnoreRules.none(), where)
        yield context._replace(material=material)


def check_named(contexts: Iterable[NamedContext]) -> None:
    """Raise ContextNotFound for a folder that isn't there, whether or not it is used: nothing needs to be fetched."""
    for named in contexts:
        if named.image is None and not is_remote(named.value) and not os.path.isdir(named.value):
            raise ContextNotFound(named.value, named.name)


def is_remote(where: str) -> bool:
    """Whether a text is the URL of an archive, a file or a repository, and not a folder that is there."""
    if not any(mark in where for mark in _GIT_MARKS) or os.path.isdir(where):
        return False
    from boxwright.dockerfile.git_url import parse_git_url

    return is_url(where) or parse_git_url(where, bare_github=True) is not None


def _repository(where: str, access: Access, scratch: Path) -> Arrival | None:
    """Return the files of a repository, which others may use, too; None where `where` names none."""
    if access.fetched is None:
        return fetch_repository(where, access, scratch)
    name = f"repository {where} {access.keep_git_dir}"
    return access.fetched.get(name, lambda private: fetch_repository(where, access, private))


def _download(where: str, access: Access, scratch: Path) -> Arrival:
    """Return the file of a URL, which others may use, too."""
    if access.fetched is None:
        return download(where, access, scratch)
    found = access.fetched.get(f"file {where}", lambda private: download(where, access, private))
    assert found is not None
    return found


def fetch_repository(where: str, access: Access, scratch: Path) -> Arrival | None:
    """Return a git repository's files, in a directory below `scratch`; None where `where` names no repository.

    Raises GitUrlInvalid, GitFailed, GitRefNotFound, SourceNotFound.
    """
    from boxwright.build.repositories import remote_repository
    from boxwright.dockerfile.git_url import parse_git_url

    git = parse_git_url(where, bare_github=True)
    if git is None:
        return None
    keep = access.keep_git_dir if git.keep_git_dir is None else git.keep_git_dir
    # Whoever builds from a repository trusts it with what its submodules are.
    git = git._replace(keep_git_dir=keep, submodules=git.submodules is not False)
    repository = remote_repository(git, access.secrets, access.agents, lambda: scratch)
    files = Path(repository.select().top.real)
    return Arrival(files, Material(f"git+{git.url}", f"gitCommit:{repository.commit}"))


def download(url: str, access: Access, scratch: Path) -> Arrival:
    """Fetch a URL into a file in `scratch`. Raises UrlInvalid, DownloadFailed."""
    from boxwright.build.downloads import Download

    wanted = Download(url, access.store.contexts, scratch)
    file = Path(wanted.fetch(scratch).source)
    return Arrival(file, Material(url, f"sha256:{wanted.digest()}"))


def is_archive(head: bytes) -> bool:
    """Whether something that begins like this is a tar, compressed or not, or else can only be text."""
    from boxwright.layer.compression import detect

    # A tar's header is full of NUL bytes, and no Dockerfile has one.
    return b"\0" in head or detect(head) != "none"


@contextmanager
def _sent(
    stream: BinaryIO, dockerfile: str | None, text: str | None, access: Access, what: str, identity: str
) -> Iterator[Context]:
    """Yield what comes as a stream: an archive is a context, text a Dockerfile without one."""
    if is_archive(_peek(stream)):
        with (
            access.store.scratch() as scratch,
            tar_context(stream, dockerfile, scratch, text=text, identity=identity) as context,
        ):
            yield context
        return
    if text is not None:
        raise NoArchive(what)
    if dockerfile is not None:
        raise InvalidError(
            f"there is no {dockerfile} in the context: {what} is no tar, but a Dockerfile itself", hint="leave -f out"
        )
    yield no_context(_read_text(stream, what))._replace(title=identity)


def _peek(stream: BinaryIO) -> bytes:
    peek = getattr(stream, "peek", None)
    return bytes(peek(_HEAD)) if peek else b""


def _fetch_text(url: str, access: Access) -> str:
    with access.store.scratch() as scratch, open(download(url, access, scratch).path, "rb") as stream:
        return _read_text(stream, url)


def _read_text(stream: BinaryIO, what: str = "the standard input") -> str:
    data = stream.read(_MAX_TEXT + 1)
    if len(data) > _MAX_TEXT:
        raise NoText(what, f"is longer than {_MAX_TEXT >> 20} MiB, too long for a Dockerfile")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoText(what, "is neither a tar nor a Dockerfile: it is not UTF-8 text") from None

"""Build contexts: a directory, a tar, or nothing; and the Dockerfile and the ignore file that go with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.source import Source
from boxwright.errors import InvalidError, NotFoundError
from boxwright.host.paths import Path
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.layer.union import UnionView

_MAX_DOCKERFILE = 4 << 20
_MAX_IGNORE_FILE = 4 << 20
_NAMES = ("Dockerfile", "dockerfile")
_IGNORE_FILE = ".dockerignore"
_CENSUS_LIMIT = 1000


class DockerfileNotFound(NotFoundError):
    def __init__(self, path: str, hint: str | None = None) -> None:
        super().__init__(f"cannot find the Dockerfile: {path}", hint=hint)
        self.path = path


class ContextNotFound(NotFoundError):
    def __init__(self, path: str, name: str | None = None) -> None:
        """`name` is that of a named context."""
        is_file = os.path.isfile(path)
        what = f"the build context {path}" if name is None else f"{path}, the context {name},"
        super().__init__(
            f"{what} is {'not a directory' if is_file else 'not there'}",
            hint=f"to name a Dockerfile: -f {path} DIRECTORY" if is_file and name is None else None,
        )
        self.path = path


class UnreadableText(InvalidError):
    """A Dockerfile or an ignore file is no text, or too long for one."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path


class Census(NamedTuple):
    """How much a context holds."""

    files: int
    bytes: int
    ignored: int


class Material(NamedTuple):
    """What the files of a context are, where they came from elsewhere."""

    uri: str
    digest: str
    """``gitCommit:…`` of a repository, ``sha256:…`` of a file."""


class Context(NamedTuple):
    """What a build is made from."""

    dockerfile: Source
    title: str
    """How the Dockerfile is shown: ``web/Dockerfile``."""
    root: str | None
    """The directory with the files; None when there are none."""
    rules: IgnoreRules
    identity: str
    """What names the context across builds."""
    written_ns: int | None = None
    """When the Dockerfile was written, since the epoch; None where nobody knows."""
    material: Material | None = None
    """None for files of whoever builds."""

    def private(self) -> Context:
        """Return the same context for another thread: rules remember what they have matched."""
        return self._replace(rules=IgnoreRules(self.rules.patterns)) if self.rules else self

    def census(self) -> Census | None:
        """Count the context's files; None when there are too many to be counted just to be told."""
        if self.root is None:
            return Census(0, 0, 0)
        files = size = ignored = seen = 0
        stack = [(self.root, self.rules.root)]
        while stack:
            directory, scope = stack.pop()
            with os.scandir(directory) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _CENSUS_LIMIT:
                        return None
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if is_dir and not (below := scope.enter(entry.name)).prunable:
                        stack.append((entry.path, below))
                    elif scope.excludes(entry.name):
                        ignored += 1
                    elif not is_dir:
                        files += 1
                        size += entry.stat(follow_symlinks=False).st_size
        return Census(files, size, ignored)


def local_context(directory: str, dockerfile: str | None = None, *, text: str | None = None) -> Context:
    """Return the context of a directory.

    `dockerfile` is the path of the Dockerfile, which may lie outside of the context; without it, it is the one that
    the directory has. `text` is the Dockerfile itself, where it came from the standard input. An ignore file of the
    Dockerfile's own (``NAME.dockerignore`` beside it) goes before that of the directory.
    Raises ContextNotFound, DockerfileNotFound, UnreadableText, DockerfileError (for the ignore file).
    """
    root = os.path.realpath(directory)
    if not os.path.isdir(root):
        raise ContextNotFound(directory)
    ignore = os.path.join(root, _IGNORE_FILE)
    if text is not None:
        return Context(Source("Dockerfile", text), "-", root, _rules(ignore, _IGNORE_FILE), root)
    path = os.path.abspath(dockerfile) if dockerfile is not None else _default_dockerfile(root, directory)
    inside = _is_inside(os.path.realpath(path), root)
    name = os.path.relpath(path, root) if inside else dockerfile or path
    text, written_ns = _read(path, name, _MAX_DOCKERFILE)
    source = Source(name, text)
    if os.path.lexists(path + _IGNORE_FILE):
        rules = _rules(path + _IGNORE_FILE, name + _IGNORE_FILE)
    else:
        rules = _rules(ignore, _IGNORE_FILE)
    title = os.path.join(os.path.basename(root), name) if inside else name
    return Context(source, title, root, rules, root, written_ns)


@contextmanager
def tar_context(
    stream: BinaryIO, dockerfile: str | None, scratch: Path, *, text: str | None = None, identity: str = "-"
) -> Iterator[Context]:
    """Unpack a tar, compressed or not, and yield it as a context; it is removed at the end of the block.

    `dockerfile` is a path in the archive, unless `text` is the Dockerfile itself. `scratch` is an existing directory
    for the files, private to this build; `identity` names the archive across builds.
    Raises MalformedTar, DamagedStream, InvalidLayer, DockerfileNotFound, UnreadableText, DockerfileError.
    """
    from boxwright.host.trees import remove_tree

    root = scratch / "context"
    try:
        unpack(stream, root)
        yield tree_context(root, dockerfile, text=text, identity=identity, what="the archive")
    finally:
        remove_tree(root)


def unpack(stream: BinaryIO, root: Path) -> None:
    """Unpack a tar, compressed or not, into the new directory `root`, which no member leaves.

    Raises MalformedTar, DamagedStream, InvalidLayer.
    """
    from boxwright.build import archives
    from boxwright.layer.apply import apply_entries

    apply_entries(archives.members(stream, ""), root)


def tree_context(root: Path, dockerfile: str | None, *, text: str | None, identity: str, what: str) -> Context:
    """Return the context of files that somebody else made: no link in them leads out of `root`.

    `dockerfile` is a path below `root`, unless `text` is the Dockerfile itself; `what` says in messages what the files
    are. Raises DockerfileNotFound, UnreadableText, DockerfileError.
    """
    from boxwright.layer.union import UnionView

    view = UnionView([root])
    if text is not None:
        return Context(Source("Dockerfile", text), "-", os.fspath(root), _rules_in(view, ()), identity)
    names = (dockerfile,) if dockerfile is not None else _NAMES
    found = ((name, node) for name in names if (node := view.lookup(name)) is not None and node.is_file)
    name, node = next(found, ("", None))
    if node is None:
        wanted = dockerfile or " or ".join(_NAMES)
        raise DockerfileNotFound(wanted, f"{what} has no such file" + ("" if dockerfile else ": name it with -f FILE"))
    source = Source(name, _decode(view.read(name, _MAX_DOCKERFILE), name))
    rules = _rules_in(view, (name + _IGNORE_FILE,))
    return Context(source, name, os.fspath(root), rules, identity, node.stat.st_mtime_ns)


def _rules_in(view: UnionView, own: tuple[str, ...]) -> IgnoreRules:
    for name in (*own, _IGNORE_FILE):
        if view.lookup(name) is not None:
            return IgnoreRules.parse(Source(name, _decode(view.read(name, _MAX_IGNORE_FILE), name)))
    return IgnoreRules.none()


def no_context(text: str) -> Context:
    """Return the context of a Dockerfile that came alone, from the standard input."""
    return Context(Source("Dockerfile", text), "-", None, IgnoreRules.none(), "-")


def _default_dockerfile(root: str, directory: str) -> str:
    for name in _NAMES:
        path = os.path.join(root, name)
        if os.path.lexists(path):
            return path
    raise DockerfileNotFound(os.path.join(directory, _NAMES[0]), "name another one: -f FILE")


def _is_inside(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")


def _rules(path: str, name: str) -> IgnoreRules:
    if not os.path.lexists(path):
        return IgnoreRules.none()
    return IgnoreRules.parse(Source(name, _read(path, name, _MAX_IGNORE_FILE)[0]))


def _read(path: str, name: str, limit: int) -> tuple[str, int]:
    """Return a text, and when it was written, in nanoseconds since the epoch."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
            written_ns = os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        raise DockerfileNotFound(name) from None
    except OSError as error:
        raise UnreadableText(name, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > limit:
        raise UnreadableText(name, f"is longer than {limit >> 20} MiB")
    return _decode(data, name), written_ns


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableText(name, f"is no UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from None

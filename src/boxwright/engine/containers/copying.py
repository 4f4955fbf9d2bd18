"""``cp``: files out of a container and into it, by docker's rules of what a path with and without a slash means."""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import stat
from typing import BinaryIO

from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.inside import inside
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.host import xattrs
from boxwright.host.paths import Path
from boxwright.layer.diff import entry_of
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.reader import read_entries
from boxwright.layer.writer import TarWriter
from boxwright.store.containers import ContainerRecord

_CHUNK = 1 << 20
# Whatever a running container puts in the place of a file meanwhile: no link is followed, no pipe waited for.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CONTENT = "."
"""What the first member of a tar is called that has a folder's content, not the folder."""


class NoSuchPath(NotFoundError):
    """What is to be copied, or the folder it should go to, isn't there."""

    def __init__(self, place: str, path: str) -> None:
        super().__init__(f"no such file or directory {place}: {path}")
        self.path = path


def copy_out(wiring: Wiring, text: str, path: str, target: str, *, follow: bool = False, archive: bool = False) -> None:
    """Copy `path` of a container to the host.

    A folder that exists takes the copy under the source's name, anything else is the copy's name; ``path/.`` means
    the folder's content. Files become the caller's, or keep their owners with `archive`. Raises NoSuchPath.
    """
    import tempfile

    with tempfile.TemporaryFile(prefix="boxwright-cp-") as spool:
        name = copy_out_tar(wiring, text, path, spool, follow=follow)
        spool.seek(0)
        place = Path(target)
        if not place.is_dir():
            if target.endswith("/"):
                raise NoSuchPath("on the host", target)
            if not place.parent.is_dir():
                raise NoSuchPath("on the host", str(place.parent))
            _extract(spool, str(place.parent), name, place.name, archive=archive)
        else:
            _extract(spool, str(place), name, "" if name == _CONTENT else name, archive=archive)


def copy_out_tar(wiring: Wiring, text: str, path: str, out: BinaryIO, *, follow: bool = False) -> str:
    """Write `path` of a container as a tar, and return the name that its first member has, ``.`` for ``path/.``.

    Raises NoSuchPath.
    """
    record = lifecycle.find(wiring, text)
    name = _CONTENT if _means_content(path) else posixpath.basename(posixpath.normpath(path)) or _CONTENT

    def write() -> bool:
        source = posixpath.normpath("/" + path.lstrip("/"))
        try:
            if follow or path.endswith("/") or _means_content(path):
                source = os.path.realpath(source)
            os.lstat(source)
        except FileNotFoundError:
            return False
        _write(source, name, out)
        return True

    if not inside(wiring, record, write):
        raise NoSuchPath(f"in container {record.name}", path)
    return name


def copy_in(wiring: Wiring, text: str, source: str, path: str, *, follow: bool = False) -> None:
    """Copy a file or folder of the host to `path` in a container, by the same rules as `copy_out`.

    Files keep their owners, by number. Raises NoSuchPath, ConflictError for a folder on a file.
    """
    import tempfile

    record = lifecycle.find(wiring, text)
    content = _means_content(source)
    real = os.path.realpath(source) if follow or content or source.endswith("/") else os.path.abspath(source)
    if not os.path.lexists(real):
        raise NoSuchPath("on the host", source)
    name = os.path.basename(os.path.abspath(source)) or _CONTENT
    is_folder = os.path.isdir(real) and not os.path.islink(real)
    with tempfile.TemporaryFile(prefix="boxwright-cp-") as spool:
        _write(real, name, spool)
        spool.seek(0)

        def extract() -> None:
            place = os.path.realpath(posixpath.normpath("/" + path.lstrip("/")))
            if os.path.isdir(place):
                _extract(spool, place, name, "" if content else name, archive=True)
                return
            if path.endswith("/") and not is_folder:
                raise NoSuchPath(f"in container {record.name}", path)
            if is_folder and os.path.lexists(place):
                raise ConflictError(f"cannot copy a folder onto the file {path} of container {record.name}")
            parent = posixpath.dirname(place)
            if not os.path.isdir(parent):
                raise NoSuchPath(f"in container {record.name}", parent)
            _extract(spool, parent, name, posixpath.basename(place), archive=True)

        _refuse_read_only(record)
        inside(wiring, record, extract)


def copy_in_tar(wiring: Wiring, text: str, path: str, stream: BinaryIO) -> None:
    """Unpack a tar into the folder `path` of a container, with its owners. Raises NoSuchPath, MalformedTar."""
    record = lifecycle.find(wiring, text)

    def extract() -> None:
        place = os.path.realpath(posixpath.normpath("/" + path.lstrip("/")))
        if not os.path.isdir(place):
            raise NoSuchPath(f"in container {record.name}", path)
        _extract(stream, place, "", "", archive=True)

    _refuse_read_only(record)
    inside(wiring, record, extract)


def _refuse_read_only(record: ContainerRecord) -> None:
    from boxwright.engine.containers.config import ContainerConfig

    if ContainerConfig.from_json(record.config).options.read_only and not record.is_running:
        raise ConflictError(f"the root file system of container {record.name} is read-only")


def _means_content(path: str) -> bool:
    return path.endswith("/.") or path == "." or (path != "" and not path.strip("/"))


def _write(source: str, name: str, out: BinaryIO) -> None:
    """Write a tree as a tar, its members named from `name` on; links are not followed, sockets left out.

    So is what goes between a look at its folder and its turn: the container may be running. Raises FileNotFoundError
    when it is `source` itself.
    """
    writer = TarWriter(out.write)
    links: dict[tuple[int, int], str] = {}

    def add(path: str, member: str) -> list[str]:
        """Add one member, and return what is in it."""
        status = os.lstat(path)
        if stat.S_ISSOCK(status.st_mode):
            return []
        entry = entry_of(member, path, status)
        if entry.kind is Kind.DIR:
            names = os.listdir(path)
            writer.add(entry)
            return names
        identity = (status.st_dev, status.st_ino)
        if identity in links:
            writer.add(entry._replace(kind=Kind.HARDLINK, linkname=links[identity], size=0, xattrs={}))
            return []
        if entry.kind is Kind.FILE:
            fd = os.open(path, _OPEN)
            try:
                writer.add(entry, fd)
            finally:
                os.close(fd)
        else:
            writer.add(entry)
        if status.st_nlink > 1:
            links[identity] = member
        return []

    pending = [(source, name)]  # no recursion: a tree can be nested deeper than Python's own stack
    while pending:
        path, member = pending.pop()
        try:
            names = add(path, member)
        except FileNotFoundError:
            if path == source:
                raise
            continue
        # The first one is taken from the end.
        pending += [(f"{path.rstrip('/')}/{each}", f"{member}/{each}") for each in sorted(names, reverse=True)]
    writer.finish()


def _extract(stream: BinaryIO, folder: str, old: str, new: str, *, archive: bool) -> None:
    """Unpack a tar below `folder`, with the leading `old` of its names replaced by `new`."""
    folders: list[tuple[str, Entry]] = []
    ours = {""}
    for entry, content in read_entries(stream, whiteouts=False):
        path = _renamed(entry.path, old, new)
        place = f"{folder.rstrip('/')}/{path}" if path else folder
        if path and not _parent_is_ours(folder, path, ours):
            raise InvalidError(f"{entry.path} leads out of {folder} through a link", hint="copy the link's target")
        if entry.kind is Kind.DIR:
            _make_directory(place)
            folders.append((place, entry))
            continue
        if os.path.isdir(place) and not os.path.islink(place):
            raise ConflictError(f"cannot copy the file {entry.path} onto the folder {place}")
        if entry.kind is Kind.HARDLINK:
            _remove(place)
            os.link(f"{folder.rstrip('/')}/{_renamed(entry.linkname, old, new)}", place, follow_symlinks=False)
            continue
        # Made under another name: the file of that name is the old one or the new one, whoever else copies or looks.
        fresh = f"{place}.{os.urandom(6).hex()}"
        try:
            _make(fresh, entry, content)
            _dress(fresh, entry, archive=archive)
            os.rename(fresh, place)
        except BaseException:
            _remove(fresh)
            raise
    # Folders last: what is put into one changes its time, and its mode might forbid it.
    for place, entry in reversed(folders):
        if place != folder or new:
            _dress(place, entry, archive=archive)


def _make(place: str, entry: Entry, content: BinaryIO | None) -> None:
    """Make a file of any kind but a folder and a hard link, where nothing is yet."""
    if entry.kind is Kind.FILE:
        with open(place, "xb") as out:
            if content is not None:
                shutil.copyfileobj(content, out, _CHUNK)
    elif entry.kind is Kind.SYMLINK:
        os.symlink(entry.linkname, place)
    elif entry.kind is Kind.FIFO:
        os.mkfifo(place)
    elif entry.kind in (Kind.CHAR, Kind.BLOCK):
        kind = stat.S_IFCHR if entry.kind is Kind.CHAR else stat.S_IFBLK
        os.mknod(place, kind | entry.mode, os.makedev(entry.devmajor, entry.devminor))


def _remove(place: str) -> None:
    try:
        os.unlink(place)
    except FileNotFoundError:
        pass  # that is what is wanted


def _renamed(path: str, old: str, new: str) -> str:
    if old in ("", _CONTENT):  # members are named from the top
        return f"{new}/{path}" if new and path else new or path
    if path == old:
        return new
    rest = path.removeprefix(old + "/")
    return f"{new}/{rest}" if new else rest


def _parent_is_ours(folder: str, path: str, ours: set[str]) -> bool:
    """Tell whether the folders on the way from `folder` to `path` are folders, none of them a link; make those missing.

    `ours` are those of which it is known; it grows. No member of an archive can replace a folder by a link.
    """
    unknown = []
    while (path := posixpath.dirname(path)) not in ours:
        unknown.append(path)
    for path in reversed(unknown):
        place = f"{folder.rstrip('/')}/{path}"
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return False
        except FileNotFoundError:
            os.mkdir(place, 0o755)
        ours.add(path)
    return True


def _make_directory(place: str) -> None:
    try:
        os.mkdir(place, 0o755)
    except FileExistsError:
        if os.path.islink(place) or not os.path.isdir(place):
            raise ConflictError(f"cannot copy a folder onto the file {place}") from None


def _dress(place: str, entry: Entry, *, archive: bool) -> None:
    """Give a new file its owner, mode, attributes and time, in the order in which one undoes no other."""
    if archive:
        os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
    if entry.kind is not Kind.SYMLINK:
        os.chmod(place, entry.mode)
    for name, value in entry.xattrs.items():
        try:
            xattrs.set(place, name, value)
        except OSError as error:
            if error.errno != errno.ENOTSUP:  # a file system of the host may keep none
                raise
    os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

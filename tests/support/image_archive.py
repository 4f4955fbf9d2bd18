"""What is in the images of a docker archive: configuration and merged file system, as plain values.

Written against the formats alone, with Python's own tar reader: a witness that knows nothing of boxwright's layers.
"""

from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

_TYPES = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.AREGTYPE: stat.S_IFREG,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}
_XATTR = "SCHILY.xattr."


class File(NamedTuple):
    """A file of a layer or an image: all that a tar can say of it but its name."""

    mode: int
    """With its type, as in st_mode."""
    uid: int
    gid: int
    mtime: int
    """Seconds."""
    size: int = 0
    digest: str = ""
    """Of a regular file's content."""
    target: str = ""
    """Of a symbolic link."""
    device: tuple[int, int] | None = None
    xattrs: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """All names of a regular file that has several."""

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)


class ArchivedImage(NamedTuple):
    id: str
    """``sha256:…`` of the configuration."""
    config: Mapping[str, Any]
    layers: tuple[Mapping[str, File], ...]
    """Each layer's members by path (``/a/b``), whiteouts with their ``.wh.`` names; lowest first."""

    def tree(self) -> dict[str, File]:
        """Return the merged file system by path; the root is ``/``."""
        return _with_names(merge(self.layers))


def read_docker_archive(path: Path) -> dict[str, ArchivedImage]:
    """Return the images by each of their names, and by their IDs."""
    images: dict[str, ArchivedImage] = {}
    known: dict[str, Mapping[str, File]] = {}
    with tarfile.open(path) as archive:
        for entry in json.loads(_content(archive, "manifest.json")):
            raw = _content(archive, entry["Config"])
            layers = []
            for name in entry["Layers"]:
                if name not in known:
                    known[name] = _layer(archive, name)
                layers.append(known[name])
            image = ArchivedImage("sha256:" + sha256(raw).hexdigest(), json.loads(raw), tuple(layers))
            images[image.id] = image
            images.update(dict.fromkeys(entry["RepoTags"] or (), image))
    return images


def merge(layers: Iterable[Mapping[str, File]]) -> dict[str, File]:
    """Put layers on each other, the first one lowest."""
    merged: dict[str, File] = {}
    for layer in layers:
        # A mark hides what lower layers have, wherever it stands in its own.
        for path in layer:
            directory, _, name = path.rpartition("/")
            if name == ".wh..wh..opq":
                _remove(merged, directory, itself=False)
            elif name.startswith(".wh."):
                _remove(merged, f"{directory}/{name[4:]}")
        for path, file in layer.items():
            if path.rpartition("/")[2].startswith(".wh."):
                continue
            if path in merged and not (file.is_dir and merged[path].is_dir):
                _remove(merged, path)
            merged[path] = file
    for path in [*merged]:
        assert path == "/" or path.rpartition("/")[0] in merged or path.count("/") == 1, f"{path} has no parent"
    return merged


def _remove(tree: dict[str, File], path: str, *, itself: bool = True) -> None:
    inside = path.rstrip("/") + "/"
    for other in [other for other in tree if other.startswith(inside) or (itself and other == path)]:
        if other != "/":
            del tree[other]


def _with_names(tree: Mapping[str, File]) -> dict[str, File]:
    """Tell which names are of one file: those of a layer whose members are links to each other, as far as left."""
    return {
        path: file._replace(names=tuple(name for name in file.names if name in tree and tree[name] == file))
        for path, file in tree.items()
    }


def _layer(archive: tarfile.TarFile, name: str) -> Mapping[str, File]:
    with _open(archive, name) as stream, tarfile.open(fileobj=stream) as layer:
        members: dict[str, File] = {}
        for member in layer:
            path = "/" + member.name.removeprefix("./").strip("/")
            if path == "/.":
                path = "/"
            if member.islnk():
                target = "/" + member.linkname.removeprefix("./").strip("/")
                first = members[target]
                names = (*(first.names or (target,)), path)
                for other in names:
                    members[other] = first._replace(names=names)
            else:
                members[path] = _file(layer, member)
    return members


def _file(layer: tarfile.TarFile, member: tarfile.TarInfo) -> File:
    xattrs = tuple(
        sorted((key.removeprefix(_XATTR), value) for key, value in member.pax_headers.items() if key.startswith(_XATTR))
    )
    mode = _TYPES[member.type] | stat.S_IMODE(member.mode)
    file = File(mode, member.uid, member.gid, int(member.mtime), xattrs=xattrs)
    if member.isreg():
        content = layer.extractfile(member)
        assert content is not None
        return file._replace(size=member.size, digest=sha256(content.read()).hexdigest())
    if member.issym():
        return file._replace(target=member.linkname)
    if member.ischr() or member.isblk():
        return file._replace(device=(member.devmajor, member.devminor))
    return file


def _open(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    stream = archive.extractfile(name)
    assert stream is not None, name
    return stream


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    with _open(archive, name) as stream:
        return stream.read()

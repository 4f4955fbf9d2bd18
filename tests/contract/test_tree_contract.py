"""What every tree promises (`boxwright.image.tree.Tree`), directory or archive."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxwright.image.tree import FileTooLarge, MissingFile, Tree, open_tree, read

FILES = {
    "small": b"content",
    "empty": b"",
    "blobs/sha256/big": bytes(range(256)) * 4096,
    "after": b"behind a large one",
}


def directory(path: Path) -> Tree:
    for name, content in FILES.items():
        (path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "tree" / name).write_bytes(content)
    (path / "secret").write_bytes(b"outside")
    (path / "tree/out").symlink_to("../secret")
    (path / "tree/link").symlink_to("small")
    return open_tree(path / "tree", path)


def archive_bytes(prefix: str = "") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, content in FILES.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (("out", "../secret"), ("link", "small")):
            info = tarfile.TarInfo(prefix + name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return sink.getvalue()


def archive(path: Path) -> Tree:
    (path / "a.tar").write_bytes(archive_bytes())
    return open_tree(path / "a.tar", path)


def archive_with_dots(path: Path) -> Tree:
    (path / "a.tar").write_bytes(archive_bytes("./"))
    return open_tree(path / "a.tar", path)


def packed_archive(path: Path) -> Tree:
    (path / "a.tar.gz").write_bytes(gzip.compress(archive_bytes()))
    return open_tree(path / "a.tar.gz", path)


def stream(path: Path) -> Tree:
    return open_tree(io.BytesIO(archive_bytes()), path)


@pytest.fixture(params=[directory, archive, archive_with_dots, packed_archive, stream])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    make: Callable[[Path], Tree] = request.param
    made = make(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("name", FILES)
def test_files_are_what_they_are(tree: Tree, name: str) -> None:
    assert tree.has(name)
    assert tree.size(name) == len(FILES[name])
    with tree.open(name) as opened:
        assert opened.read() == FILES[name]


@pytest.mark.parametrize("name", ["missing", "small/below", "blobs/sha256/missing", "../secret", "out"])
def test_what_is_not_there_or_not_inside_is_missing(tree: Tree, name: str) -> None:
    assert not tree.has(name)
    with pytest.raises(MissingFile, match="is missing"):
        tree.size(name)
    with pytest.raises(MissingFile):
        tree.open(name)


def test_links_inside_are_followed(tree: Tree) -> None:
    assert read(tree, "link", 100) == FILES["small"]


def test_open_files_are_independent(tree: Tree) -> None:
    with tree.open("blobs/sha256/big") as first, tree.open("blobs/sha256/big") as second:
        assert first.read(1000) == second.read(1000)
        assert first.read(10) == second.read(10)


def test_reading_is_bounded(tree: Tree) -> None:
    assert read(tree, "small", 7) == b"content"
    with pytest.raises(FileTooLarge, match="at most 6"):
        read(tree, "small", 6)

"""One pass over a directory: what it finds, what it leaves out, and when its fingerprint changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from boxwright.build.scan import scan
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.source import Source
from support.trees import nested


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/x", "b/c/y", "a", "d-e", "d/e"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


def paths(tree: Path, ignore: str = "") -> list[str]:
    return [item.path for item in scan(str(tree), IgnoreRules.parse(Source(".dockerignore", ignore)).root)]


def test_directories_come_before_what_is_in_them(tree: Path) -> None:
    assert [item.path for item in scan(str(tree))] == ["a", "b", "d", "d-e", "b/c", "b/x", "b/c/y", "d/e"]


def test_numbers(tree: Path) -> None:
    seen = scan(str(tree))
    assert (seen.files, seen.bytes, seen.excluded) == (5, len("b/xb/c/yad-ed/e"), 0)


@pytest.mark.parametrize(
    ("ignore", "kept"),
    [
        ("b\n", ["a", "d", "d/e", "d-e"]),
        ("b\n!b/c\n", ["a", "b", "b/c", "b/c/y", "d", "d/e", "d-e"]),
        ("*\n!**/y\n", ["b", "b/c", "b/c/y"]),
        ("*\n!**/nothing\n", []),
        ("**/e\n", ["a", "b", "b/c", "b/c/y", "b/x", "d", "d-e"]),
        ("*\n", []),
    ],
)
def test_rules(tree: Path, ignore: str, kept: list[str]) -> None:
    assert sorted(paths(tree, ignore)) == sorted(kept)


def test_a_link_is_not_followed(tree: Path) -> None:
    (tree / "loop").symlink_to(".")
    assert "loop" in paths(tree)
    assert not [path for path in paths(tree) if path.startswith("loop/")]


def test_names_that_are_no_text(tree: Path) -> None:
    (tree / os.fsdecode(b"\xff")).write_text("")
    assert b"\xff" in [os.fsencode(path) for path in paths(tree)]


def touched(tree: Path) -> None:
    os.utime(tree / "a", (1, 1))


def content_swapped(tree: Path) -> None:
    state = (tree / "a").stat()
    (tree / "a").write_text("A")
    os.utime(tree / "a", ns=(state.st_atime_ns, state.st_mtime_ns))


CHANGES: list[Callable[[Path], object]] = [
    touched,
    content_swapped,
    lambda tree: (tree / "a").chmod(0o600),
    lambda tree: (tree / "a").rename(tree / "z"),
    lambda tree: (tree / "new").touch(),
    lambda tree: (tree / "b/c/y").unlink(),
    lambda tree: (tree / "b").rename(tree / "bb"),
    lambda tree: (tree / "d").chmod(0o700),
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_every_change_changes_the_fingerprint(tree: Path, change: Callable[[Path], object]) -> None:
    before = scan(str(tree)).fingerprint
    assert scan(str(tree)).fingerprint == before
    time.sleep(0.02)  # longer than the tick of a file system's clock
    change(tree)
    assert scan(str(tree)).fingerprint != before


def test_only_what_has_been_left_alone_is_settled(tree: Path) -> None:
    assert not scan(str(tree)).settled
    time.sleep(0.1)
    assert scan(str(tree)).settled


def test_a_file_that_vanishes_is_as_one_that_never_was(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    class Vanishing:
        def __init__(self, descriptor: int) -> None:
            self.listing = real(descriptor)

        def __enter__(self) -> list[os.DirEntry[str]]:
            entries = list(self.listing)
            (tree / "a").unlink(missing_ok=True)
            return entries

        def __exit__(self, *error: object) -> None:
            self.listing.close()

    monkeypatch.setattr(os, "scandir", Vanishing)
    assert "a" not in [item.path for item in scan(str(tree))]


def test_a_tree_deeper_than_the_stack_and_than_there_are_descriptors(deep: Path) -> None:
    leaf = nested(deep, 1000) / "leaf"
    leaf.write_text("x")
    seen = scan(str(deep))
    assert (seen.files, [item.real for item in seen if item.path.endswith("leaf")]) == (1, [str(leaf)])
    assert paths(deep, "n\n!**/leaf\n")[-1].endswith("n/leaf")
    assert paths(deep, "n\n!**/nothing\n") == []

"""A copy that is made again shares the files that have not changed with the layer that it made before."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from boxwright.build import writing
from boxwright.layer.diff import measure_layer
from boxwright.store.store import Store
from support.building import Built, Workbench

TEXT = "FROM scratch\nCOPY . /app/\n"
FILES = {"a": "one", "d/b": "two", "d/c": "three"}


def inode(built: Built, path: str) -> int:
    return os.lstat(layer(built) / path).st_ino


def layer(built: Built) -> Path:
    return Path(built.layers[-1])


def diff_id(built: Built) -> str:
    return built.snapshots[-1].diff_id


@pytest.fixture(params=[1 << 20, 2], ids=["read whole", "streamed"])
def size_of_large_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_WHOLE", request.param)


@pytest.mark.usefixtures("size_of_large_files")
class TestSharing:
    def test_what_has_not_changed_is_one_file_with_two_names(self, bench: Workbench) -> None:
        first = bench.build(TEXT, FILES)
        second = bench.build(TEXT, {"a": "other"})
        assert layer(first) != layer(second)
        assert inode(second, "app/d/b") == inode(first, "app/d/b")
        assert inode(second, "app/d/c") == inode(first, "app/d/c")
        assert (layer(second) / "app/a").read_text() == "other"
        assert (layer(first) / "app/a").read_text() == "one"

    def test_the_layer_is_the_same_as_one_copied_whole(self, bench: Workbench, tmp_path: Path) -> None:
        text = "FROM scratch\nCOPY . /\n"  # no directory that is made up, with the time at which it was
        bench.build(text, FILES)
        shared = bench.build(text, {"a": "other"})
        with Store.open(tmp_path / "elsewhere") as store:
            whole = Workbench(store, bench.context).build(text)
        assert diff_id(shared) == diff_id(whole)
        assert measure_layer(layer(shared)).diff_id == diff_id(shared)

    def test_the_earlier_layer_may_be_on_another_base(self, bench: Workbench) -> None:
        first = bench.build(TEXT, FILES)
        second = bench.build("FROM scratch\nRUN write /r r\nCOPY . /app/\n", {"a": "other"})
        third = bench.build("FROM scratch\nRUN write /r r\nCOPY . /app/\n", {"a": "another"})
        assert inode(third, "app/d/b") in {inode(first, "app/d/b"), inode(second, "app/d/b")}

    def test_a_damaged_earlier_layer_is_not_taken_on_trust(self, bench: Workbench) -> None:
        first = bench.build(TEXT, FILES)
        damaged = layer(first) / "app/d/b"
        state = damaged.stat()
        damaged.write_text("TWO")
        os.utime(damaged, ns=(state.st_mtime_ns, state.st_mtime_ns))
        second = bench.build(TEXT, {"a": "other"})
        assert (layer(second) / "app/d/b").read_text() == "two"
        assert inode(second, "app/d/c") == inode(first, "app/d/c")


def mode(context: Path) -> None:
    (context / "d/b").chmod(0o600)


def time(context: Path) -> None:
    os.utime(context / "d/b", (1, 1))


def attribute(context: Path) -> None:
    os.setxattr(context / "d/b", "user.note", b"x")


def content_of_the_same_size_and_time(context: Path) -> None:
    state = (context / "d/b").stat()
    (context / "d/b").write_text("TWO")
    os.utime(context / "d/b", ns=(state.st_mtime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("change", [mode, time, attribute, content_of_the_same_size_and_time])
def test_a_file_that_differs_in_anything_is_copied(bench: Workbench, change: Callable[[Path], None]) -> None:
    first = bench.build(TEXT, FILES)
    change(bench.context)
    second = bench.build(TEXT, {"a": "other"})
    assert inode(second, "app/d/b") != inode(first, "app/d/b")
    assert inode(second, "app/d/c") == inode(first, "app/d/c")
    assert (layer(second) / "app/d/b").read_text() == (bench.context / "d/b").read_text()


def test_an_earlier_layer_that_is_gone_costs_nothing(bench: Workbench) -> None:
    first = bench.build(TEXT, FILES)
    for path in (layer(first) / "app/d/b", layer(first) / "app/d/c"):
        path.unlink()
    second = bench.build(TEXT, {"a": "other"})
    assert (layer(second) / "app/d/b").read_text() == "two"


def test_hard_links_stay_hard_links(bench: Workbench) -> None:
    bench.write(FILES)
    os.link(bench.context / "d/b", bench.context / "d/again")
    bench.build(TEXT)
    second = bench.build(TEXT, {"a": "other"})
    assert inode(second, "app/d/again") == inode(second, "app/d/b")

from __future__ import annotations

import os
import pathlib
import stat

import pytest

from boxwright.host.paths import Path


@pytest.mark.parametrize("text", ["/", "/a", "/a/b", "/a/b/", "a", "a/b.txt", ".", "/a/.hidden", "a/b.tar.gz"])
def test_takes_paths_apart_as_pathlib_does(text: str) -> None:
    ours, theirs = Path(text), pathlib.PurePosixPath(text)
    assert ours.parent == str(theirs.parent)
    assert ours / "x" == os.path.join(text, "x")
    assert ours / "/x" == "/x"
    if text != ".":
        assert ours.name == theirs.name
    if theirs.name and text != ".":
        assert ours.with_name("n") == str(theirs.with_name("n"))
    if not text.endswith("/"):
        assert ours.suffix == theirs.suffix


def test_is_a_str_made_of_any_path(tmp_path: pathlib.Path) -> None:
    path = Path(tmp_path, "a", "b")
    assert path == f"{tmp_path}/a/b"
    assert type(path / "c") is Path
    assert type(path.parent) is Path
    assert os.fspath(path) == pathlib.Path(path).__fspath__()


def test_makes_directories_with_the_usual_mode_above_them(tmp_path: pathlib.Path) -> None:
    path = Path(tmp_path) / "a/b/c"
    with pytest.raises(FileNotFoundError):
        path.mkdir()
    path.mkdir(mode=0o700, parents=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(pathlib.Path(tmp_path, "a").stat().st_mode)
    path.mkdir(exist_ok=True)
    with pytest.raises(FileExistsError):
        path.mkdir()
    (path / "f").write_text("x")
    with pytest.raises(FileExistsError):
        (path / "f").mkdir(exist_ok=True)


def test_reads_writes_lists_and_removes(tmp_path: pathlib.Path) -> None:
    directory = Path(tmp_path)
    file = directory / "f"
    file.write_text("ä")
    assert file.read_bytes() == "ä".encode()
    assert file.read_text() == "ä"
    assert list(directory.iterdir()) == [file]
    assert (file.exists(), file.is_file(), file.is_dir(), file.is_symlink()) == (True, True, False, False)
    file.unlink()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        file.unlink()

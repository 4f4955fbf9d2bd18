from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from boxwright.host.trees import content_size, disk_usage, remove_tree


def test_everything_is_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a/b/c").mkdir(parents=True)
    (top / "a/file").write_text("content")
    os.mkfifo(top / "a/b/fifo")
    (top / "link").symlink_to("a")
    remove_tree(top)
    assert not top.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("content")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/link").symlink_to(outside)
    remove_tree(tmp_path / "top")
    (tmp_path / "itself").symlink_to(outside)
    remove_tree(tmp_path / "itself")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside"]
    assert (outside / "precious").exists()


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_what_is_no_directory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "path"
    if kind == "file":
        path.write_text("content")
    remove_tree(path)
    assert not path.exists()


def test_deeper_than_there_are_descriptors(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    # Neither can a path say how deep that is.
    (top / "file").write_bytes(b"x" * 100_000)
    assert disk_usage(top) >= 100_000
    assert content_size(top) == 100_000
    remove_tree(top)
    assert not top.exists()


def test_directories_without_permissions(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "closed/inner").mkdir(parents=True)
    (top / "closed").chmod(0)
    remove_tree(top)
    (tmp_path / "closed").mkdir(mode=0)
    remove_tree(tmp_path / "closed")
    (top / "readable/inner").mkdir(parents=True)
    (top / "readable/file").touch()
    (top / "readable").chmod(0o400)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for number in range(200):
        (top / f"{number}/a/b").mkdir(parents=True)
        (top / f"{number}/a/b/file").write_text("content")
    errors: list[BaseException] = []

    def remove() -> None:
        try:
            remove_tree(top)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=remove) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert not top.exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_what_is_mounted_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "top/a/mounted").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/precious").write_text("content")
    program = (
        "import sys; from boxwright.host import syscalls\n"
        "from boxwright.host.trees import StillMounted, remove_tree\n"
        "syscalls.unshare(syscalls.CLONE_NEWNS); root = sys.argv[1]\n"
        "syscalls.mount('none', '/', '', syscalls.MS_REC | syscalls.MS_PRIVATE)\n"
        "syscalls.mount(root + '/other', root + '/top/a/mounted', '', syscalls.MS_BIND)\n"
        "try: remove_tree(root + '/top')\n"
        "except StillMounted as error: sys.exit(0 if error.path == root + '/top/a/mounted' else 3)\n"
        "sys.exit(4)"
    )
    assert subprocess.run([sys.executable, "-c", program, tmp_path]).returncode == 0
    assert (tmp_path / "other/precious").exists()


def test_usage_counts_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    before = disk_usage(tmp_path)
    os.link(tmp_path / "file", tmp_path / "link")
    (tmp_path / "symlink").symlink_to("file")
    assert 100_000 <= before <= disk_usage(tmp_path) < 200_000
    assert disk_usage(tmp_path / "missing") == 0

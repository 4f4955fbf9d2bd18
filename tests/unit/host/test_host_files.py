"""Files that are there whole or not at all, and locks between processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from boxwright.host import durable, locks


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write(path, b"old", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"old", 0o600)
    with durable.replacing(path) as stream:
        stream.write(b"new, half")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new, half"
    assert os.listdir(tmp_path) == ["file"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with durable.replacing(path) as stream:
            stream.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_whoever_writes_last_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with durable.replacing(path, durable=False) as one:
        one.write(b"one")
        durable.write(path, b"two")
    assert path.read_bytes() == b"one"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.write(tmp_path / "nowhere/file", b"")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        durable.sync_directory(tmp_path / "file")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    fd = locks.try_lock(path)
    assert fd is not None
    assert locks.try_lock(path) is None
    os.close(fd)
    with locks.locked(path):
        assert locks.try_lock(path) is None
    again = locks.try_lock(path)
    assert again is not None
    os.close(again)


def test_shared_locks_go_together(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.locked(path, shared=True), locks.locked(path, shared=True):
        assert locks.try_lock(path) is None


def test_the_kernel_takes_a_lock_from_the_dead(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    context = multiprocessing.get_context("fork")
    held, wait = context.Event(), context.Event()

    def hold() -> None:
        with locks.locked(path):
            held.set()
            wait.wait(30)

    process = context.Process(target=hold)
    process.start()
    assert held.wait(30)
    assert locks.try_lock(path) is None
    process.kill()
    process.join()
    with locks.locked(path):
        pass
    process.close()


def test_a_waiter_notices_that_the_file_was_removed(tmp_path: Path) -> None:
    """Two holders never share a name with different files."""
    path = tmp_path / "lock"
    counts, most = [0], [0]

    def work() -> None:
        for _ in range(50):
            with locks.locked(path):
                counts[0] += 1
                most[0] = max(most[0], counts[0])
                counts[0] -= 1
                path.unlink()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1

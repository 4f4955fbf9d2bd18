"""Killing an operation at each of its write points, and looking at what it leaves.

Code that writes calls ``boxwright.host.faults.point``; here a child process runs the operation and kills itself with
SIGKILL at the N-th point, for N = 1, 2, 3, … until the operation comes to its end. After every death the store must
verify (only garbage may lie around, and what is derived may lag behind), the same operation must succeed when it is
run again, and afterwards nothing may be left over.

    def test_tagging(tmp_path: Path) -> None:
        crash_everywhere(tmp_path, prepare, operate)

`operation` gets the store's root and opens the store itself, as a command does. For whole commands there is
`crash_command_everywhere`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from boxwright.host import faults
from boxwright.store import fsck, gc
from boxwright.store.store import Store

MOST_POINTS = 500


class Survived(Exception):
    """The operation came to its end before the point at which it should have died."""


def crash_everywhere(
    directory: Path,
    prepare: Callable[[Path], None],
    operation: Callable[[Path], None],
    *,
    verify: Callable[[Store], None] = lambda store: None,
    retry: Callable[[Path], None] | None = None,
) -> int:
    """Kill `operation` at each of its points, each time on a fresh copy of the store that `prepare` made.

    `verify` looks at the store after the final success; `retry` is what is run after a death, where that isn't the
    operation itself. Returns how many points there were.
    """

    def die(root: Path, number: int) -> bool:
        return run_in_child(lambda: with_fault(number, lambda: operation(root)))

    return _walk(directory, prepare, die, retry or operation, verify)


def crash_command_everywhere(
    directory: Path,
    prepare: Callable[[Path], None],
    argv: Callable[[Path], Sequence[str]],
    *,
    verify: Callable[[Store], None] = lambda store: None,
    env: Mapping[str, str] | None = None,
    clean: Callable[[Path], None] = lambda root: None,
) -> int:
    """Do the same with a command: `argv` gets the store's root. `clean` ends what the dead command left running."""

    def die(root: Path, number: int) -> bool:
        fault = {faults.VARIABLE: str(number)}
        done = subprocess.run(argv(root), env={**os.environ, **(env or {}), **fault}, capture_output=True)
        clean(root)
        if done.returncode not in (0, -signal.SIGKILL):
            raise AssertionError(f"at point {number}: {done.stderr.decode(errors='replace')}")
        return done.returncode != 0

    def retry(root: Path) -> None:
        subprocess.run(argv(root), env={**os.environ, **(env or {})}, check=True, capture_output=True)

    return _walk(directory, prepare, die, retry, verify)


def _walk(
    directory: Path,
    prepare: Callable[[Path], None],
    die: Callable[[Path, int], bool],
    retry: Callable[[Path], None],
    verify: Callable[[Store], None],
) -> int:
    prepared = directory / "prepared"
    prepare(prepared)
    for number in range(1, MOST_POINTS):
        root = directory / f"killed-at-{number}"
        subprocess.run(["cp", "-a", prepared, root], check=True)
        died = die(root, number)
        with Store.open(root) as store:
            assert_sound(store, f"after dying at point {number}")
        if died:
            retry(root)
        with Store.open(root) as store:
            assert_sound(store, f"after point {number} and another try")
            verify(store)
            gc.collect(store)
            assert fsck.check(store, deep=True) == []
            verify(store)
        subprocess.run(["rm", "-rf", root], check=True)
        if not died:
            return number - 1
    raise AssertionError(f"more than {MOST_POINTS} points: is there a loop?")


def assert_sound(store: Store, when: str) -> None:
    """Assert that a store has no damage: every row is true, whatever else lies around."""
    damage = [finding for finding in fsck.check(store, deep=True) if finding.severity == "damage"]
    assert damage == [], when


def with_fault(number: int, operation: Callable[[], None]) -> None:
    """Run until the `number`-th point, and die there; in a child alone."""
    left = number

    def point(name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.point = point  # this process is a child that ends with the operation
    operation()


def run_in_child(operation: Callable[[], None]) -> bool:
    """Run in a fork; return whether it was killed. Raises AssertionError when it failed in another way."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            operation()
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the operation failed; its traceback is above"
    return False

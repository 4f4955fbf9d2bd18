"""Programs that are started and lived with: posix_spawn, which costs half a millisecond and no import.

A program gets exactly the descriptors and the environment that it is given, and no signal ignored or blocked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache

from boxwright.errors import UnavailableError

# Python ignores SIGPIPE, nohup SIGHUP, a shell's background SIGINT: who inherits that can't be ended as usual.


@cache
def _default_signals() -> list[int]:
    from signal import SIGKILL, SIGSTOP  # 0.5 ms, which looking at containers needn't pay

    return [number for number in range(1, 32) if number not in (SIGKILL, SIGSTOP)]


class SpawnFailed(UnavailableError):
    """The program could not be started."""

    def __init__(self, path: str, code: int) -> None:
        super().__init__(f"cannot start {path}: {os.strerror(code)}")
        self.path = path
        self.code = code


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
    new_session: bool = False,
) -> int:
    """Start the program ``argv[0]`` (a path) and return its process ID; the caller waits for it.

    A standard stream is a descriptor or, for None, /dev/null. `pass_fds` keep their numbers. In a session of its own a
    program doesn't get the signals of our terminal's keys. Raises SpawnFailed.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    # What is lower than 3 would be overwritten on the way to its place.
    high: list[int] = []
    actions: list[tuple[int, int, int]] = []
    try:
        for place, wanted in enumerate((stdin, stdout, stderr)):
            source = null if wanted is None else wanted
            if source < 3 and source != place:
                source = os.dup(source)
                while source < 3:
                    high.append(source)
                    source = os.dup(source)
                high.append(source)
            actions.append((os.POSIX_SPAWN_DUP2, source, place))
        actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in pass_fds]
        return os.posix_spawn(
            argv[0],
            list(argv),
            env,
            file_actions=actions,
            setsigdef=_default_signals(),
            setsigmask=(),
            setsid=new_session,
        )
    except OSError as error:
        raise SpawnFailed(argv[0], error.errno or 0) from None
    finally:
        for fd in (null, *high):
            os.close(fd)


def wait(pid: int) -> int:
    """Return the exit code of our child `pid`, 128 + the signal when one killed it."""
    _, status = os.waitpid(pid, 0)
    return exit_code(status)


def exit_code(status: int) -> int:
    """Return a wait status as a shell tells it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def capture(argv: Sequence[str], *, env: Mapping[str, str], new_session: bool = False) -> tuple[int, str]:
    """Run a program that prints little to its end; return its exit code and both its streams, in the order written."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = spawn(argv, env=env, stdout=writer, stderr=writer, new_session=new_session)
        finally:
            os.close(writer)
        with open(reader, "rb", closefd=False) as stream:
            output = stream.read()
        return wait(pid), output.decode(errors="replace")
    finally:
        os.close(reader)

"""The door to other programs that are run to their end. See `spawn` for those that live on.

subprocess and shutil are imported where they are used: they cost 20 ms, and finding a program needs neither.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from boxwright.errors import UnavailableError
from boxwright.values import NamedTuple


class Completed(NamedTuple):
    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes


class CommandFailed(UnavailableError):
    """A program ended with another status than zero."""

    def __init__(self, completed: Completed) -> None:
        name = os.path.basename(completed.argv[0])
        output = (completed.stderr or completed.stdout).decode(errors="replace").strip()
        super().__init__(f"{name} exited with {completed.returncode}", detail=output.splitlines()[-20:])
        self.completed = completed


class CommandNotFound(UnavailableError):
    """A program that is needed is not installed."""

    def __init__(self, name: str, hint: str | None = None) -> None:
        super().__init__(f"{name} is not installed", hint=hint or f"install it: apt-get install {name}")
        self.name = name


def find(name: str) -> str | None:
    """Return the full path of a program; the system directories count even if PATH lacks them."""
    directories = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    for directory in [""] if "/" in name else directories.split(":"):
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


def require(name: str, *, hint: str | None = None) -> str:
    """Return the full path of a program, or raise CommandNotFound."""
    path = find(name)
    if path is None:
        raise CommandNotFound(name, hint)
    return path


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
    timeout: float | None = None,
    check: bool = True,
) -> Completed:
    """Run a program to its end and return what it printed.

    Raises CommandFailed for a status other than zero (unless `check` is False), CommandNotFound when it is missing,
    and UnavailableError after `timeout` seconds, when it has been killed.
    """
    import subprocess

    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        if error.filename == cwd:
            raise
        raise CommandNotFound(argv[0]) from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{os.path.basename(argv[0])} did not end within {timeout} seconds") from None
    completed = Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
    if check and completed.returncode:
        raise CommandFailed(completed)
    return completed

"""conmon: the small process that outlives the command and stays with a container.

It has the runtime create the container as its own child, and then holds what nobody else can once the command is gone:
the standard streams, which it logs and passes to whoever attaches, and the exit code. Started inside a private mount
namespace it also keeps the container's root file system mounted for as long as the container lives.

Its words, in the bundle's directory:

    conmon.pid   its process        attach   socket: packets, the first byte says which stream
    pid          process 1          ctl      pipe: "1 ROWS COLUMNS" resizes the terminal
    exit         the exit code      log      every line with its time and stream, see `logs`
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boxwright.errors import UnavailableError
from boxwright.host import faults, process, spawn
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.failures import failure
from boxwright.runtime.oci_runtime import ENVIRONMENT, OciRuntime
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.host.terminal import Size

LOG_SIZE = 20_000_000
"""Bytes after which conmon starts the log anew. It keeps nothing of the old one, so up to that many are there."""


_CREATION = 10.0  # seconds
_LOOK = 0.005


class ConmonFailed(UnavailableError):
    """conmon ended without a word."""

    exit_code = 125

    def __init__(self, code: int) -> None:
        super().__init__(f"conmon ended with {code} before the container was created")


class Monitoring(NamedTuple):
    """How a container is to be watched."""

    tty: bool = False
    stdin: bool = False
    keep_stdin: bool = False
    """Whether standard input outlives the client that is attached to it."""
    log_size: int = LOG_SIZE
    exit_command: Sequence[str] = ()
    """A program (a full path) and its arguments, for the moment after the container's end. It gets our environment's
    PATH and no more, and may call the runtime, but must not wait for conmon, which waits for it."""


def find() -> str:
    """Return conmon's path. Raises CommandNotFound."""
    return process.require("conmon")


def create(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    program: str,
    how: Monitoring,
    *,
    path: str = "",
    meanwhile: Callable[[], object] | None = None,
) -> int:
    """Create the container of a prepared bundle, and return the process ID of its process 1, which waits for `start`.

    `meanwhile` is called while the monitor and the runtime work; conmon then runs on its own. Raises
    ExecutableNotFound, NotExecutable, RuntimeFailed and ConmonFailed; nothing is left then.
    """
    for name in ("exit", "pid", "oom"):
        _remove(bundle.path(name))
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            monitor = mounts.call(_spawn, bundle, [path or find(), *_arguments(runtime, bundle, how)], writer)
        finally:
            os.close(writer)
        faults.point("a monitor is started")
        try:
            if meanwhile is not None:
                meanwhile()
            # This process forks the one that stays, and ends.
            code = spawn.wait(monitor)
            answer = _read_line(reader)
        except BaseException:
            # It is half-way: what it comes to is taken down.
            _read_line(reader)
            runtime.delete(mounts, bundle.id, force=True)
            raise
    finally:
        os.close(reader)
    pid, message = _parse(answer)
    if pid is None:
        raise ConmonFailed(code)
    if pid <= 0:
        runtime.delete(mounts, bundle.id, force=True)
        raise failure(runtime.kind, "create", message, program)
    return pid


def await_creation(runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle) -> None:
    """Wait until a monitor whose starter was killed has either created its container or given up.

    It goes on without its starter; what it is about to make could not be taken down before it is there.
    """
    deadline = time.monotonic() + _CREATION
    while _may_create(runtime, bundle.id) and time.monotonic() < deadline:
        if os.path.exists(bundle.path("pid")) and runtime.status(mounts, bundle.id) is not None:
            return
        time.sleep(_LOOK)


def _may_create(runtime: OciRuntime, container: str) -> bool:
    """Tell whether there is a monitor of this container that is not at its exit command yet.

    It is known by its command line: its process may not be noted yet.
    """
    wanted = container.encode()
    for pid in os.listdir("/proc"):
        words = _command_line(pid) if pid.isdigit() else []
        if words and os.path.basename(words[0]) == b"conmon" and wanted in words:
            programs = [os.path.basename(_command_line(child)[0]).decode() for child in _children(pid)]
            if not programs or os.path.basename(runtime.path) in programs:
                return True
    return False


def _command_line(pid: str) -> list[bytes]:
    """Return the words of a process, one empty word when it has just ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().split(b"\0")
    except OSError:
        return [b""]


def _children(pid: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            return stream.read().split()
    except OSError:
        return []


def _spawn(bundle: Bundle, argv: Sequence[str], report: int) -> int:
    # It leaves a note about memory where it is, too.
    os.chdir(bundle.directory)
    try:
        env = {**ENVIRONMENT, "_OCI_SYNCPIPE": str(report)}
        return spawn.spawn(argv, env=env, pass_fds=(report,), new_session=True)
    finally:
        os.chdir("/")


def resize(bundle: Bundle, size: Size) -> None:
    """Set the size of the container's terminal; without a container that listens it is nothing."""
    try:
        fd = os.open(bundle.path("ctl"), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fd, f"1 {size.rows} {size.columns}\n".encode())
    except BlockingIOError:
        return  # the pipe is full of sizes already
    finally:
        os.close(fd)


def _arguments(runtime: OciRuntime, bundle: Bundle, how: Monitoring) -> list[str]:
    words = [
        *("--cid", bundle.id, "--cuuid", bundle.id, "--name", bundle.id),
        *("--runtime", runtime.path, "--runtime-arg=--root", f"--runtime-arg={runtime.state}"),
        *("--bundle", bundle.directory, "--persist-dir", bundle.directory, "--full-attach"),
        *("--container-pidfile", bundle.path("pid"), "--conmon-pidfile", bundle.path("conmon.pid")),
        *("--log-path", f"k8s-file:{bundle.path('log')}", "--no-sync-log"),
    ]
    if how.log_size > 0:
        words += ["--log-size-max", str(how.log_size)]
    if how.tty:
        words.append("--terminal")
    if how.stdin:
        words.append("--stdin")
        # conmon would close the terminal itself for the last client's sake.
        if how.keep_stdin or how.tty:
            words.append("--leave-stdin-open")
    if how.exit_command:
        words += ["--exit-command", how.exit_command[0]]
        words += [f"--exit-command-arg={word}" for word in how.exit_command[1:]]
    return words


def _read_line(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as stream:
        return stream.readline()


def _parse(answer: bytes) -> tuple[int | None, str]:
    """Return the number and the text of conmon's report; the number is None when there was none."""
    try:
        value = json.loads(answer.decode(errors="replace"), strict=False)
        return int(value["pid"]), str(value.get("message", ""))
    except (ValueError, KeyError, TypeError):
        return None, ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # a first start has none

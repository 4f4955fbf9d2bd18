"""The fast path: a container that lives no longer than the call, as a build's RUN needs it.

No monitor, no log, no record: one process of the runtime, with the caller's descriptors as its standard streams.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from boxwright.host import faults, spawn
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.failures import RuntimeFailed, failure
from boxwright.runtime.oci_runtime import ENVIRONMENT, OciRuntime

_POLL = 100  # milliseconds between looks at whether the caller still wants it
_ATTEMPTS = 50
_KILLED = 137


def run_foreground(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    program: str,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    started: Callable[[], object] = lambda: None,
) -> int:
    """Run a prepared bundle to its end and return the exit code of its program.

    Streams are descriptors, /dev/null for None. `started` is called when the runtime has been started. When
    `is_cancelled` says so, or on any exception (KeyboardInterrupt among them), the container is killed, and nothing of
    it is left; a program killed that way has 137. Raises ExecutableNotFound, NotExecutable and RuntimeFailed when
    `program` never ran.
    """
    log = bundle.path("runtime.log")
    argv = runtime.command("run", "--bundle", bundle.directory, bundle.id, log=log)
    pid = mounts.call(
        spawn.spawn,
        argv,
        env=ENVIRONMENT,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        # Ctrl-C is for us: we end the container, and tell so.
        new_session=True,
    )

    faults.point("a step's container is started")
    started()

    def kill() -> None:
        runtime.delete(mounts, bundle.id, force=True)

    try:
        code = _wait(pid, is_cancelled, kill)
    except BaseException:
        _end(pid, kill)
        raise
    finally:
        words = _take(log)
    if code and words:
        if is_cancelled is not None and is_cancelled():
            return _KILLED  # what a runtime says that is killed on its way is nobody's failure
        raise failure(runtime.kind, "run", words, program)
    return code


def _wait(pid: int, is_cancelled: Callable[[], bool] | None, kill: Callable[[], None]) -> int:
    if is_cancelled is None:
        return spawn.wait(pid)
    while not _ends_within(pid, _POLL):
        if is_cancelled():
            return _end(pid, kill)
    return spawn.wait(pid)


def _end(pid: int, kill: Callable[[], None]) -> int:
    """Kill the container until its runtime has gone, and return what that says.

    At first it may not have come to creating the container, at last both of us take it down: neither is an error.
    """
    for attempt in range(_ATTEMPTS):
        try:
            kill()
        except RuntimeFailed:
            if attempt == _ATTEMPTS - 1:
                os.kill(pid, signal.SIGKILL)
                spawn.wait(pid)
                raise
        if _ends_within(pid, _POLL):
            break
    else:
        os.kill(pid, signal.SIGKILL)
    return spawn.wait(pid)


def _ends_within(pid: int, milliseconds: int) -> bool:
    fd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(milliseconds))
    finally:
        os.close(fd)


def _take(path: str) -> str:
    """Return the content of the runtime's log and remove it; it only exists if there was something to say."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except FileNotFoundError:
        return ""
    os.unlink(path)
    return text

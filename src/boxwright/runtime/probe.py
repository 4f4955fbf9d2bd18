"""A short look into a running container: a program, its output and its exit code, within a time."""

from __future__ import annotations

import os
import select
import time

from boxwright.host import spawn, syscalls
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.streams import read_some
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.execution import started
from boxwright.runtime.oci_runtime import OciRuntime
from boxwright.runtime.options import ContainerOptions
from boxwright.values import NamedTuple

_CHUNK = 65536
_KILL = 9


class Probed(NamedTuple):
    code: int | None
    """The program's exit code; None when it was killed because its time was over."""
    output: bytes
    """The first of what it wrote to both its streams."""


def probe(
    runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle, options: ContainerOptions, *, seconds: float, most: int
) -> Probed:
    """Run a program in a container for at most `seconds`, and return what came of it and `most` bytes of its output.

    It is killed when its time is over, but not what it has started itself. This process becomes the parent of whatever
    loses its own (PR_SET_CHILD_SUBREAPER). Raises NotRunning, UnknownUser, NoWorkingDir, ExecutableNotFound,
    NotExecutable and RuntimeFailed.
    """
    syscalls.become_subreaper()
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = started(runtime, mounts, bundle, options._replace(tty=False), output=writer)
        finally:
            os.close(writer)
        output, in_time = _watched(pid, reader, time.monotonic() + seconds, most)
        if not in_time:
            os.kill(pid, _KILL)  # our child, and not waited for yet: the number is still its own
        code = spawn.wait(pid)
    finally:
        os.close(reader)
    return Probed(code if in_time else None, output)


def _watched(pid: int, reader: int, deadline: float, most: int) -> tuple[bytes, bool]:
    """Return the output of a child up to its end, and whether that came before the deadline."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(ended, select.POLLIN)
    kept = b""
    try:
        while True:
            ready = {fd for fd, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}
            if reader in ready:
                data = read_some(reader, _CHUNK)
                kept = (kept + data)[:most]
                if not data:
                    poll.unregister(reader)
            elif ended in ready:
                return kept, True
            elif not ready:
                return kept, False
    finally:
        os.close(ended)

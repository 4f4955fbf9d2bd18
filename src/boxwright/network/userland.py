"""Starting and stopping the process that holds a container's published ports (see `proxy`)."""

from __future__ import annotations

import os
import select
import struct
import sys
from collections.abc import Sequence

from boxwright.errors import UnavailableError
from boxwright.host.spawn import spawn
from boxwright.network.listeners import Listener

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_SOURCE = os.path.join(_DIRECTORY, "proxy.py")
_OWN_END = 10  # milliseconds
_KILLED_END = 5000  # milliseconds
_WORDLESS = 200  # milliseconds


class Proxy:
    """A proxy that was just started. It ends when this process does, unless it is told whom to follow."""

    __slots__ = ("_control", "pid")

    def __init__(self, pid: int, control: int) -> None:
        self.pid = pid
        self._control = control

    def follow(self, pid: int) -> None:
        """Have the proxy live exactly as long as the process `pid`, whatever becomes of this one."""
        if self._control >= 0:
            try:
                os.write(self._control, str(pid).encode())
            except BrokenPipeError:
                pass  # it is gone; so are the ports, and the container goes on without
            self.release()

    def release(self) -> None:
        """Let go of it: one that was not told whom to follow ends now. Idempotent."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1


def start(container: str, address: str, listeners: Sequence[Listener], farewell: bytes) -> Proxy:
    """Start the proxy for the container's `address`, and give it copies of the listening sockets.

    It sends `farewell` to netfilter when it ends. Its session is its own, so that no terminal's Ctrl-C reaches it.
    """
    inherited = [listener.socket.fileno() for listener in listeners]
    control, ours = os.pipe()
    try:
        orders = [f"control {control}", f"farewell {farewell.hex()}"]
        for listener in listeners:
            binding = listener.binding
            orders.append(f"{binding.protocol} {listener.socket.fileno()} {address} {binding.container_port}")
        return Proxy(_run(container, "\n".join(orders), [*inherited, control]), ours)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(control)


def stop(pid: int, container: str) -> bool:
    """End the proxy of a container, and wait until its ports are free.

    Returns whether it is known to have said farewell, which only its parent can know. It gets the time to end by
    itself, as it does when the container has ended. Idempotent; never touches another process.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return _reap(pid)
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        # One that was just started may be told by no words yet, since the kernel lets us go on a moment before it
        # has them; one that has ended is told by none any more.
        for _ in range(_WORDLESS):
            if _words(pid) or poll.poll(1):
                break
        # Looked at only now: the descriptor keeps the number from meaning another process.
        if not is_proxy(pid, container):
            return _reap(pid)
        if not poll.poll(_OWN_END):
            _kill(process)
            if not poll.poll(_KILLED_END):
                raise UnavailableError(f"the proxy {pid} of container {container[:12]} does not end")
    finally:
        os.close(process)
    return _reap(pid)


def is_proxy(pid: int, container: str) -> bool:
    """Tell whether the process `pid` is the proxy of that container."""
    words = _words(pid)
    program = os.fsencode(_DIRECTORY)
    return words[-2:-1] == [os.fsencode(container)] and any(word.startswith(program) for word in words[1:])


def _words(pid: int) -> list[bytes]:
    """Return the command line of a process, nothing where it has none."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            line = stream.read()
    except OSError:
        return []
    return line.split(b"\0") if line else []


def _run(container: str, orders: str, inherited: Sequence[int]) -> int:
    memory = os.memfd_create("orders", os.MFD_CLOEXEC)
    try:
        view = memoryview(orders.encode())
        while view:
            view = view[os.write(memory, view) :]
        os.lseek(memory, 0, os.SEEK_SET)
        argv = (sys.executable, "-I", "-S", _program(), container)
        return spawn(argv, env={"LC_ALL": "C.UTF-8"}, stdin=memory, pass_fds=inherited, new_session=True)
    finally:
        os.close(memory)


def _program() -> str:
    """Return the path of the program, compiled where that is there and current: 3 ms and 1 MB less a process."""
    compiled = os.path.join(_DIRECTORY, "__pycache__", f"proxy.{sys.implementation.cache_tag}.pyc")
    try:
        with open(compiled, "rb") as stream:
            header = struct.unpack("<4xIII", stream.read(16))
        source = os.stat(_SOURCE)
    except (OSError, struct.error):
        return _SOURCE
    # Flags, time and size of the source, as the import system compares them; Python runs a .pyc without asking.
    current = (0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    return compiled if header == current else _SOURCE


def _kill(process: int) -> None:
    import signal

    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended by itself


def _reap(pid: int) -> bool:
    """Take the exit status of a child, which stays a zombie otherwise; return whether it ended well."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False  # another command started it
    return ended == pid and status == 0

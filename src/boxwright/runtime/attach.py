"""The streams of a container that conmon watches, brought to a person or a pipe.

Connect before `start`, and no byte is lost: conmon passes on what comes, and keeps nothing for those who come later
(the log does). Everything that the program has written is delivered before the end is told.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal, Self

from boxwright.errors import ConflictError
from boxwright.host import terminal
from boxwright.host.pids import Process
from boxwright.host.streams import read_some, write_all
from boxwright.runtime import conmon
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.keys import KeyWatch

Outcome = Literal["ended", "detached", "broken"]
"""Why forwarding stopped: the container's output is over, the person typed the keys, our own output was closed."""

_STDOUT, _STDERR = 2, 3  # the first byte of conmon's packets
_PACKET = 65536
_CHUNK = 8192  # a packet to conmon may have 32 KiB; small ones keep keys quick behind a flood
_NOT_PROXIED = {signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH, signal.SIGKILL, signal.SIGSTOP}
_NOT_PROXIED |= {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT}  # of our own terminal
_FORCED_AFTER = 3


class NotAttachable(ConflictError):
    """conmon doesn't listen: the container has ended."""

    def __init__(self, container: str) -> None:
        super().__init__(f"cannot attach to container {container}: it is not running")
        self.container = container


class Attachment:
    """A connection to the streams of one container."""

    __slots__ = ("_socket",)

    def __init__(self, bundle: Bundle) -> None:
        """Connect. Raises NotAttachable."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            directory = os.open(bundle.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # A socket's path has at most 107 bytes.
                self._socket.connect(f"/proc/self/fd/{directory}/attach")
            finally:
                os.close(directory)
        except OSError:
            self._socket.close()
            raise NotAttachable(bundle.id) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the container, which runs on. Idempotent."""
        self._socket.close()

    def forward(
        self, stdin: int | None, stdout: int | None, stderr: int | None, *, detach_keys: bytes = b""
    ) -> Outcome:
        """Pass bytes between the container and three descriptors until its output ends; None ignores a stream.

        The end of `stdin` becomes the end of the program's input, while its output goes on. `detach_keys` in `stdin`
        end it at once. Backpressure works in both directions, and neither waits for the other.
        """
        connection = self._socket
        connection.setblocking(False)
        watch = KeyWatch(detach_keys)
        outputs = {_STDOUT: stdout, _STDERR: stderr}
        waiting = b""  # of stdin, not yet taken by conmon
        reading = stdin
        while True:
            poll = select.poll()
            poll.register(connection, select.POLLIN | (select.POLLOUT if waiting else 0))
            if reading is not None and not waiting:
                poll.register(reading, select.POLLIN)
            ready = dict(poll.poll())
            events = ready.get(connection.fileno(), 0)
            if events & ~select.POLLOUT:
                packet = _receive(connection)
                if packet == b"":
                    return "ended"
                if packet:
                    output = outputs.get(packet[0])
                    if output is not None and not write_all(output, packet[1:]):
                        return "broken"
            if events & select.POLLOUT:
                waiting = _send(connection, waiting)
            if reading is not None and reading in ready:
                typed = read_some(reading, _CHUNK)
                waiting, detached = watch.feed(typed)
                if waiting:
                    waiting = _send(connection, waiting)
                if detached:
                    return "detached"
                if not typed:
                    reading = None
                    _shut(connection)


def _receive(connection: socket.socket) -> bytes | None:
    """Return a packet, empty at the end, or None when there is none yet."""
    try:
        return connection.recv(_PACKET)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""


def _send(connection: socket.socket, data: bytes) -> bytes:
    """Return what is still to be sent: all, as packets go whole or not at all, or nothing."""
    try:
        connection.send(data)
    except BlockingIOError:
        return data
    except (BrokenPipeError, ConnectionResetError):
        return b""  # the program reads no more; its output may go on
    return b""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the container was quicker


@contextmanager
def resized(bundle: Bundle, fd: int) -> Iterator[None]:
    """Give the container's terminal the size of ours behind `fd`, now and on each change. For the main thread."""
    with terminal.followed(fd, lambda size: conmon.resize(bundle, size)):
        yield


@contextmanager
def proxied(process: Process) -> Iterator[None]:
    """Send the signals that we get to `process` instead of following them. For the main thread.

    A program that runs as process 1 and doesn't care for SIGINT never gets it; so the third SIGINT or SIGTERM is ours:
    it raises KeyboardInterrupt.
    """
    fd = process.open()
    if fd is None:
        yield
        return
    asked = 0

    def proxy(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if number in (signal.SIGINT, signal.SIGTERM):
            asked += 1
            if asked >= _FORCED_AFTER:
                raise KeyboardInterrupt
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            pass  # it ends anyway

    before = {}
    try:
        for number in signal.valid_signals() - _NOT_PROXIED:
            # What our caller has us ignore (nohup) stays ignored; fault signals concern our own code.
            if number not in _FAULTS and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, proxy)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(fd)


_FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}

"""Several processes that do the same: a parent that starts them, passes signals on, and replaces those that die.

The parent does nothing else, so nothing can kill it but a signal. Were it killed nevertheless, the kernel tells its
children to end.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from boxwright.errors import UnavailableError
from boxwright.host import syscalls

_log = logging.getLogger(__name__)

_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_PASSED_ON = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_STEADY_SECONDS = 10.0
"""A child that lived for so long is replaced at once."""

_PAUSE_SECONDS = 0.5
_MOST_PAUSE_SECONDS = 30.0

Work = Callable[[int, Callable[[], None]], int]
"""What a child does: it gets its number and what to call when it is ready, and returns its exit status."""


class ChildDied(UnavailableError):
    """A process ended before it was ready, when there were none that were."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a process of the server ended with status {status} before it served")
        self.status = status


class _Child:
    """A process that runs, and how it came to be."""

    __slots__ = ("failures", "number", "pid", "ready", "serving", "started")

    def __init__(self, number: int, pid: int, ready: int, failures: int) -> None:
        self.number = number
        self.pid = pid
        self.ready = ready
        """The end of a pipe that says so; -1 when it has."""
        self.serving = False
        self.failures = failures
        """How many before it, in a row, died young."""
        self.started = time.monotonic()


class Processes:
    """`count` processes that do `work`, until they are told to end."""

    __slots__ = (
        "_all_ready",
        "_children",
        "_count",
        "_ended",
        "_selector",
        "_served",
        "_stopping",
        "_waiting",
        "_work",
    )

    def __init__(
        self,
        count: int,
        work: Work,
        *,
        ready: Callable[[], None],
        ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """`ready` is called once, when all are; `ended` for each process that has ended."""
        self._count = count
        self._work = work
        self._all_ready = ready
        self._ended = ended
        self._children: dict[int, _Child] = {}
        self._waiting: dict[int, tuple[float, int]] = {}
        """Numbers that have no process: when to start one, and how many died young before it."""
        self._served = False
        self._stopping = False
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Start them and see to them until SIGTERM or SIGINT has ended all; return 0. Raises ChildDied.

        To be called where there is one thread: processes are made by fork.
        """
        with _signals() as wakeup:
            self._selector.register(wakeup, selectors.EVENT_READ)
            try:
                for number in range(self._count):
                    self._start(number, 0)
                while self._children or not self._stopping:
                    self._step(wakeup)
            finally:
                for child in self._children.values():
                    os.kill(child.pid, signal.SIGKILL)
                for child in self._children.values():
                    os.waitpid(child.pid, 0)
                self._selector.close()
        return 0

    def _step(self, wakeup: socket.socket) -> None:
        pauses = [due - time.monotonic() for due, _ in self._waiting.values()]
        for key, _ in self._selector.select(max(0.0, min(pauses)) if pauses else None):
            if key.fileobj is wakeup:
                for number in wakeup.recv(4096):
                    self._signalled(number)
            else:
                self._hear(key.data)
        self._reap()
        now = time.monotonic()
        for number, (due, failures) in list(self._waiting.items()):
            if due <= now and not self._stopping:
                del self._waiting[number]
                self._start(number, failures)

    def _start(self, number: int, failures: int) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        # What is buffered would be written by both.
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._be_child(number, parent, writing)
        os.close(writing)
        child = self._children[pid] = _Child(number, pid, reading, failures)
        self._selector.register(reading, selectors.EVENT_READ, child)

    def _be_child(self, number: int, parent: int, writing: int) -> NoReturn:
        status = 70
        try:
            self._selector.close()
            for other in self._children.values():
                if other.ready != -1:
                    os.close(other.ready)
            signal.set_wakeup_fd(-1)
            for one in (*_ENDINGS, *_PASSED_ON, signal.SIGCHLD):
                signal.signal(one, signal.SIG_DFL)
            syscalls.die_with_parent(signal.SIGTERM)
            if os.getppid() != parent:
                raise SystemExit

            def ready() -> None:
                os.write(writing, b"1")
                os.close(writing)

            status = self._work(number, ready)
        except Exception:
            _log.exception("process %d", number)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not the parent's way out: its caller must not run twice.
            os._exit(status)

    def _signalled(self, number: int) -> None:
        if number in _ENDINGS:
            self._stopping = True
            self._waiting.clear()
        if number != signal.SIGCHLD:
            for child in self._children.values():
                os.kill(child.pid, number)

    def _hear(self, child: _Child) -> None:
        child.serving = bool(os.read(child.ready, 1))
        self._close(child)
        if not self._served and all(one.serving for one in self._children.values()):
            self._served = True
            self._all_ready()

    def _close(self, child: _Child) -> None:
        if child.ready != -1:
            self._selector.unregister(child.ready)
            os.close(child.ready)
            child.ready = -1

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found:
                continue
            child = self._children.pop(pid)
            self._close(child)
            self._ended(pid)
            if not self._stopping:
                self._replace(child, os.waitstatus_to_exitcode(status))

    def _replace(self, child: _Child, status: int) -> None:
        if not self._served:
            raise ChildDied(status)
        steady = time.monotonic() - child.started > _STEADY_SECONDS
        failures = 0 if steady else child.failures + 1
        pause = min(_PAUSE_SECONDS * 2 ** (failures - 2), _MOST_PAUSE_SECONDS) if failures > 1 else 0.0
        _log.error("process %d (pid %d) ended with status %d: replaced", child.number, child.pid, status)
        self._waiting[child.number] = (time.monotonic() + pause, failures)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Have signals arrive as bytes at a socket."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    handlers = {one: signal.signal(one, _ignore) for one in (*_ENDINGS, *_PASSED_ON, signal.SIGCHLD)}
    before = signal.set_wakeup_fd(writing.fileno())
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        for one, handler in handlers.items():
            signal.signal(one, handler)
        reading.close()
        writing.close()


def _ignore(number: int, frame: object) -> None:
    """What has to be done is done where the bytes are read."""

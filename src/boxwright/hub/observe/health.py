"""Whether a server is alive, and whether it can serve."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping

from boxwright.values import NamedTuple

_TIMEOUT_SECONDS = 3.0
_FRESH_SECONDS = 1.0
"""For how long an answer is given again: load balancers ask from many places."""


class Check(NamedTuple):
    """What one part answered."""

    ok: bool
    seconds: float
    error: str = ""


class _Part:
    """A part that is asked in a thread of its own: a disk that hangs must not take a thread that serves.

    Always the same thread, which so has the same connection to the database.
    """

    __slots__ = ("_answer", "_ask", "_questions", "_since")

    def __init__(self, name: str, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._questions: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[str]]] = queue.SimpleQueue()
        self._answer: asyncio.Future[str] | None = None
        self._since = 0.0
        threading.Thread(target=self._run, name=f"health of the {name}", daemon=True).start()

    async def check(self, timeout: float) -> Check:
        """Return how it is; one that hangs is not asked again until it has answered."""
        loop = asyncio.get_running_loop()
        answer = self._answer
        if answer is None or answer.done():
            answer = self._answer = loop.create_future()
            self._since = time.monotonic()
            self._questions.put((loop, answer))
        try:
            async with asyncio.timeout(timeout):
                error = await asyncio.shield(answer)
        except TimeoutError:
            waited = time.monotonic() - self._since
            return Check(False, waited, f"no answer for {waited:.0f} seconds")
        return Check(not error, time.monotonic() - self._since, error)

    def _run(self) -> None:
        while True:
            loop, answer = self._questions.get()
            error = ""
            try:
                self._ask()
            except Exception as caught:
                error = str(caught) or type(caught).__name__
            try:
                loop.call_soon_threadsafe(_settle, answer, error)
            except RuntimeError:
                return  # the server ended meanwhile


def _settle(answer: asyncio.Future[str], error: str) -> None:
    if not answer.done():
        answer.set_result(error)


class Health:
    """Asks the parts of a server how they are. For the event loop alone."""

    __slots__ = ("_asked", "_known", "_parts", "_timeout", "ending")

    def __init__(self, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._parts: dict[str, _Part] = {}
        self._known: dict[str, Check] = {}
        self._asked = -_FRESH_SECONDS
        self.ending = False
        """Set when the server is told to end: it isn't ready any more, though it answers what has begun."""

    def check(self, name: str, ask: Callable[[], object]) -> None:
        """Add a part: `ask` raises when it cannot be used, and may take long."""
        self._parts[name] = _Part(name, ask)

    async def ready(self) -> Mapping[str, Check]:
        """Return what each part answers now, or answered within the last second. Takes `timeout` seconds at most."""
        if time.monotonic() - self._asked >= _FRESH_SECONDS:
            checks = await asyncio.gather(*(part.check(self._timeout) for part in self._parts.values()))
            self._known = dict(zip(self._parts, checks, strict=True))
            self._asked = time.monotonic()
        return self._known

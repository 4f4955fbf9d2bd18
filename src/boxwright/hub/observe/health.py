"""Whether a server is alive, and whether it can serve."""

from __future__ import annotations

import asyncio
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


class _Question:
    """A question that runs in a thread of its own: a disk that hangs must not take a thread that serves."""

    __slots__ = ("answer", "ask", "since")

    def __init__(self, ask: Callable[[], object]) -> None:
        self.ask = ask
        self.since = time.monotonic()
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        threading.Thread(target=self._run, args=(asyncio.get_running_loop(),), name="health", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        error = ""
        try:
            self.ask()
        except Exception as caught:
            error = str(caught) or type(caught).__name__
        try:
            loop.call_soon_threadsafe(self._told, error)
        except RuntimeError:
            pass  # the server ended meanwhile

    def _told(self, error: str) -> None:
        if not self.answer.done():
            self.answer.set_result(error)


class Health:
    """Asks the parts of a server how they are. For the event loop alone."""

    __slots__ = ("_asked", "_checks", "_known", "_questions", "_timeout")

    def __init__(self, *, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._checks: dict[str, Callable[[], object]] = {}
        self._timeout = timeout
        self._questions: dict[str, _Question] = {}
        self._known: dict[str, Check] = {}
        self._asked = -_FRESH_SECONDS

    def check(self, name: str, ask: Callable[[], object]) -> None:
        """Add a part: `ask` raises when it cannot be used. It is called in a thread of its own, and may take long."""
        self._checks[name] = ask

    async def ready(self) -> Mapping[str, Check]:
        """Return what each part answers now, or answered within the last second. Takes `timeout` seconds at most."""
        if time.monotonic() - self._asked >= _FRESH_SECONDS:
            checks = await asyncio.gather(*(self._check(name, ask) for name, ask in self._checks.items()))
            self._known = dict(zip(self._checks, checks, strict=True))
            self._asked = time.monotonic()
        return self._known

    async def _check(self, name: str, ask: Callable[[], object]) -> Check:
        question = self._questions.get(name)
        if question is None or question.answer.done():
            question = self._questions[name] = _Question(ask)
        # One that hangs is not asked again: its thread would hang as well.
        try:
            async with asyncio.timeout(self._timeout):
                error = await asyncio.shield(question.answer)
        except TimeoutError:
            waited = time.monotonic() - question.since
            return Check(False, waited, f"no answer for {waited:.0f} seconds")
        return Check(not error, time.monotonic() - question.since, error)

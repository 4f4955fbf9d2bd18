"""The access log: a line for every request, after its answer.

Lines are made by hand and written a few at a time. Through `logging`, the log of a request would cost a tenth of the
request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote

from boxwright.hub.observe.logs import Output, printable, timestamp
from boxwright.hub.observe.request import Request
from boxwright.values import NamedTuple

LOGGER = "boxwright.access"

_FLUSH_SECONDS = 0.1


class Outcome(NamedTuple):
    """How a request ended."""

    status: int
    """Of the answer; 0 when none could be sent whole."""
    received: int
    """Bytes of the request's body."""
    sent: int
    """Bytes of the answer's body."""
    seconds: float
    """Until the answer was ready; for a blob until it was sent."""


class AccessLog:
    """Logs requests. For the event loop alone."""

    __slots__ = ("_format", "_output")

    def __init__(self, output: Output, *, json: bool) -> None:
        self._output = output
        self._format: Callable[[Request, Outcome, float], str] = _json if json else _text

    def log(self, request: Request, outcome: Outcome) -> None:
        """Log one request. The line may be written a tenth of a second later; `Output.flush` writes it now."""
        if self._output.hold(self._format(request, outcome, time.time())):
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._output.flush)


def _json(request: Request, outcome: Outcome, now: float) -> str:
    method, path = quote(request.method), quote(request.path)
    return (
        f'{{"time": "{timestamp(now)}", "level": "info", "logger": "{LOGGER}", "message": "request", '
        f'"request": {quote(request.id)}, "method": {method}, "path": {path}, "route": "{request.route}", '
        f'"repository": {quote(request.repository)}, "status": {outcome.status}, "received": {outcome.received}, '
        f'"sent": {outcome.sent}, "seconds": {outcome.seconds:.6f}, "user": {quote(request.user)}, '
        f'"client": {quote(request.client)}, "agent": {quote(request.agent)}}}'
    )


def _text(request: Request, outcome: Outcome, now: float) -> str:
    method, path, status = printable(request.method), printable(request.path), outcome.status or "aborted"
    return (
        f"{timestamp(now)} info    {method} {path} {status} in={outcome.received} out={outcome.sent} "
        f"{outcome.seconds * 1000:.1f}ms user={printable(request.user) or '-'} client={request.client or '-'} "
        f"request={request.id}"
    )

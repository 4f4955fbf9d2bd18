"""What is put around the registry's handler of requests: an id, an access log, metrics, and the pages for operators.

GET /healthz    200 while the process answers at all
GET /readyz     200 when database and storage answer, else 503 and what they said
GET /metrics    Prometheus' text format
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from boxwright.hub.observe.access import AccessLog, Outcome
from boxwright.hub.observe.metrics import CONTENT_TYPE, Metrics
from boxwright.hub.observe.request import HEADER, Request, begin, request_id

if TYPE_CHECKING:
    from boxwright.hub.edge.origins import Origins
    from boxwright.hub.observe.health import Health
    from boxwright.hub.registry.workers import Workers

_JSON = "application/json"

HEALTH = "/healthz"
READY = "/readyz"
METRICS = "/metrics"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Operations:
    """The pages for operators."""

    __slots__ = ("_health", "_metrics", "_workers")

    def __init__(self, health: Health, metrics: Metrics | None, workers: Workers) -> None:
        """`metrics` None: they are shown elsewhere."""
        self._health = health
        self._metrics = metrics
        self._workers = workers

    async def answer(self, request: web.BaseRequest) -> web.Response | None:
        """Answer a request for one of the pages; None when it is for something else."""
        path = request.raw_path.partition("?")[0]
        if path not in (HEALTH, READY, METRICS) or (path == METRICS and self._metrics is None):
            return None
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={hdrs.ALLOW: "GET, HEAD"})
        if path == METRICS:
            assert self._metrics is not None
            text = await self._workers.move(self._metrics.render)
            return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
        if path == HEALTH:
            return _page(200, {"status": "alive"})
        checks = await self._health.ready()
        sound = all(check.ok for check in checks.values())
        status = "ending" if self._health.ending else "ready" if sound else "not ready"
        parts = {name: check._asdict() for name, check in checks.items()}
        return _page(200 if status == "ready" else 503, {"status": status, "checks": parts})

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as a server of its own."""
        return await self.answer(request) or web.Response(status=404, text="not found\n")


def _page(status: int, value: Mapping[str, object]) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(value).encode() + b"\n",
        headers={hdrs.CONTENT_TYPE: _JSON, hdrs.CACHE_CONTROL: "no-store"},
    )


class ObservedHandler:
    """A handler whose requests are counted, logged, and have an id.

    `origins` tells clients from the proxies before them; only a proxy of ours may give a request its id.
    """

    __slots__ = ("_access", "_handler", "_metrics", "_operations", "_origins")

    def __init__(
        self,
        handler: Handler,
        operations: Operations,
        metrics: Metrics,
        access: AccessLog | None,
        origins: Origins,
    ) -> None:
        self._handler = handler
        self._operations = operations
        self._metrics = metrics
        self._access = access
        self._origins = origins

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        page = await self._operations.answer(request)
        if page is not None:
            return page
        started = time.perf_counter()
        headers = request.headers
        origin = self._origins.of(request)
        sent_id = headers.get(HEADER)
        known = Request(
            request_id(sent_id if sent_id is not None and self._origins.vouches(request) else None),
            request.method,
            request.raw_path.partition("?")[0],
            client=origin.address,
            scheme=origin.scheme,
            host=origin.host,
            agent=headers.get(hdrs.USER_AGENT, ""),
        )
        begin(known)
        self._metrics.in_flight.inc()
        status = sent = 0
        try:
            response = await self._handler(request)
            if not response.prepared:
                response.headers[HEADER] = known.id
            status = response.status
            # The length of an answer to HEAD is that of what GET would send.
            sent = 0 if request.method == "HEAD" else response.content_length or 0
            return response
        finally:
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            received = getattr(request.content, "total_bytes", 0)
            self._metrics.request(known.route, known.method, status, seconds, received, sent)
            if self._access is not None:
                self._access.log(known, Outcome(status, received, sent, seconds))
            begin(None)  # the connection goes on

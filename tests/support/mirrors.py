"""A registry with an upstream, both in this process, and a hand in what the upstream answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from boxwright.hub.db.leases import Leases, NoLeases
from boxwright.hub.db.memory import MemoryMetadata
from boxwright.hub.edge.origins import Origins
from boxwright.hub.registry.application import Application
from boxwright.hub.registry.http import HttpHandler
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.memory import MemoryBlobStorage
from boxwright.hub.upstream.notes import MemoryNotes
from boxwright.hub.upstream.service import Upstreams
from boxwright.hub.upstream.settings import UpstreamSettings
from support.registry_kit import Registry

Trouble = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]


class Meddler:
    """Stands before a registry: counts what is asked, and may answer in its place."""

    def __init__(self, handler: HttpHandler) -> None:
        self._handler = handler
        self.calls: list[str] = []
        self.trouble: Trouble | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        if self.trouble is not None and (answer := await self.trouble(request)) is not None:
            return answer
        return await self._handler(request)

    def count(self, start: str, end: str = "") -> int:
        """Return how many requests began and ended like this."""
        return sum(call.startswith(start) and call.endswith(end) for call in self.calls)


class Mirror:
    """`ours` mirrors `theirs`, whose server is `upstream`."""

    def __init__(self, ours: Registry, theirs: Registry, upstream: Meddler, service: Upstreams) -> None:
        self.ours = ours
        self.theirs = theirs
        self.upstream = upstream
        self.service = service
        self.storage: MemoryBlobStorage
        self.metadata: MemoryMetadata
        self.notes: MemoryNotes
        self.workers: Workers
        self.upstreams: list[UpstreamSettings]
        self.stop_upstream: Callable[[], Awaitable[None]]


@asynccontextmanager
async def mirror(
    spool: Path, *, prefix: str = "up", leases: Leases | None = None, **settings: Any
) -> AsyncIterator[Mirror]:
    """Serve both for the block. The upstream's URL is ``http://127.0.0.1:…`` unless `settings` have another."""
    workers = Workers()
    theirs, ours = MemoryMetadata(), MemoryMetadata()
    upstream_application = Application(MemoryBlobStorage(), theirs, workers)
    meddler = Meddler(HttpHandler(upstream_application, workers, origins=Origins(), idle=30.0))
    upstream_runner = web.ServerRunner(web.Server(meddler, access_log=None, auto_decompress=False))
    await upstream_runner.setup()
    await web.TCPSite(upstream_runner, "127.0.0.1", 0).start()
    address = "{}:{}".format(*upstream_runner.addresses[0][:2])
    given = {"url": f"http://{address}", "namespaces": ("docker.io",), **settings}
    storage, notes = MemoryBlobStorage(), MemoryNotes()
    upstreams = [UpstreamSettings(prefix, **given)]
    service = Upstreams(upstreams, storage, ours, notes, workers, leases or NoLeases(), spool)
    application = Application(storage, ours, workers, elsewhere=service.handlers)
    runner = web.ServerRunner(
        web.Server(HttpHandler(application, workers, origins=Origins(), idle=30.0), access_log=None)
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession(auto_decompress=False) as session:
            made = Mirror(
                Registry(session, *runner.addresses[0][:2], application),
                Registry(session, *upstream_runner.addresses[0][:2], upstream_application),
                meddler,
                service,
            )
            made.storage, made.metadata, made.notes = storage, ours, notes
            made.workers, made.upstreams = workers, upstreams
            made.stop_upstream = upstream_runner.cleanup
            yield made
    finally:
        await runner.cleanup()
        await workers.move(service.close)
        await upstream_runner.cleanup()
        application.sessions.close()
        upstream_application.sessions.close()
        workers.close()


@asynccontextmanager
async def another(m: Mirror, spool: Path, leases: Leases, *, patience: float) -> AsyncIterator[Registry]:
    """Serve once more for the block what `m` serves, as another process would."""
    service = Upstreams(m.upstreams, m.storage, m.metadata, m.notes, m.workers, leases, spool, patience=patience)
    application = Application(m.storage, m.metadata, m.workers, elsewhere=service.handlers)
    handler = HttpHandler(application, m.workers, origins=Origins(), idle=30.0)
    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Registry(m.ours.session, *runner.addresses[0][:2], application)
    finally:
        await runner.cleanup()
        await m.workers.move(service.close)
        application.sessions.close()

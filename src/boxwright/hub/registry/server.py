"""``boxwright registry serve``: sockets, signals and options around the application."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.hub.edge.acceptor import Acceptor
from boxwright.hub.edge.addresses import address_of, listen, remove_socket
from boxwright.hub.edge.origins import Origins, PublicURL
from boxwright.hub.edge.tls import Certificates, TLSSettings
from boxwright.hub.extra import HubExtraMissing, need
from boxwright.hub.registry.sessions import UploadSessions
from boxwright.hub.registry.settings import DEFAULT_IDLE

if TYPE_CHECKING:
    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.access import Authority
    from boxwright.hub.registry.application import Application
    from boxwright.hub.registry.collector import Collector
    from boxwright.hub.registry.http import HttpServer
    from boxwright.hub.registry.settings import AuthSettings
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.settings import HubSettings

_log = logging.getLogger(__name__)

_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_UPLOAD_DAYS = 7
_SWEEP_SECONDS = 3600.0
_SHUTDOWN_SECONDS = 2.0  # for the last bytes of answers, when all requests have ended or had their time
_WATCH_SECONDS = 10.0  # from one look at the certificate's files to the next
_REMOTE_WORKERS = 32


def serve(settings: HubSettings, *, root: Path, ready: Callable[[str], None] = lambda line: None) -> int:
    """Serve until SIGTERM or SIGINT, then let what runs end, and return 0.

    `root` is where everything is kept unless the settings name a folder; `ready` is called once with the line that says
    where it serves. Raises HubExtraMissing, InvalidError, AddressInUse, and what opening the root raises.
    """
    need("aiohttp", "sqlalchemy", "alembic")
    asyncio.run(_serve(settings, settings.server.root or root, ready))
    return 0


async def _serve(settings: HubSettings, root: Path, ready: Callable[[str], None]) -> None:
    from aiohttp import web

    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.db.sql import SQLMetadata
    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.application import GC_DELAY, Application
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.storage.filesystem import make_directories
    from boxwright.hub.storage.location import FolderLocation, locate, open_storage

    server, gc = settings.server, settings.gc
    origins = Origins(server.trusted_proxies, PublicURL.parse(server.public_url) if server.public_url else None)
    certificates = None if settings.tls == TLSSettings() else Certificates(settings.tls)
    authority = _authority(settings.auth)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDINGS:
        loop.add_signal_handler(number, stopped.set)
    with ExitStack() as stack:
        make_directories(root)
        location = locate(root, settings.storage.location)
        blobs = open_storage(location)
        stack.callback(blobs.close)
        metadata = SQLMetadata(Database(settings.database.url or default_url(root)))
        stack.callback(metadata.close)
        # Threads that wait for an object store wait longer than those that wait for a disk, and are idle meanwhile.
        workers = Workers() if isinstance(location, FolderLocation) else Workers(content=_REMOTE_WORKERS)
        stack.callback(workers.close)
        observer = Observer(settings.log, workers, apart=settings.metrics.address != "")
        stack.callback(observer.close)
        storage = observer.watch(blobs, metadata)
        application = Application(
            *(storage, metadata, workers),
            authority=authority,
            sparse=server.sparse,
            redirect=settings.storage.redirect,
            gc_delay=gc.delay or GC_DELAY,
            limits=settings.limits,
        )
        stack.callback(application.sessions.close)
        http = make_server(application, workers, observer, origins=origins, idle=server.idle_timeout)
        runner = web.ServerRunner(http, shutdown_timeout=_SHUTDOWN_SECONDS)
        apart = web.ServerRunner(web.Server(observer.operations(), access_log=None))
        await runner.setup()
        await apart.setup()
        if settings.metrics.address:
            sockets = listen(settings.metrics.address)
            for one in sockets:
                await web.SockSite(apart, one).start()
            _log.info("metrics on http://%s", address_of(settings.metrics.address, sockets))
        sockets = listen(server.address)
        stack.callback(remove_socket, server.address)
        place = address_of(server.address, sockets)
        acceptor = Acceptor(sockets, http, limits=settings.limits, tls=certificates, spares=origins.trusts)
        http.lost = acceptor.lost
        tending = [asyncio.create_task(_sweep(application.sessions, workers))]
        if gc.delay is not None:
            tending.append(asyncio.create_task(_collect(application.collector, workers, gc.interval, observer)))
        if certificates is not None:
            tending.append(asyncio.create_task(_watch(certificates, workers)))
        loop.add_signal_handler(signal.SIGHUP, _reload, certificates, workers)
        try:
            acceptor.start()
            ready(f"serving on {'http' if certificates is None else 'https'}://{place} (root {root})")
            await stopped.wait()
        finally:
            for number in _ENDINGS:
                loop.remove_signal_handler(number)  # whoever asks a second time does not want to wait
            for task in tending:
                task.cancel()
            acceptor.stop()
            await http.drain(server.drain_timeout)
            await runner.cleanup()
            await apart.cleanup()


def make_server(
    application: Application,
    workers: Workers,
    observer: Observer | None = None,
    *,
    origins: Origins | None = None,
    idle: float = DEFAULT_IDLE,
) -> HttpServer:
    """Return the server of an application; `idle` is how many seconds a client may be silent."""
    from boxwright.hub.registry.http import HttpHandler, HttpServer

    origins = origins or Origins()
    handler = HttpHandler(application, workers, origins=origins, idle=idle)
    return HttpServer(handler if observer is None else observer.around(handler, origins))


async def _watch(certificates: Certificates, workers: Workers) -> None:
    """Take up certificates that were renewed."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        await workers.move(certificates.refresh)


def _reload(certificates: Certificates | None, workers: Workers) -> None:
    """What SIGHUP asks for. The file of users is read again whenever it changes, so there is nothing to do for it."""
    if certificates is not None:
        workers.move(certificates.reload)


async def _sweep(sessions: UploadSessions, workers: Workers) -> None:
    """Drop abandoned uploads, at the start and every hour."""
    while True:
        await workers.move(sessions.sweep, _UPLOAD_DAYS * 86400.0)
        await asyncio.sleep(_SWEEP_SECONDS)


async def _collect(collector: Collector, workers: Workers, interval: float, observer: Observer) -> None:
    """Collect garbage, at the start and then at intervals."""
    while True:
        started = time.monotonic()
        try:
            done = await workers.move(collector.collect)
        except Exception:
            _log.exception("garbage collection")  # a full disk, say: tried again
            observer.collected(None, time.monotonic() - started)
        else:
            observer.collected(done, time.monotonic() - started)
            if done.released or done.destroyed:
                _log.info("garbage: %d blobs released, %d destroyed (%d bytes)", *done)
        await asyncio.sleep(interval)


def _authority(auth: AuthSettings) -> Authority | None:
    if auth.htpasswd is None:
        return None
    from boxwright.hub.registry.access import Members

    try:
        from boxwright.hub.registry.htpasswd import HtpasswdCredentials
    except ModuleNotFoundError as error:
        raise HubExtraMissing(error.name or "bcrypt") from None
    return Members(HtpasswdCredentials(auth.htpasswd))

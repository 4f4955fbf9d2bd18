"""``boxwright registry serve``: sockets, signals and options around the application."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.hub.accounts.doors import check_accounts, first_steps, open_access
from boxwright.hub.edge.acceptor import Acceptor
from boxwright.hub.edge.origins import Origins, PublicURL
from boxwright.hub.edge.tls import Certificates, TLSSettings
from boxwright.hub.extra import HubExtraMissing, need
from boxwright.hub.registry.settings import DEFAULT_IDLE
from boxwright.hub.registry.sockets import address_of, listen, remove_socket

if TYPE_CHECKING:
    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.application import Application
    from boxwright.hub.registry.htpasswd import HtpasswdCredentials
    from boxwright.hub.registry.http import HttpServer
    from boxwright.hub.registry.settings import AuthSettings, ServerSettings
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.settings import HubSettings

_log = logging.getLogger(__name__)

_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_SHUTDOWN_SECONDS = 2.0  # for the last bytes of answers, when all requests have ended or had their time
_REMOTE_WORKERS = 32


def serve(settings: HubSettings, *, root: Path, ready: Callable[[str], None] = lambda line: None) -> int:
    """Serve until SIGTERM or SIGINT, then let what runs end, and return 0.

    `root` is where everything is kept unless the settings name a folder; `ready` is called once with the line that says
    where it serves. Raises HubExtraMissing, InvalidAddress, AddressInUse, ChildDied, and what opening the root raises.
    """
    need("aiohttp", "sqlalchemy", "alembic")
    check_accounts(settings.accounts, settings.oidc)
    count, folder = settings.server.processes, settings.server.root or root
    with ExitStack() as stack:
        shares = listen(settings.server.address, count)
        stack.callback(remove_socket, settings.server.address)
        stack.callback(_close, *shares)
        (apart,) = listen(settings.metrics.address) if settings.metrics.address else ([],)
        stack.callback(_close, apart)
        if count > 1:
            return _serve_by_many(settings, folder, shares, apart, ready)
        asyncio.run(_serve(settings, folder, shares[0], apart, ready))
        return 0


def _close(*shares: Iterable[socket.socket]) -> None:
    for share in shares:
        for one in share:
            one.close()


def _serve_by_many(
    settings: HubSettings,
    root: Path,
    shares: Sequence[list[socket.socket]],
    apart: list[socket.socket],
    ready: Callable[[str], None],
) -> int:
    """Have each share of the connections served by a process of its own."""
    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.observe import sharing
    from boxwright.hub.registry.processes import Processes
    from boxwright.hub.storage.filesystem import make_directories

    with tempfile.TemporaryDirectory(prefix="boxwright-metrics-") as numbers:
        sharing.share(Path(numbers))
        # What is wrong with the settings is said by the parent, once. It also upgrades the schema.
        make_directories(root)
        _origins(settings.server)
        secure = _certificates(settings.tls) is not None
        credentials = _credentials(settings.auth)
        database = Database(settings.database.url or default_url(root))
        notice = first_steps(database, settings.accounts, credentials, root=None if settings.database.url else root)
        database.close()

        def work(number: int, is_ready: Callable[[], None]) -> int:
            _close(*(share for share in shares if share is not shares[number]))
            # Everybody may answer there, since everybody knows the numbers of all.
            asyncio.run(_serve(settings, root, shares[number], apart, lambda line: is_ready()))
            return 0

        line = f"serving on {_url(shares[0], settings.server.address, secure)} (root {root}){notice}"
        return Processes(len(shares), work, ready=lambda: ready(line), ended=sharing.gone).run()


async def _serve(
    settings: HubSettings,
    root: Path,
    sockets: list[socket.socket],
    metrics: list[socket.socket],
    ready: Callable[[str], None],
) -> None:
    from aiohttp import web

    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.db.leases import SQLLeases
    from boxwright.hub.db.sql import SQLMetadata
    from boxwright.hub.events.dispatcher import start_dispatcher
    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.application import GC_DELAY, Application
    from boxwright.hub.registry.chores import HOUR, RECORD_SECONDS, Chores, prune, sweep
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.rescue.recorder import Recorder
    from boxwright.hub.storage.filesystem import make_directories
    from boxwright.hub.storage.location import FolderLocation, locate, open_storage

    server, gc = settings.server, settings.gc
    origins, certificates = _origins(server), _certificates(settings.tls)
    credentials = _credentials(settings.auth)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDINGS:
        loop.add_signal_handler(number, stopped.set)
    with ExitStack() as stack:
        make_directories(root)
        location = locate(root, settings.storage.location)
        blobs = open_storage(location)
        stack.callback(blobs.close)
        database = Database(settings.database.url or default_url(root))
        stack.callback(database.close)
        metadata, leases = SQLMetadata(database), SQLLeases(database)
        # Threads that wait for an object store wait longer than those that wait for a disk, and are idle meanwhile.
        workers = Workers() if isinstance(location, FolderLocation) else Workers(content=_REMOTE_WORKERS)
        stack.callback(workers.close)
        observer = Observer(settings.log, workers, apart=settings.metrics.address != "")
        stack.callback(observer.close)
        storage = observer.watch(blobs, metadata)
        database.observe = observer.metrics.observe_transaction
        upstreams = None
        if settings.upstreams:
            from boxwright.hub.db.upstream_notes import SQLNotes
            from boxwright.hub.upstream.service import Upstreams

            own = PublicURL.parse(server.public_url).host if server.public_url else ""
            content = storage, metadata, SQLNotes(database), workers, leases, root
            upstreams = Upstreams(settings.upstreams, *content, own=own, counting=observer.metrics)
            stack.callback(upstreams.close)
        is_open = upstreams.is_public if upstreams is not None else None
        access = open_access(database, workers, settings.accounts, credentials, is_open=is_open, oidc=settings.oidc)
        application = Application(
            *(storage, metadata, workers),
            authority=access.authority,
            endpoints=access.endpoints,
            sparse=server.sparse,
            deletes=server.delete,
            elsewhere=upstreams.handlers if upstreams is not None else None,
            redirect=settings.storage.redirect,
            gc_delay=gc.delay or GC_DELAY,
            limits=settings.limits,
            notice=server.notice,
        )
        stack.callback(application.sessions.close)
        if settings.webhooks.deliver:
            stack.callback(start_dispatcher(database, settings.webhooks, observer.metrics).stop)
        http = make_server(application, workers, observer, origins=origins, idle=server.idle_timeout)
        acceptor = Acceptor(sockets, http, limits=settings.limits, tls=certificates, spares=origins.trusts)
        http.lost = acceptor.lost
        runner = web.ServerRunner(http, shutdown_timeout=_SHUTDOWN_SECONDS)
        apart = web.ServerRunner(web.Server(observer.operations(), access_log=None))
        await runner.setup()
        await apart.setup()
        tending = Chores(workers, leases)
        tending.regularly("uploads", partial(sweep, application.sessions), HOUR)
        tending.regularly("retention", partial(prune, database), HOUR)
        tending.regularly("records", Recorder(storage, database).record, RECORD_SECONDS)
        if access.house is not None:
            tending.regularly("accounts", access.house.tidy, HOUR)
        if gc.delay is not None:
            tending.collect(application.collector, gc.interval, observer)
        if upstreams is not None:
            tending.begin(upstreams.tend(workers, leases))
        if certificates is not None:
            tending.watch(certificates)
        loop.add_signal_handler(signal.SIGHUP, _reload, certificates, workers)
        try:
            if metrics:
                for one in metrics:
                    await web.SockSite(apart, one).start()
                _log.info("metrics on %s", _url(metrics, settings.metrics.address or "", False))
            acceptor.start()
            notice = first_steps(database, settings.accounts, credentials, root=None if settings.database.url else root)
            ready(f"serving on {_url(sockets, server.address, certificates is not None)} (root {root}){notice}")
            await stopped.wait()
            observer.health.ending = True
        finally:
            for number in _ENDINGS:
                loop.remove_signal_handler(number)  # whoever asks a second time does not want to wait
            tending.stop()
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
    from boxwright.hub.registry.http import LINGER_SECONDS, HttpHandler, HttpServer

    origins = origins or Origins()
    handler = HttpHandler(application, workers, origins=origins, idle=idle)
    around = handler if observer is None else observer.around(handler, origins)
    return HttpServer(around, linger=min(idle, LINGER_SECONDS))


def _reload(certificates: Certificates | None, workers: Workers) -> None:
    """What SIGHUP asks for. The file of users is read again whenever it changes, so there is nothing to do for it."""
    if certificates is not None:
        workers.move(certificates.reload)


def _credentials(auth: AuthSettings) -> HtpasswdCredentials | None:
    if auth.htpasswd is None:
        return None
    try:
        from boxwright.hub.registry.htpasswd import HtpasswdCredentials
    except ModuleNotFoundError as error:
        raise HubExtraMissing(error.name or "bcrypt") from None
    return HtpasswdCredentials(auth.htpasswd)


def _origins(server: ServerSettings) -> Origins:
    return Origins(server.trusted_proxies, PublicURL.parse(server.public_url) if server.public_url else None)


def _certificates(tls: TLSSettings) -> Certificates | None:
    return None if tls == TLSSettings() else Certificates(tls)


def _url(sockets: Sequence[socket.socket], address: str, secure: bool) -> str:
    return f"{'https' if secure else 'http'}://{address_of(address, sockets)}"

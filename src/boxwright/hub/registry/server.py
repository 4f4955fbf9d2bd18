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

from boxwright.errors import InvalidError, UnavailableError
from boxwright.hub.extra import HubExtraMissing, need
from boxwright.hub.registry.sessions import UploadSessions

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

    from boxwright.hub.observe.observer import Observer
    from boxwright.hub.registry.access import Authority
    from boxwright.hub.registry.application import Application
    from boxwright.hub.registry.collector import Collector
    from boxwright.hub.registry.settings import AuthSettings, ServerSettings
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.settings import HubSettings

_log = logging.getLogger(__name__)

_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_UPLOAD_DAYS = 7
_SWEEP_SECONDS = 3600.0
_SHUTDOWN_SECONDS = 30.0
_KEEPALIVE_SECONDS = 75.0
IDLE_SECONDS = 300.0
"""How long a client may neither send nor take a byte. A transfer as a whole may take as long as it likes."""

_MAX_FIELD = 32 << 10  # tokens that list many scopes travel in one header
_REMOTE_WORKERS = 32

_MAX_LINE = 16 << 10
_READ_BUFFER = 512 << 10


class AddressInUse(UnavailableError):
    """Something else listens there, or the address is not this machine's."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}", hint="choose another: --addr 127.0.0.1:0 takes any port")
        self.address = address


class InvalidAddress(InvalidError):
    """Text that is no ``host:port``."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid address {text[:100]!r}", hint="an address looks like 127.0.0.1:5000 or [::1]:5000")
        self.text = text


def serve(settings: HubSettings, *, root: Path, ready: Callable[[str], None] = lambda line: None) -> int:
    """Serve until SIGTERM or SIGINT, then let what runs end, and return 0.

    `root` is where everything is kept unless the settings name a folder; `ready` is called once with the line that says
    where it serves. Raises HubExtraMissing, InvalidAddress, AddressInUse, and what opening the root raises.
    """
    need("aiohttp", "sqlalchemy", "alembic")
    asyncio.run(_serve(settings, settings.server.root or root, ready))
    return 0


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``[v6]:port`` or ``:port``. Raises InvalidAddress."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise InvalidAddress(text)
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise InvalidAddress(text)
    return host, int(port)


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
    host, _ = parse_address(server.address)
    context = _tls_context(server)
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
        )
        stack.callback(application.sessions.close)
        runner = web.ServerRunner(make_server(application, workers, observer), shutdown_timeout=_SHUTDOWN_SECONDS)
        apart = web.ServerRunner(web.Server(observer.operations(), access_log=None))
        await runner.setup()
        await apart.setup()
        tending = [asyncio.create_task(_sweep(application.sessions, workers))]
        if gc.delay is not None:
            tending.append(asyncio.create_task(_collect(application.collector, workers, gc.interval, observer)))
        try:
            if settings.metrics.address:
                await _listen(apart, settings.metrics.address)
                _log.info("metrics on %s", _url(apart, "", None))
            await _listen(runner, server.address, context)
            ready(f"serving on {_url(runner, host, context)} (root {root})")
            await stopped.wait()
        finally:
            for number in _ENDINGS:
                loop.remove_signal_handler(number)  # whoever asks a second time does not want to wait
            for task in tending:
                task.cancel()
            await runner.cleanup()
            await apart.cleanup()


async def _listen(runner: web.ServerRunner, address: str, context: ssl.SSLContext | None = None) -> None:
    """Take connections on ``host:port``. Raises InvalidAddress, AddressInUse."""
    from aiohttp import web

    host, port = parse_address(address)
    try:
        await web.TCPSite(runner, host or None, port, ssl_context=context).start()
    except OSError as error:
        raise AddressInUse(address, error.strerror or str(error)) from None


def make_server(
    application: Application, workers: Workers, observer: Observer | None = None, *, idle: float = IDLE_SECONDS
) -> web.Server:
    """Return the aiohttp server of an application, with its limits; `idle` is how long a client may be silent."""
    from aiohttp import web

    from boxwright.hub.registry.http import HttpHandler

    handler = HttpHandler(application, workers, idle=idle)
    return web.Server(
        handler if observer is None else observer.around(handler),
        access_log=None,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_FIELD,
        read_bufsize=_READ_BUFFER,
        # A body has a digest: it is stored as it came, whatever Content-Encoding claims.
        auto_decompress=False,
    )


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


def _tls_context(server: ServerSettings) -> ssl.SSLContext | None:
    if server.tls_cert is None:
        if server.tls_key is not None:
            raise InvalidError("a TLS key without a certificate", hint="add --tls-cert FILE")
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(server.tls_cert, server.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidError(f"cannot use the TLS certificate {server.tls_cert}: {error}") from None
    # Not h2: a blob is one long stream, and multiplexing it only costs.
    context.set_alpn_protocols(["http/1.1"])
    return context


def _url(runner: web.ServerRunner, host: str, context: ssl.SSLContext | None) -> str:
    port = runner.addresses[0][1]
    name = f"[{host}]" if ":" in host else host or "0.0.0.0"
    return f"{'https' if context else 'http'}://{name}:{port}"

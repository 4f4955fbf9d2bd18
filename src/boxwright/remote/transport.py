"""One HTTP exchange over pooled connections (urllib3), with its failures as values of ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from boxwright._version import __version__
from boxwright.errors import CorruptError, InvalidError, UnavailableError
from boxwright.host.paths import Path
from boxwright.remote.headers import Origin, origin_of
from boxwright.remote.limiter import Limiter
from boxwright.remote.pools import POOLS, Admission, guarded, through
from boxwright.remote.proxy import proxy_for
from boxwright.remote.socks import SCHEMES, SocksProxy
from boxwright.values import NamedTuple

IDLE_SECONDS = 60.0
"""How long a peer may stay silent. There is no limit on the whole: a large layer over a slow line takes hours."""

CERTIFICATE_DIRECTORIES = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))

_CONNECTIONS = 8
_DRAIN_BYTES = 64 << 10

Body = bytes | Callable[[], Iterator[bytes | memoryview]] | None
"""What is sent: bytes, or a function that begins the stream (anew, when a request is repeated)."""

Reason = Literal["name", "refused", "timeout", "tls", "plain", "certificate", "proxy", "broken"]


class Request(NamedTuple):
    method: str
    url: str
    headers: Mapping[str, str] = {}
    """A streamed body is sent in chunks unless a Content-Length is among them."""
    body: Body = None
    verify: bool = True


class ConnectionFailed(UnavailableError):
    """No answer came, or it broke off. `reason` says where; `sent` whether the request may have arrived."""

    def __init__(self, url: str, reason: Reason, why: str, *, sent: bool, hint: str | None = None) -> None:
        netloc = urlsplit(url).netloc
        super().__init__(f"cannot reach {netloc}: {why}", hint=hint)
        self.url = url
        self.reason = reason
        self.sent = sent

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.reason in ("refused", "timeout", "broken", "proxy")


class BodyTooLarge(CorruptError):
    """An answer is longer than anything honest."""

    def __init__(self, url: str, limit: int) -> None:
        super().__init__(f"the answer of {urlsplit(url).netloc} is larger than {limit} bytes")
        self.limit = limit


class Response:
    """The head of an answer, and its body as a stream. To be closed, or read to its end: the connection is reused."""

    __slots__ = ("_limiter", "_raw", "method", "status", "url")

    def __init__(self, raw: urllib3.BaseHTTPResponse, method: str, url: str, *, limiter: Limiter | None = None) -> None:
        self._raw = raw
        self._limiter = limiter
        self.method = method
        self.url = url
        self.status = raw.status

    def header(self, name: str) -> str | None:
        return self._raw.headers.get(name)

    def header_values(self, name: str) -> list[str]:
        """Return every line of a header that may be repeated."""
        return list(self._raw.headers.getlist(name))

    @property
    def content_length(self) -> int | None:
        value = self.header("Content-Length")
        return int(value) if value and value.isascii() and value.isdigit() and len(value) < 20 else None

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes as they came over the wire, nothing at the end.

        Raises ConnectionFailed when the connection breaks before the end that was announced.
        """
        if self._limiter is not None:
            limit = min(limit, self._limiter.piece)
        try:
            data = self._raw.read(limit, decode_content=False)
        except (HTTPError, OSError) as error:
            raise _failure(self.url, error, sent=True) from None
        if self._limiter is not None:
            self._limiter.passed(len(data))
        return data

    def body(self, limit: int) -> bytes:
        """Return the whole body. Raises BodyTooLarge, ConnectionFailed."""
        try:
            chunks, length = [], 0
            while chunk := self.read(min(1 << 20, limit + 1 - length)):
                chunks.append(chunk)
                length += len(chunk)
                if length > limit:
                    raise BodyTooLarge(self.url, limit)
            return b"".join(chunks)
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back; one with much left to read is closed instead."""
        try:
            left = _DRAIN_BYTES
            while left > 0 and (chunk := self._raw.read(left, decode_content=False)):
                left -= len(chunk)
            if left <= 0:
                self._raw.close()
        except (HTTPError, OSError):
            self._raw.close()
        self._raw.release_conn()

    def abandon(self) -> None:
        """Close the connection without reading on."""
        self._raw.close()


class Transport(Protocol):
    """Performs one exchange; neither retries nor redirects nor credentials. Threads may share it."""

    def send(self, request: Request) -> Response:
        """Return the answer's head as soon as it is there. Raises ConnectionFailed; errors of a body's source pass."""

    def close(self) -> None: ...


class PooledTransport:
    """A Transport over urllib3: keeps connections alive, honours proxies and docker's certificate directories."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str] = os.environ,
        certificate_directories: Sequence[Path] = CERTIFICATE_DIRECTORIES,
        authorities: Sequence[Path] = (),
        idle_seconds: float = IDLE_SECONDS,
        admit: Admission | None = None,
        rate: float | None = None,
    ) -> None:
        """`authorities` are files of further certificates to trust; `rate` is in bytes a second and each direction.

        `admit` is asked before anything is sent over a connection, unless it goes through a proxy.
        """
        self._environment = environment
        self._authorities = authorities
        self._down = Limiter(rate) if rate else None
        self._up = Limiter(rate) if rate else None
        self._directories = certificate_directories
        self._timeout = urllib3.Timeout(connect=idle_seconds, read=idle_seconds)
        self._classes = POOLS if admit is None else guarded(admit)
        self._pools: dict[tuple[Origin, bool], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        origin = origin_of(request.url)
        if origin is None:
            raise InvalidError(f"not an http or https URL: {request.url[:200]!r}")
        pool = self._pool(origin, request.verify)
        headers = {"User-Agent": f"boxwright/{__version__}", "Accept-Encoding": "identity", **request.headers}
        body = _Stream(_limited(request.body(), self._up)) if callable(request.body) else request.body
        try:
            raw = pool.urlopen(
                request.method,
                request.url,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            if isinstance(body, _Stream) and body.failure is not None:
                raise body.failure from None
            raise _failure(request.url, error) from error
        if isinstance(body, _Stream) and body.failure is not None:
            raw.close()
            raise body.failure
        return Response(raw, request.method, request.url, limiter=self._down)

    def close(self) -> None:
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def _pool(self, origin: Origin, verify: bool) -> urllib3.PoolManager:
        with self._lock:
            pool = self._pools.get((origin, verify))
            if pool is None:
                pool = self._pools[origin, verify] = self._new_pool(origin, verify)
            return pool

    def _new_pool(self, origin: Origin, verify: bool) -> urllib3.PoolManager:
        from boxwright.remote.tls import client_context

        context = None
        if origin.scheme == "https":
            context = client_context(
                origin, verify=verify, directories=self._directories, authorities=self._authorities
            )
        proxy = proxy_for(origin, self._environment)
        if proxy is None:
            pool = urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=self._timeout, ssl_context=context)
            pool.pool_classes_by_scheme = self._classes
            return pool
        if proxy.startswith(SCHEMES):
            pool = urllib3.PoolManager(maxsize=_CONNECTIONS, timeout=self._timeout, ssl_context=context)
            pool.pool_classes_by_scheme = through(SocksProxy.of(proxy))
            return pool
        parts = urlsplit(proxy)
        headers = None
        if parts.username is not None:
            from urllib.parse import unquote

            userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=userinfo)
            proxy = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        pool = urllib3.ProxyManager(
            proxy, proxy_headers=headers, maxsize=_CONNECTIONS, timeout=self._timeout, ssl_context=context
        )
        pool.pool_classes_by_scheme = self._classes
        return pool


def _limited(chunks: Iterator[bytes | memoryview], limiter: Limiter | None) -> Iterator[bytes | memoryview]:
    """Return the same bytes, in pieces that come no quicker than they may."""
    if limiter is None:
        yield from chunks
        return
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            piece, view = view[: limiter.piece], view[limiter.piece :]
            yield piece
            limiter.passed(len(piece))


class _Stream:
    """A body's iterator that keeps the source's own failure apart from the connection's."""

    def __init__(self, chunks: Iterator[bytes | memoryview]) -> None:
        self._chunks = chunks
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[bytes | memoryview]:
        try:
            yield from self._chunks
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise


def _failure(url: str, error: Exception, *, sent: bool | None = None) -> ConnectionFailed:
    """Return what an exception of urllib3 or of a socket means."""
    if isinstance(error, ProxyError):
        return ConnectionFailed(
            url, "proxy", "the proxy cannot be reached, or refuses", sent=False, hint="see HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(error, NameResolutionError):
        return ConnectionFailed(url, "name", "its name cannot be resolved", sent=False)
    if isinstance(error, NewConnectionError):
        return ConnectionFailed(url, "refused", _cause(error) or "the connection is refused", sent=False)
    if isinstance(error, ConnectTimeoutError):
        return ConnectionFailed(url, "timeout", "it does not answer", sent=False)
    if isinstance(error, SSLError):
        return _tls_failure(url, error)
    if isinstance(error, ReadTimeoutError):
        return ConnectionFailed(url, "timeout", "it has fallen silent", sent=True)
    if isinstance(error, IncompleteRead) or any(isinstance(arg, IncompleteRead) for arg in error.args):
        return ConnectionFailed(url, "broken", "the answer broke off", sent=True)
    if any(isinstance(arg, TimeoutError) for arg in (error, *error.args)):
        return ConnectionFailed(url, "timeout", "it takes nothing any more", sent=True)
    why = "the connection broke"
    if cause := _cause(error):
        why = f"{why}: {cause}"
    return ConnectionFailed(url, "broken", why, sent=True if sent is None else sent)


def _tls_failure(url: str, error: SSLError) -> ConnectionFailed:
    import ssl

    cause = next((arg for arg in error.args if isinstance(arg, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConnectionFailed(
            url,
            "certificate",
            f"its certificate is not trusted: {cause.verify_message}",
            sent=False,
            hint=f"put its authority into {CERTIFICATE_DIRECTORIES[0]}/{urlsplit(url).netloc}/ca.crt",
        )
    # What OpenSSL makes of an answer that is no TLS record, in its several versions.
    plain = cause is not None and cause.reason in (
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "HTTP_REQUEST",
    )
    return ConnectionFailed(url, "plain" if plain else "tls", f"TLS failed: {_cause(error) or error}", sent=False)


def _cause(error: BaseException) -> str:
    """Return the words of the operating system beneath, if there are any."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        seen = inner or seen.__cause__ or seen.__context__
    return ""

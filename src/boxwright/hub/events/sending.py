"""One POST to a receiver that may be anything: slow, silent, endless, or not there."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from boxwright._version import __version__
from boxwright.errors import BoxwrightError
from boxwright.hub.events.addresses import AddressPolicy
from boxwright.remote.tls import default_context
from boxwright.values import NamedTuple

TIMEOUT_SECONDS = 15.0
"""For all of it: finding, connecting, sending, and what is read of the answer."""

MOST_ANSWER_BYTES = 4096
"""Of the answer's body; what comes after is not read."""

_CONNECT_SECONDS = 5.0


class Attempt(NamedTuple):
    """How an attempt to deliver ended."""

    status: int | None
    """Of the answer; None when there was none."""
    answer: str
    """The beginning of the answer's body, or what went wrong."""
    seconds: float
    retry_after: float | None = None
    """What the receiver asked for, in seconds."""

    @property
    def ok(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str, headers: Mapping[str, str], body: bytes, policy: AddressPolicy, *, timeout: float = TIMEOUT_SECONDS
) -> Attempt:
    """Send `body` once and return how that ended; raises nothing that the receiver could be to blame for.

    A redirect is not followed: it is an answer like any other. Proxies of the environment are not used.
    """
    started = time.monotonic()
    try:
        status, answer, retry_after = _exchange(url, headers, body, policy, timeout)
    except BoxwrightError as error:
        return Attempt(None, error.message, time.monotonic() - started)
    except (OSError, http.client.HTTPException, ValueError) as error:
        seconds = time.monotonic() - started
        late = f"no answer within {timeout:g} seconds" if seconds >= timeout else ""
        return Attempt(None, late or str(error) or type(error).__name__, seconds)
    return Attempt(status, answer, time.monotonic() - started, retry_after)


def _exchange(
    url: str, headers: Mapping[str, str], body: bytes, policy: AddressPolicy, timeout: float
) -> tuple[int, str, float | None]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    target = policy.resolve(host, port)
    # Each wait for the socket has a limit of its own; this ends a receiver that sends a byte a second.
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    # Given to the connection, so that it never looks the name up again.
    connection.sock = socket.socket(target.family, socket.SOCK_STREAM)
    late = threading.Event()
    watchdog = threading.Timer(timeout, _cut, [connection, late])
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.sock.settimeout(min(timeout, _CONNECT_SECONDS))
        connection.sock.connect(target.address)
        connection.sock.settimeout(timeout)
        if secure:
            # The handshake apart: by then the watchdog knows the socket, which is another one now.
            connection.sock = _context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc, "User-Agent": f"boxwright/{__version__}", "Connection": "close", **headers}
        connection.request("POST", path, body, sent)
        response = connection.getresponse()
        if late.is_set():
            raise TimeoutError  # for http.client, headers that break off have ended
        answer = _beginning(response)
        return response.status, answer, _retry_after(response.headers.get("Retry-After"))
    finally:
        watchdog.cancel()
        connection.close()


def _beginning(response: http.client.HTTPResponse) -> str:
    """Return what comes of the answer's body, which decides nothing: that it breaks off is no failure."""
    read = b""
    try:
        while len(read) < MOST_ANSWER_BYTES and (chunk := response.read1(MOST_ANSWER_BYTES - len(read))):
            read += chunk
    except (OSError, http.client.HTTPException, ValueError):
        pass
    # PostgreSQL stores no NUL.
    return read.decode("utf-8", "replace").replace("\0", "\ufffd")


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    opened: socket.socket | None = connection.sock
    if opened is not None:
        try:
            socket.socket.shutdown(opened, socket.SHUT_RDWR)  # below TLS, which another thread is using
        except OSError:
            pass  # it was over meanwhile


_tls: ssl.SSLContext | None = None


def _context() -> ssl.SSLContext:
    global _tls
    if _tls is None:
        _tls = default_context()
    return _tls


def _retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After, which is a number or a date; None for anything else."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None

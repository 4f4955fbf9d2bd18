"""A request with its repetitions and redirects, but without credentials of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from boxwright.errors import CancelledError
from boxwright.remote.failure import nonsense
from boxwright.remote.headers import origin_of, resolve, retry_after
from boxwright.remote.progress import Notice, Waiting, Warned
from boxwright.remote.retry import DEFAULT_POLICY, RETRIED_STATUSES, RetryPolicy
from boxwright.remote.transport import ConnectionFailed, Request, Response, Transport

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_MAX_WARNINGS = 10


class Exchange:
    """Sends requests through a transport. Threads may share it.

    Once `cancelled` is set, it waits no longer and raises CancelledError; `notice` hears of every repetition, and of
    warnings.
    """

    __slots__ = ("_cancelled", "_lock", "_notice", "_told", "host", "policy", "transport")

    def __init__(
        self,
        host: str,
        transport: Transport,
        *,
        policy: RetryPolicy = DEFAULT_POLICY,
        cancelled: threading.Event | None = None,
        notice: Callable[[Notice], object] | None = None,
    ) -> None:
        self.host = host
        self.transport = transport
        self.policy = policy
        self._cancelled = cancelled or threading.Event()
        self._notice = notice
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def send(self, request: Request, what: str, *, repeat: bool = True) -> Response:
        """Return the final answer, whatever its status.

        With `repeat`, broken connections and passing failures are tried again by the policy; without it the caller
        knows better. GET and HEAD follow redirects. Raises ConnectionFailed, RegistryBroken.
        """
        failures = 0
        while True:
            wish = None
            try:
                response = self._follow(request, what)
            except ConnectionFailed as error:
                failures += 1
                delay = self.policy.delay(failures) if repeat and error.transient else None
                if delay is None:
                    raise
                why = error.message
            else:
                if not repeat or response.status not in RETRIED_STATUSES:
                    return response
                failures += 1
                wish = retry_after(response.header("Retry-After"), time.time())
                delay = self.policy.delay(failures, wish)
                if delay is None:
                    return response
                response.close()
                why = f"{self.host} answered with status {response.status}"
            self.wait(why, delay, failures)

    def wait(self, why: str, seconds: float, attempt: int) -> None:
        """Wait before something is tried again, and tell of it. Raises CancelledError."""
        if self._notice:
            self._notice(Waiting(why, seconds, attempt))
        self._cancelled.wait(seconds)
        self.check()

    def warn(self, texts: Iterable[str]) -> None:
        """Tell what the registry says to its users, each text once."""
        for text in texts:
            with self._lock:
                fresh = text not in self._told and len(self._told) < _MAX_WARNINGS
                if fresh:
                    self._told.add(text)
            if fresh and self._notice:
                self._notice(Warned(self.host, text))

    def check(self) -> None:
        """Raise CancelledError once the work was cancelled."""
        if self._cancelled.is_set():
            raise CancelledError("interrupted")

    def _follow(self, request: Request, what: str) -> Response:
        for _ in range(_MAX_REDIRECTS + 1):
            self.check()
            response = self.transport.send(request)
            if response.status not in _REDIRECTS or request.method not in ("GET", "HEAD"):
                return response
            response.close()
            request = self._redirected(request, response, what)
        raise nonsense(self.host, what, response.status, f"it redirects more than {_MAX_REDIRECTS} times")

    def _redirected(self, request: Request, response: Response, what: str) -> Request:
        target = resolve(response.header("Location") or "", request.url)
        if target is None:
            raise nonsense(self.host, what, response.status, "it redirects to no valid URL")
        source_origin, target_origin = origin_of(request.url), origin_of(target)
        if target_origin == source_origin:
            return request._replace(url=target)
        if request.verify and target.startswith("http://"):
            raise nonsense(self.host, what, response.status, "it redirects from TLS to plain HTTP")
        # What is meant for this host is nobody else's: credentials, and the leave to skip the check of certificates.
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        return request._replace(url=target, headers=headers, verify=True)

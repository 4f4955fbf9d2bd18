"""The request on whose behalf something happens, known to everything beneath it: logs and events name it.

A context variable and no argument: a warning from deep inside the storage has to name its request, too, and nothing on
the way should have to pass that on. `Workers` takes the context along into its threads.
"""

from __future__ import annotations

import itertools
import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,127}")


class Request:
    """Who asks for what. What is learnt on the way (route, repository, user) is filled in where it is learnt."""

    __slots__ = ("agent", "client", "host", "id", "method", "path", "repository", "route", "scheme", "user")

    def __init__(
        self,
        id: str,
        method: str,
        path: str,
        *,
        client: str = "",
        scheme: str = "http",
        host: str = "",
        agent: str = "",
    ) -> None:
        self.id = id
        self.method = method
        self.path = path
        """As it was sent, without the query, which may hold secrets."""
        self.client = client
        """The address of the client."""
        self.scheme = scheme
        """What the client spoke: http or https."""
        self.host = host
        """The name under which the client knows this server."""
        self.agent = agent
        self.route = ""
        """The kind of the route, "" for a path that is none."""
        self.repository = ""
        self.user = ""


_process = secrets.token_hex(6)
_count = itertools.count(secrets.randbits(16))

_current: ContextVar[Request | None] = ContextVar("request", default=None)


def current() -> Request | None:
    """Return the request on whose behalf this runs; None for a server's own work, and for commands."""
    return _current.get()


def learn(*, route: str | None = None, repository: str | None = None, user: str | None = None) -> None:
    """Note what has become known of the current request, if there is one."""
    request = _current.get()
    if request is not None:
        request.route = request.route if route is None else route
        request.repository = request.repository if repository is None else repository
        request.user = request.user if user is None else user


def begin(request: Request | None) -> None:
    """Let everything that this task does from now on be done for `request`; None: for nobody."""
    _current.set(request)


def request_id(sent: str | None) -> str:
    """Return the id of a request: `sent`, where a trusted proxy gave one that can be logged, or a new one."""
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent
    return f"{_process}{next(_count):08x}"

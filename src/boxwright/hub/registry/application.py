"""The registry as one function from calls to replies: routing, credentials, and the one place where errors become
answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from boxwright.errors import BoxwrightError, DeniedError, UnavailableError
from boxwright.hub.db.database import DatabaseFull
from boxwright.hub.db.metadata import MetadataStore
from boxwright.hub.edge.limits import DEFAULT_LIMITS, LimitSettings
from boxwright.hub.observe import request as observed
from boxwright.hub.registry import routes
from boxwright.hub.registry.access import Authority, Everybody, Gate, Origin, begins, need_of, removes
from boxwright.hub.registry.blobs import BlobHandlers
from boxwright.hub.registry.call import Body, BodyBroken, Call, Reply
from boxwright.hub.registry.collector import Collector
from boxwright.hub.registry.errors import NO_ROOM, RegistryError
from boxwright.hub.registry.listings import ListingHandlers
from boxwright.hub.registry.manifests import ManifestHandlers
from boxwright.hub.registry.search import Search
from boxwright.hub.registry.sessions import UploadSessions
from boxwright.hub.registry.uploads import UploadHandlers
from boxwright.hub.registry.warnings import warning
from boxwright.hub.registry.workers import Workers
from boxwright.hub.storage.base import BlobStorage

_log = logging.getLogger(__name__)

_API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
_JSON = ("Content-Type", "application/json")
_NOWHERE = Origin()

GC_DELAY = 86400.0
"""Seconds."""

Handler = Callable[[Call], Awaitable[Reply]]
Handlers = Mapping[str, Mapping[str, Handler]]
"""The kind of a route → method → handler."""


class Elsewhere(Protocol):
    """Repositories that are other registries'."""

    def rename(self, route: routes.Route, target: routes.Target, host: str) -> routes.Route | None:
        """Return a route with the one name that its repository has here; None for what is our own.

        `host` is how the client calls us. Raises RegistryError when it is neither.
        """

    def over(self, handlers: Handlers) -> Handlers:
        """Return what answers for such routes; `handlers` answer for what is here."""


class Application:
    """A registry. `authority` None lets everybody in; `sparse` accepts manifests without all that they name.

    `deletes` False: clients can delete neither tags nor manifests nor blobs, whoever they are.
    `redirect` sends those who GET a blob to the storage itself. `gc_delay` is how many seconds garbage is kept: longer
    than any push takes between its first blob and its manifest.
    `elsewhere` answers for repositories of other registries. `endpoints` are further paths that it answers, path →
    method → handler: whoever calls them, they decide themselves. `notice` is a line that clients show to their users.
    """

    __slots__ = (
        "_always",
        "_elsewhere",
        "_endpoints",
        "_gate",
        "_handlers",
        "_handlers_elsewhere",
        "collector",
        "sessions",
    )

    def __init__(
        self,
        storage: BlobStorage,
        metadata: MetadataStore,
        workers: Workers,
        *,
        authority: Authority | None = None,
        endpoints: Mapping[str, Mapping[str, Handler]] | None = None,
        elsewhere: Elsewhere | None = None,
        sparse: bool = False,
        deletes: bool = True,
        redirect: bool = False,
        gc_delay: float = GC_DELAY,
        limits: LimitSettings = DEFAULT_LIMITS,
        notice: str = "",
    ) -> None:
        self._always = [_API_VERSION, warning(notice)] if notice else [_API_VERSION]
        self._gate = Gate(authority or Everybody(), workers)
        self._endpoints = endpoints or {}
        self.sessions = UploadSessions(storage, metadata, workers)
        uploads = UploadHandlers(self.sessions, metadata, workers, self._gate, limits)
        self.collector = Collector(storage, metadata, gc_delay)
        blobs = BlobHandlers(storage, metadata, workers, refresh=gc_delay / 4, redirect=redirect)
        manifests = ManifestHandlers(metadata, workers, sparse=sparse, limit=limits.manifest)
        listings = ListingHandlers(metadata, workers, self._gate)
        self._handlers: Handlers = {
            routes.PING: {"GET": _ping, "HEAD": _ping},
            routes.CATALOG: {"GET": listings.catalog},
            routes.SEARCH: {"GET": Search(metadata, workers, self._gate).find},
            routes.TAGS: {"GET": listings.tags},
            routes.REFERRERS: {"GET": listings.referrers},
            routes.MANIFEST: {
                "GET": manifests.get,
                "HEAD": manifests.get,
                "PUT": manifests.put,
                "DELETE": manifests.delete if deletes else _keep,
            },
            routes.BLOB: {"GET": blobs.get, "HEAD": blobs.head, "DELETE": blobs.delete if deletes else _keep},
            routes.UPLOADS: {"POST": uploads.start},
            routes.UPLOAD: {
                "GET": uploads.status,
                "HEAD": uploads.status,
                "PATCH": uploads.append,
                "PUT": uploads.finish,
                "DELETE": uploads.cancel,
            },
        }

        self._elsewhere = elsewhere
        self._handlers_elsewhere = elsewhere.over(self._handlers) if elsewhere is not None else {}

    async def answer(
        self, method: str, raw_target: str, headers: Mapping[str, str], body: Body, origin: Origin = _NOWHERE
    ) -> Reply:
        """Answer one request. Raises nothing that is an answer; BodyBroken when there is nobody left to answer."""
        try:
            reply = await self._dispatch(method, raw_target, headers, body, origin)
        except RegistryError as error:
            reply = Reply(error.status, [_JSON, *error.headers], error.body())
        except BodyBroken:
            raise
        except DeniedError as error:
            reply = _error("DENIED", error.message if error.hint is None else f"{error.message}: {error.hint}")
        except (UnavailableError, OSError) as error:
            if _is_full(error):
                _log.error("%s %s: %s", method, raw_target, error)
                reply = _error("UNAVAILABLE", f"the registry has no room left: {error}", status=507)
            else:
                _log.exception("%s %s", method, raw_target)
                reply = _error("UNAVAILABLE", f"the registry cannot do this now: {error}")
        except BoxwrightError as error:
            _log.exception("%s %s", method, raw_target)
            reply = _error("UNKNOWN", error.message)
        except Exception:
            _log.exception("%s %s", method, raw_target)
            reply = _error("UNKNOWN", "an unforeseen error, see the registry's log")  # by the id in the headers
        return reply._replace(headers=[*self._always, *_identity(), *reply.headers])

    async def _dispatch(
        self, method: str, raw_target: str, headers: Mapping[str, str], body: Body, origin: Origin
    ) -> Reply:
        target = routes.parse_target(raw_target)
        if endpoint := self._endpoints.get(target.path):
            observed.learn(route=routes.ENDPOINT)
            call = Call(method, routes.Route(routes.ENDPOINT), target, headers, body, origin)
            return await _handler(endpoint, method)(call)
        route = routes.route(target.path)
        handlers = self._handlers
        if route is not None and self._elsewhere is not None:
            renamed = self._elsewhere.rename(route, target, headers.get("Host", ""))
            if renamed is not None:
                route, handlers = renamed, self._handlers_elsewhere
        if route is not None:
            observed.learn(route=route.kind, repository=route.name)
        need = need_of(method, route) if route else None
        permit = await self._gate.admit(need, headers, origin)
        observed.learn(user=permit.name)
        if route is None:
            raise RegistryError("UNSUPPORTED", "no such endpoint", status=404)
        handler = _handler(handlers[route.kind], method)
        if need is not None:
            await self._gate.demand(permit, need, headers, origin)
        if begins(method, route):
            await self._gate.enter(permit, route.name, origin)
        reply = await handler(Call(method, route, target, headers, body, origin, permit))
        if removes(method, route):
            await self._gate.removed(permit, route.name, route.reference, origin)
        return reply


def _identity() -> list[tuple[str, str]]:
    """The header by which an answer can be found in the log."""
    request = observed.current()
    return [] if request is None else [(observed.HEADER, request.id)]


async def _ping(call: Call) -> Reply:
    """Say that this is a registry. Docker decides by this answer whether it will ever send credentials."""
    return Reply(200, [_JSON], b"{}")


async def _keep(call: Call) -> Reply:
    """Refuse to delete what is in the registry (distribution-spec "Deleting")."""
    reading = "GET, HEAD" if call.route.kind == routes.BLOB else "GET, HEAD, PUT"
    raise RegistryError("UNSUPPORTED", "deleting is switched off in this registry", headers=[("Allow", reading)])


def _handler(handlers: Mapping[str, Handler], method: str) -> Handler:
    handler = handlers.get(method)
    if handler is None:
        allowed = ("Allow", ", ".join(sorted(handlers)))
        raise RegistryError("UNSUPPORTED", f"{method[:20]} is not supported here", headers=[allowed])
    return handler


def _is_full(error: Exception) -> bool:
    """Whether something could not be done for want of room, on a disk or in the database."""
    return isinstance(error, DatabaseFull) or getattr(error, "errno", None) in NO_ROOM


def _error(code: str, message: str, *, status: int | None = None) -> Reply:
    error = RegistryError(code, message, status=status)
    return Reply(error.status, [_JSON], error.body())

"""The protocol for repositories of upstreams: content that is here is served as any other, the rest is fetched.

Nobody asks an upstream twice for the same thing at the same time: who comes later waits for the first one's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from boxwright.hub.db.metadata import Referrer
from boxwright.hub.registry import routes
from boxwright.hub.registry.application import Handlers
from boxwright.hub.registry.blobs import content_reply, size_reply
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.listings import names_reply, referrers_reply
from boxwright.hub.registry.paging import Page
from boxwright.hub.registry.routes import Route, Target, is_tag, parse_digest, parse_reference
from boxwright.hub.registry.workers import Workers
from boxwright.hub.upstream.fetching import Fetches
from boxwright.hub.upstream.names import Names, Proxied
from boxwright.hub.upstream.refreshing import Found, Refresher
from boxwright.hub.upstream.registry import Upstream, UpstreamDenies, UpstreamDown, UpstreamLacks, UpstreamWrong
from boxwright.hub.upstream.turns import Turns
from boxwright.oci.digest import Digest

_T = TypeVar("_T")

_ASKERS = 8
"""Questions to upstreams that may be open at a time."""

_MAX_WARNING = 300


class UpstreamHandlers:
    """What an `Application` has for repositories elsewhere. To be used on one event loop."""

    __slots__ = ("_fetches", "_names", "_pool", "_refresher", "_refreshing", "_turns", "_upstreams", "_workers")

    def __init__(
        self,
        names: Names,
        upstreams: list[Upstream],
        workers: Workers,
        refresher: Refresher,
        fetches: Fetches,
        turns: Turns,
    ) -> None:
        self._turns = turns
        self._names = names
        self._upstreams = {one.settings.prefix: one for one in upstreams}
        self._workers = workers
        self._refresher = refresher
        self._fetches = fetches
        self._pool = ThreadPoolExecutor(_ASKERS, "upstream")
        self._refreshing: dict[tuple[str, str], asyncio.Future[Found]] = {}

    def rename(self, route: Route, target: Target, host: str) -> Route | None:
        """See `Elsewhere`."""
        if not route.name:
            return None
        namespace = target.first("ns")
        # A client that says the name it calls us by means ourselves.
        proxied = self._names.find(route.name, None if namespace == host else namespace)
        return None if proxied is None else route._replace(name=proxied.repository)

    def over(self, handlers: Handlers) -> Handlers:
        """See `Elsewhere`. What is here may be deleted: it is fetched again when somebody asks for it."""
        here = _Here(handlers)
        manifests, blobs = handlers[routes.MANIFEST], handlers[routes.BLOB]

        async def get_manifest(call: Call) -> Reply:
            return _named(call, await self._manifest(call, here))

        async def get_blob(call: Call) -> Reply:
            return _named(call, await self._blob(call, here))

        async def get_tags(call: Call) -> Reply:
            return _named(call, await self._tags(call, here))

        async def get_referrers(call: Call) -> Reply:
            return _named(call, await self._referrers(call, here))

        return {
            **handlers,
            routes.MANIFEST: {**manifests, "GET": get_manifest, "HEAD": get_manifest, "PUT": self._refuse},
            routes.BLOB: {**blobs, "GET": get_blob, "HEAD": get_blob},
            routes.TAGS: {"GET": get_tags},
            routes.REFERRERS: {"GET": get_referrers},
            routes.UPLOADS: dict.fromkeys(handlers[routes.UPLOADS], self._refuse),
            routes.UPLOAD: dict.fromkeys(handlers[routes.UPLOAD], self._refuse),
        }

    def close(self) -> None:
        """End what is under way at the upstreams, and wait for it."""
        for upstream in self._upstreams.values():
            upstream.close()
        self._fetches.close()
        self._pool.shutdown(cancel_futures=True)

    # -- the protocol

    async def _manifest(self, call: Call, here: _Here) -> Reply:
        text = call.route.reference
        if ":" not in text and not is_tag(text):
            raise _unknown("MANIFEST_UNKNOWN", f"no tag {text[:200]!r} can exist")
        proxied, reference = self._proxied(call), parse_reference(text)
        found = None
        if not await self._workers.ask(self._refresher.knows, proxied, reference):
            with _told("MANIFEST_UNKNOWN"):
                found = await self._bring(proxied, reference)
        reply = await here.manifest(call)
        if found is None or found.stale is None:
            return reply
        return _warned(reply, f"as it was {found.age:.0f} seconds ago: {found.stale}")

    async def _bring(self, proxied: Proxied, reference: Digest | str) -> Found:
        key = proxied.repository, str(reference)
        running = self._refreshing.get(key)
        if running is None:
            running = asyncio.create_task(self._bring_in_turn(proxied, reference))
            self._refreshing[key] = running
            running.add_done_callback(lambda done: self._brought(key, done))
        # Shielded: who goes away does not take it from the others.
        return await asyncio.shield(running)

    async def _bring_in_turn(self, proxied: Proxied, reference: Digest | str) -> Found:
        is_here = partial(self._refresher.knows, proxied, reference)
        turn = await self._turns.take(f"{proxied.repository}:{reference}", is_here)
        if turn is None:
            return Found()
        try:
            upstream = self._upstreams[proxied.upstream.prefix]
            return await self._ask(self._refresher.bring, upstream, proxied, reference)
        finally:
            turn.end()

    def _brought(self, key: tuple[str, str], done: asyncio.Future[Found]) -> None:
        del self._refreshing[key]
        if not done.cancelled():
            done.exception()  # somebody may have waited for it, or nobody any more

    async def _blob(self, call: Call, here: _Here) -> Reply:
        reply = await here.blob(call)
        if reply is not None:
            return reply
        proxied, digest = self._proxied(call), parse_digest(call.route.reference)
        upstream = self._upstreams[proxied.upstream.prefix]
        with _told("BLOB_UNKNOWN"):
            if call.method == "HEAD":
                return size_reply(call, digest, await self._ask(upstream.blob_size, proxied.path, digest))
            fetch = await self._fetches.get(upstream, proxied, digest)
            if fetch is not None:
                reader = fetch.reader(self._workers)
                try:
                    await fetch.begun()
                except BaseException:
                    reader.close()
                    raise
                return content_reply(call, digest, fetch.size, reader)
        reply = await here.blob(call)
        if reply is None:
            raise _unknown("BLOB_UNKNOWN", "the blob was here a moment ago")
        return reply

    async def _tags(self, call: Call, here: _Here) -> Reply:
        proxied, page = self._proxied(call), Page.of(call.target)
        upstream = self._upstreams[proxied.upstream.prefix]
        try:
            found = await self._ask(upstream.tags, proxied.path, limit=page.limit + 1, last=page.last)
        except (UpstreamDown, UpstreamWrong) as error:
            return _warned(await here.list(routes.TAGS, call, error), f"only what is kept here: {error}")
        except (UpstreamLacks, UpstreamDenies) as error:
            with _told("NAME_UNKNOWN"):
                raise error
        return names_reply(call, {"name": call.route.name}, "tags", found, page)

    async def _referrers(self, call: Call, here: _Here) -> Reply:
        proxied, page = self._proxied(call), Page.of(call.target)
        subject = parse_digest(call.route.reference)
        upstream = self._upstreams[proxied.upstream.prefix]
        try:
            listed = await self._ask(upstream.referrers, proxied.path, subject)
        except (UpstreamDown, UpstreamWrong) as error:
            return _warned(await here.list(routes.REFERRERS, call, error), f"only what is kept here: {error}")
        except UpstreamLacks:
            listed = []
        except UpstreamDenies as error:
            with _told("NAME_UNKNOWN"):
                raise error
        wanted = call.target.first("artifactType")
        found = sorted(
            (
                Referrer(one.digest, one.media_type, one.size, one.artifact_type, one.annotations or {})
                for one in listed
                if (not wanted or one.artifact_type == wanted) and (page.last is None or one.digest > page.last)
            ),
            key=lambda one: one.digest,
        )
        return referrers_reply(call, found[: page.limit + 1], page)

    async def _refuse(self, call: Call) -> Reply:
        url = self._proxied(call).upstream.url
        raise RegistryError(
            "UNSUPPORTED", f"{call.route.name} is a copy of what {url} has: push there", data={"upstream": url}
        )

    def _proxied(self, call: Call) -> Proxied:
        proxied = self._names.find(call.route.name)
        assert proxied is not None, "only such calls come here"
        return proxied

    def _ask(self, call: Callable[..., _T], *args: object, **kwargs: object) -> asyncio.Future[_T]:
        return asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))


class _Here:
    """The handlers of what is here."""

    __slots__ = ("_handlers",)

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    async def manifest(self, call: Call) -> Reply:
        """Answer a call for a manifest."""
        return await self._handlers[routes.MANIFEST][call.method](call)

    async def blob(self, call: Call) -> Reply | None:
        """Answer a call for a blob, unless it is unknown."""
        try:
            return await self._handlers[routes.BLOB][call.method](call)
        except RegistryError as error:
            if error.code != "BLOB_UNKNOWN":
                raise
            return None

    async def list(self, kind: str, call: Call, why: UpstreamDown | UpstreamWrong) -> Reply:
        """List what is here; when nothing is, tell that the upstream cannot be asked."""
        try:
            return await self._handlers[kind]["GET"](call)
        except RegistryError as error:
            if error.code != "NAME_UNKNOWN":
                raise
        with _told("NAME_UNKNOWN"):
            raise why


@contextmanager
def _told(code: str) -> Iterator[None]:
    """Turn what an upstream did into what a client is told; `code` says that it has no such thing."""
    try:
        yield
    except UpstreamLacks as error:
        raise _unknown(code, error.message) from None
    except UpstreamDenies as error:
        # Not 401: the client's credentials are for us, and good.
        raise RegistryError("DENIED", error.message) from None
    except UpstreamDown as error:
        headers = [] if error.seconds is None else [("Retry-After", str(int(error.seconds) + 1))]
        raise RegistryError(
            "TOOMANYREQUESTS" if error.limited else "UNAVAILABLE", error.message, headers=headers
        ) from None
    except UpstreamWrong as error:
        raise RegistryError("UNAVAILABLE", error.message, status=502) from None


def _unknown(code: str, message: str) -> RegistryError:
    return RegistryError(code, message)


def _named(call: Call, reply: Reply) -> Reply:
    """Say whose content it is, to a client that believes to talk to that registry."""
    namespace = call.target.first("ns")
    return reply if not namespace else reply._replace(headers=[*reply.headers, ("OCI-Namespace", namespace)])


def _warned(reply: Reply, text: str) -> Reply:
    """Add a warning, which clients show (distribution-spec "Warnings")."""
    clean = "".join(char if " " <= char <= "~" and char not in '"\\' else "'" for char in text[:_MAX_WARNING])
    return reply._replace(headers=[*reply.headers, ("Warning", f'299 - "{clean}"')])

"""Who may do what: the contract between the registry and whoever keeps its users, and the one gate that asks.

Every call passes `Gate.admit` (who is calling) and `Gate.demand` (may they do this) before a handler sees it. A handler
asks the gate itself only about what its route does not name: the source of a mount, the names of the catalog.

Without accounts there are two authorities: `Everybody`, and `Members`, who may do everything once they have shown a
password. `boxwright.hub.accounts` has the third.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from boxwright.hub.registry import routes
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.workers import Workers
from boxwright.values import NamedTuple

PULL = "pull"
PUSH = "push"
DELETE = "delete"
EVERYTHING = "*"


class Origin(NamedTuple):
    """How a call came in: what its headers cannot be trusted to say."""

    address: str = ""
    """The client's IP address; "" where there is none."""
    scheme: str = "http"
    """What the client spoke: http or https."""
    host: str = ""
    """What the client calls this server, ``host`` or ``host:port``; "" where it said nothing usable."""
    user: str = ""
    """Whom the client's certificate proves, "" where it showed none: as good as a password that was right."""

    @property
    def base(self) -> str:
        """What the client puts before a path, to make a URL of it; "" where nobody knows."""
        return f"{self.scheme}://{self.host}" if self.host else ""


class Need(NamedTuple):
    """What a call needs: an action on a repository, or on the catalog, which is the repository ""."""

    action: str
    repository: str


class Permit(Protocol):
    """What one caller may do. Methods may be called from any thread."""

    @property
    def name(self) -> str:
        """The account; "" for nobody in particular."""

    @property
    def instant(self) -> bool:
        """Whether `allows` answers from memory, so that no thread is needed to ask it."""

    def allows(self, need: Need) -> bool:
        """Whether the caller may do this."""

    def visible(self, repositories: Sequence[str]) -> Sequence[str]:
        """Return those of `repositories` that the caller may pull, in their order."""

    @property
    def sees_all(self) -> bool:
        """Whether every repository is visible, which spares asking one by one."""

    def enter(self, repository: str, address: str) -> None:
        """Note that something is about to be written to a repository, which may not have existed. Idempotent."""

    def removed(self, repository: str, reference: str, address: str) -> None:
        """Note that a tag, a manifest or a blob was removed."""

    def refused(self, need: Need, address: str) -> None:
        """Note that the caller was not allowed to do this."""


class Authority(Protocol):
    """Who may come in. `origin` is where the call came from, `headers` are looked up regardless of case."""

    def recall(self, authorization: str | None, origin: Origin) -> Permit | None:
        """Return the permit of an Authorization header that was proven before, from memory alone."""

    def is_slow(self, authorization: str | None) -> bool:
        """Whether `admit` takes the time of a hash that is slow on purpose."""

    def admit(self, authorization: str | None, origin: Origin) -> Permit | None:
        """Return what an Authorization header entitles to; None when it proves nothing. For a thread.

        Without one, `origin.user` is who it is, if the client's certificate proves anybody.
        Raises RegistryError where the answer is another than a refusal: too many attempts, say.
        """

    def refusal(
        self, permit: Permit | None, need: Need | None, headers: Mapping[str, str], origin: Origin
    ) -> RegistryError:
        """Return the answer to who was not let in (`permit` None), or may not do what they ask for."""


class Gate:
    """The door of the registry: what stands between a call and its handler."""

    __slots__ = ("_authority", "_workers")

    def __init__(self, authority: Authority, workers: Workers) -> None:
        self._authority = authority
        self._workers = workers

    async def admit(self, need: Need | None, headers: Mapping[str, str], origin: Origin) -> Permit:
        """Return the caller's permit. Raises RegistryError; its challenge names `need`, so that a token covers it."""
        authorization = headers.get("Authorization")
        permit = self._authority.recall(authorization, origin)
        if permit is None:
            run = self._workers.check if self._authority.is_slow(authorization) else self._workers.ask
            permit = await run(self._authority.admit, authorization, origin)
        if permit is None:
            raise self._authority.refusal(None, need, headers, origin)
        return permit

    async def demand(self, permit: Permit, need: Need, headers: Mapping[str, str], origin: Origin) -> None:
        """Return when the caller may do this. Raises RegistryError."""
        if not await self.allows(permit, need):
            if not permit.sees_all:
                await self._workers.ask(permit.refused, need, origin.address)
            raise self._authority.refusal(permit, need, headers, origin)

    async def allows(self, permit: Permit, need: Need) -> bool:
        """Whether the caller may do this."""
        return permit.allows(need) if permit.instant else await self._workers.ask(permit.allows, need)

    async def visible(self, permit: Permit, repositories: Sequence[str]) -> Sequence[str]:
        """Return those of `repositories` that the caller may pull, in their order."""
        return repositories if permit.sees_all else await self._workers.ask(permit.visible, repositories)

    async def enter(self, permit: Permit, repository: str, origin: Origin) -> None:
        """Note that something is about to be written to a repository."""
        if not permit.sees_all:
            await self._workers.ask(permit.enter, repository, origin.address)

    async def removed(self, permit: Permit, repository: str, reference: str, origin: Origin) -> None:
        """Note that a tag, a manifest or a blob was removed."""
        if not permit.sees_all:
            await self._workers.ask(permit.removed, repository, reference, origin.address)


_READING = frozenset({"GET", "HEAD"})
_CONTENT = frozenset({routes.MANIFEST, routes.BLOB, routes.TAGS, routes.REFERRERS})


def need_of(method: str, route: routes.Route) -> Need | None:
    """Return what a call needs; None when it is enough to be let in. A method that does not exist needs the most."""
    if route.kind == routes.PING:
        return None
    if route.kind in (routes.CATALOG, routes.SEARCH):
        return Need(EVERYTHING, "")
    if route.kind in (routes.UPLOADS, routes.UPLOAD):
        # Also to cancel one: it is the caller's own, and clients have no token for deleting then.
        return Need(PUSH, route.name)
    if route.kind in _CONTENT and method in _READING:
        return Need(PULL, route.name)
    return Need(PUSH if method == "PUT" else DELETE, route.name)


def begins(method: str, route: routes.Route) -> bool:
    """Whether a call may be the first that writes to its repository."""
    return (method, route.kind) in (("POST", routes.UPLOADS), ("PUT", routes.MANIFEST))


def removes(method: str, route: routes.Route) -> bool:
    """Whether a call that went well took something away for good."""
    return method == "DELETE" and route.kind in (routes.MANIFEST, routes.BLOB)


class FullPermit:
    """May do everything."""

    __slots__ = ("name",)
    instant = True
    sees_all = True

    def __init__(self, name: str = "") -> None:
        self.name = name

    def allows(self, need: Need) -> bool:
        return True

    def visible(self, repositories: Sequence[str]) -> Sequence[str]:
        return repositories

    def enter(self, repository: str, address: str) -> None:
        """Nothing to note: repositories are what was pushed."""

    def removed(self, repository: str, reference: str, address: str) -> None:
        """Nothing to note: there is no log of who did what."""

    def refused(self, need: Need, address: str) -> None:
        """Never happens."""


class Everybody:
    """The authority of a registry without users: everybody may do everything."""

    __slots__ = ("_permit",)

    def __init__(self) -> None:
        self._permit = FullPermit()

    def recall(self, authorization: str | None, origin: Origin) -> Permit:
        return FullPermit(origin.user) if origin.user else self._permit

    def is_slow(self, authorization: str | None) -> bool:
        return False

    def admit(self, authorization: str | None, origin: Origin) -> Permit:
        return self.recall(authorization, origin)

    def refusal(
        self, permit: Permit | None, need: Need | None, headers: Mapping[str, str], origin: Origin
    ) -> RegistryError:
        return RegistryError("DENIED", "nobody may do this")


class Credentials(Protocol):
    """Passwords."""

    challenge: str
    """The WWW-Authenticate of an answer that refuses."""

    def check(self, authorization: str | None) -> str | None:
        """Return the user that an Authorization header proves, or None. For a thread: it may take long."""


class Members:
    """The authority of a registry with a list of users: each of them may do everything.

    So may whom a certificate proves: whoever signed that has let them in.
    """

    __slots__ = ("_credentials",)

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def recall(self, authorization: str | None, origin: Origin) -> Permit | None:
        if authorization is None and origin.user:
            return FullPermit(origin.user)
        return None  # the credentials remember, and look whether they still hold

    def is_slow(self, authorization: str | None) -> bool:
        return authorization is not None

    def admit(self, authorization: str | None, origin: Origin) -> Permit | None:
        user = self._credentials.check(authorization)
        return None if user is None else FullPermit(user)

    def refusal(
        self, permit: Permit | None, need: Need | None, headers: Mapping[str, str], origin: Origin
    ) -> RegistryError:
        challenge = ("WWW-Authenticate", self._credentials.challenge)
        return RegistryError("UNAUTHORIZED", "authentication required", headers=[challenge])

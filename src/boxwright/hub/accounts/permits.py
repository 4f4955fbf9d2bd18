"""What the registry's gate is given: what an access token allows, or an account that came with its password."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from boxwright.hub.accounts.bearer import Claims
from boxwright.hub.accounts.directory import AccountUnknown, Directory
from boxwright.hub.accounts.logins import Login
from boxwright.hub.accounts.repositories import Repositories
from boxwright.hub.accounts.roles import ACTIONS, NOBODY, UNLIMITED, Limit, Role, Standing, actions_of
from boxwright.hub.accounts.scopes import CATALOG_NAME, CATALOG_TYPE, REPOSITORY
from boxwright.hub.db.audit import FAILURE, Actor, AuditLog
from boxwright.hub.registry.access import EVERYTHING, PULL, Need
from boxwright.hub.registry.errors import RegistryError

_ENTERED_SECONDS = 10.0
_ENTERED = 4096


class Rights:
    """Answers what accounts may do with repositories. Methods are for threads: they ask the database."""

    __slots__ = ("_audit", "_clock", "_directory", "_entered", "_is_open", "_lock", "_repositories")

    def __init__(
        self,
        directory: Directory,
        repositories: Repositories,
        audit: AuditLog,
        *,
        is_open: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_open`: whether a repository may be pulled by everybody, whatever its profile says."""
        self._is_open = is_open or (lambda name: False)
        self._audit = audit
        self._directory = directory
        self._repositories = repositories
        self._clock = clock
        self._lock = threading.Lock()
        self._entered: dict[str, float] = {}

    def actions(self, standing: Standing, names: Sequence[str], limit: Limit) -> dict[str, frozenset[str]]:
        """Return what an account may do with each of the repositories."""
        public = self._repositories.public(names)
        return {
            name: actions_of(standing, name, public=public[name] or self._is_open(name), limit=limit) for name in names
        }

    def standing(self, name: str) -> Standing:
        """Return what an account is now; nobody, when it is gone."""
        return (self._directory.standing(name) if name else None) or NOBODY

    def enter(self, repository: str, by: Actor) -> None:
        """Make the profile of a repository before its first content. Raises RegistryError if it would be nobody's."""
        now = self._clock()
        if self._entered.get(repository, -_ENTERED_SECONDS) > now - _ENTERED_SECONDS:
            return  # looked a moment ago: a push writes many blobs
        try:
            self._repositories.enter(repository, by)
        except AccountUnknown as error:
            raise RegistryError("DENIED", f"{error.message}, whose repository this would be") from None
        with self._lock:
            while len(self._entered) >= _ENTERED:
                del self._entered[next(iter(self._entered))]
            self._entered[repository] = now

    def removed(self, repository: str, reference: str, by: Actor) -> None:
        """Note that a tag, a manifest or a blob was removed."""
        mark = "@" if ":" in reference else ":"
        self._audit.record(by, "content.delete", f"{repository}{mark}{reference}")

    def refused(self, need: Need, by: Actor) -> None:
        """Note that somebody was not allowed to do something."""
        target = f"{REPOSITORY}:{need.repository}" if need.repository else f"{CATALOG_TYPE}:{CATALOG_NAME}"
        self._audit.record(by, "access.refuse", target, outcome=FAILURE, detail=need.action)


class TokenPermit:
    """What an access token allows: exactly what it says, until it expires."""

    __slots__ = ("_claims", "_rights", "name")
    instant = True
    sees_all = False

    def __init__(self, claims: Claims, rights: Rights) -> None:
        self.name = claims.subject
        self._claims = claims
        self._rights = rights

    def allows(self, need: Need) -> bool:
        key = (REPOSITORY, need.repository) if need.repository else (CATALOG_TYPE, CATALOG_NAME)
        granted = self._claims.grants.get(key, frozenset())
        return need.action in granted or EVERYTHING in granted

    def visible(self, repositories: Sequence[str]) -> Sequence[str]:
        # The token says that the catalog may be read. What is in it depends on whose it is.
        allowed = self._rights.actions(self._rights.standing(self.name), repositories, UNLIMITED)
        return [name for name in repositories if PULL in allowed[name]]

    def enter(self, repository: str, address: str) -> None:
        self._rights.enter(repository, Actor(self.name, address))

    def removed(self, repository: str, reference: str, address: str) -> None:
        self._rights.removed(repository, reference, Actor(self.name, address))

    def refused(self, need: Need, address: str) -> None:
        """Nothing to note: it was when the token was issued without it, and is when another is asked for."""


class LoginPermit:
    """What an account may do that sends its password, or a token in place of it, with every request."""

    __slots__ = ("_login", "_rights", "name")
    instant = False
    sees_all = False

    def __init__(self, login: Login, rights: Rights) -> None:
        self.name = login.standing.name
        self._login = login
        self._rights = rights

    def allows(self, need: Need) -> bool:
        if not need.repository:
            return may_list(self._login.limit)
        return need.action in self._actions([need.repository])[need.repository]

    def visible(self, repositories: Sequence[str]) -> Sequence[str]:
        allowed = self._actions(repositories)
        return [name for name in repositories if PULL in allowed[name]]

    def enter(self, repository: str, address: str) -> None:
        self._rights.enter(repository, Actor(self.name, address))

    def removed(self, repository: str, reference: str, address: str) -> None:
        self._rights.removed(repository, reference, Actor(self.name, address))

    def refused(self, need: Need, address: str) -> None:
        self._rights.refused(need, Actor(self.name, address))

    def _actions(self, repositories: Sequence[str]) -> dict[str, frozenset[str]]:
        return self._rights.actions(self._login.standing, repositories, self._login.limit)


def may_list(limit: Limit) -> bool:
    """Whether a token with this limit is good for the catalog: it is, unless it is for some repositories only."""
    return not limit.patterns and limit.actions >= ACTIONS[Role.READ]

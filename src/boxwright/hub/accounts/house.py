"""Everything about accounts on one database, put together: for a server, and for the commands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from boxwright.hub.accounts.audit import AuditLog
from boxwright.hub.accounts.directory import USER, Directory
from boxwright.hub.accounts.grants import Grants
from boxwright.hub.accounts.organisations import Organisations
from boxwright.hub.accounts.passwords import Passwords
from boxwright.hub.accounts.repositories import Repositories
from boxwright.hub.accounts.throttle import Throttle
from boxwright.hub.accounts.tokens import Tokens
from boxwright.hub.db.database import Database

if TYPE_CHECKING:
    from boxwright.hub.accounts.authority import AccountAuthority
    from boxwright.hub.accounts.logins import PasswordFile
    from boxwright.hub.registry.application import Handler
    from boxwright.hub.registry.workers import Workers


class House:
    """The accounts of a hub and what belongs to them."""

    __slots__ = (
        "audit",
        "database",
        "directory",
        "grants",
        "organisations",
        "passwords",
        "repositories",
        "throttle",
        "tokens",
    )

    def __init__(self, database: Database) -> None:
        self.database = database
        self.directory = Directory(database)
        self.organisations = Organisations(database)
        self.grants = Grants(database)
        self.repositories = Repositories(database)
        self.tokens = Tokens(database)
        self.passwords = Passwords()
        self.throttle = Throttle(database)
        self.audit = AuditLog(database)

    def has_users(self) -> bool:
        """Whether anybody could log in."""
        return bool(self.directory.list(USER))

    def tidy(self) -> None:
        """Drop what is too old to matter: entries of the audit log, counts of failed logins, logins that expired."""
        self.audit.prune()
        self.throttle.prune()
        self.tokens.prune()


class Doors:
    """What a server needs of the accounts: the registry's authority, and the paths of the issuer."""

    __slots__ = ("authority", "endpoints")

    def __init__(
        self, house: House, workers: Workers, *, service: str, lifetime: float, file: PasswordFile | None
    ) -> None:
        """`service`: see `BearerTokens`; `lifetime`: seconds of an access token; `file`: further users."""
        from boxwright.hub.accounts.authority import AccountAuthority
        from boxwright.hub.accounts.bearer import BearerTokens
        from boxwright.hub.accounts.issuer import Issuer
        from boxwright.hub.accounts.keys import KeyRing
        from boxwright.hub.accounts.logins import Logins
        from boxwright.hub.accounts.permits import Rights
        from boxwright.hub.accounts.signing import SQLKeys

        logins = Logins(house.directory, house.tokens, house.passwords, house.throttle, house.audit, file=file)
        rights = Rights(house.directory, house.repositories)
        ring = KeyRing(SQLKeys(house.database))
        bearer = BearerTokens(ring, service, lifetime=lifetime)
        self.authority: AccountAuthority = AccountAuthority(logins, rights, bearer)
        issuer = Issuer(logins, rights, house.tokens, bearer, ring, house.audit, workers)
        self.endpoints: Mapping[str, Mapping[str, Handler]] = issuer.endpoints

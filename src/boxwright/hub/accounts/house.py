"""Everything about accounts on one database, put together for a server and for the commands beside it."""

from __future__ import annotations

from boxwright.hub.accounts.directory import USER, Directory
from boxwright.hub.accounts.grants import Grants
from boxwright.hub.accounts.oidc.identities import Identities
from boxwright.hub.accounts.organisations import Organisations
from boxwright.hub.accounts.passwords import Passwords
from boxwright.hub.accounts.repositories import Repositories
from boxwright.hub.accounts.throttle import Throttle
from boxwright.hub.accounts.tokens import Tokens
from boxwright.hub.db.audit import KEEP_SECONDS, AuditLog
from boxwright.hub.db.database import Database


class House:
    """The accounts of a hub and what belongs to them."""

    __slots__ = (
        "_audit_seconds",
        "audit",
        "database",
        "directory",
        "grants",
        "identities",
        "organisations",
        "passwords",
        "repositories",
        "throttle",
        "tokens",
    )

    def __init__(
        self, database: Database, passwords: Passwords | None = None, *, audit_seconds: float = KEEP_SECONDS
    ) -> None:
        """`passwords` None hashes them as is good now; `audit_seconds` is how long the audit log goes back."""
        self._audit_seconds = audit_seconds
        self.database = database
        self.directory = Directory(database)
        self.organisations = Organisations(database)
        self.grants = Grants(database)
        self.identities = Identities(database)
        self.repositories = Repositories(database)
        self.tokens = Tokens(database)
        self.passwords = passwords or Passwords()
        self.throttle = Throttle(database)
        self.audit = AuditLog(database)

    def has_users(self) -> bool:
        """Whether anybody could log in."""
        return bool(self.directory.list(USER))

    def tidy(self) -> None:
        """Drop what is too old to matter: entries of the audit log, counts of failed logins, logins that expired."""
        self.audit.prune(seconds=self._audit_seconds)
        self.throttle.prune()
        self.tokens.prune()

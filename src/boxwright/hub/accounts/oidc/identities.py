"""Which identity of a provider is which account.

An identity is an issuer and a subject, which it never gives to anybody else; names and addresses do change hands. So an
identity never gets an account by its name: an account is made for it under a name that nobody has, or somebody who
administers the hub says whose it is.
"""

from __future__ import annotations

import re
import time

from sqlalchemy import Connection, delete, exc, insert, select

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.hub.accounts.directory import (
    ORGANISATION,
    USER,
    AccountExists,
    end_logins,
    get_account,
    insert_account,
)
from boxwright.hub.accounts.names import check_account
from boxwright.hub.accounts.oidc.identity import Identity
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.values import NamedTuple

_PUNCTUATION = re.compile(r"[^a-z0-9]+")


class IdentityExists(ConflictError):
    """An identity is one account's."""

    def __init__(self, subject: str, account: str) -> None:
        super().__init__(
            f"the identity {subject[:100]!r} is {account!r} already", hint="boxwright hub identity rm takes it away"
        )


class IdentityUnknown(NotFoundError):
    """No account has this identity."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"no account has the identity {subject[:100]!r}", hint="boxwright hub identity list shows them"
        )


class Linked(NamedTuple):
    """An identity as it is listed."""

    account: str
    issuer: str
    subject: str
    created: float


class Identities:
    """All of them. Methods may be called from any thread; a change is one transaction, and noted in the audit log."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    @retried
    def account(self, issuer: str, subject: str) -> str | None:
        """Return the name of the account that an identity is."""
        with self._db.read() as connection:
            return _account(connection, issuer, subject)

    @retried
    def adopt(self, identity: Identity, by: Actor) -> str:
        """Make a user for an identity that is none yet, and return its name. Raises InvalidName, AccountExists.

        Of two who do it at once, both get the same.
        """
        name = check_account(account_name(identity.username))
        try:
            with self._db.write() as connection:
                made = insert_account(connection, name=name, kind=USER)
                _link(connection, made, identity.issuer, identity.subject)
                note(connection, by, "user.add", name, detail=_shown(identity.issuer, identity.subject))
        except exc.IntegrityError:
            found = self.account(identity.issuer, identity.subject)
            if found is None:
                raise AccountExists(name) from None
            return found
        return name

    @retried
    def add(self, account: str, issuer: str, subject: str, by: Actor) -> None:
        """Say that an identity is a user or a robot. Raises AccountUnknown, InvalidError, IdentityExists."""
        if not subject or len(subject) > 255 or not subject.isprintable():
            raise InvalidError(f"{subject[:100]!r} is no subject", hint="it is what the provider's tokens have as sub")
        try:
            with self._db.write() as connection:
                found = get_account(connection, account)
                if found.kind == ORGANISATION:
                    raise InvalidError(f"{account!r} is an organisation, which nobody logs in as")
                _link(connection, found.id, issuer, subject)
                note(connection, by, "identity.add", account, detail=_shown(issuer, subject))
        except exc.IntegrityError:
            raise IdentityExists(subject, self.account(issuer, subject) or "somebody") from None

    @retried
    def remove(self, issuer: str, subject: str, by: Actor) -> None:
        """Let an identity be nobody again; logins of its account end. Raises IdentityUnknown."""
        with self._db.write() as connection:
            account = _account(connection, issuer, subject)
            own = (t.identity.c.issuer == issuer) & (t.identity.c.subject == subject)
            if account is None or not connection.execute(delete(t.identity).where(own)).rowcount:
                raise IdentityUnknown(subject)
            end_logins(connection, get_account(connection, account).id)
            note(connection, by, "identity.rm", account, detail=_shown(issuer, subject))

    @retried
    def list(self) -> list[Linked]:
        """Return all of them, by account."""
        columns = t.account.c.name, t.identity.c.issuer, t.identity.c.subject, t.identity.c.created
        query = select(*columns).join(t.identity, t.identity.c.account_id == t.account.c.id)
        with self._db.read() as connection:
            return [Linked(*row) for row in connection.execute(query.order_by(*columns[:3]))]


def account_name(username: str) -> str:
    """Return what an account is called for somebody whom a provider calls so: ``Ada.Lovelace@example.com`` is
    ``ada-lovelace``. It need not be a name that an account can have.
    """
    return _PUNCTUATION.sub("-", username.partition("@")[0].lower()).strip("-")


def _account(connection: Connection, issuer: str, subject: str) -> str | None:
    own = (t.identity.c.issuer == issuer) & (t.identity.c.subject == subject)
    query = select(t.account.c.name).join(t.identity, t.identity.c.account_id == t.account.c.id).where(own)
    found: str | None = connection.execute(query).scalar()
    return found


def _link(connection: Connection, account_id: int, issuer: str, subject: str) -> None:
    row = {"issuer": issuer, "subject": subject, "account_id": account_id, "created": time.time()}
    connection.execute(insert(t.identity).values(row))


def _shown(issuer: str, subject: str) -> str:
    return f"{subject} of {issuer}"

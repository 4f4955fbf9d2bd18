"""Tokens in the database: personal ones, robots', and what clients get in place of a password. Only hashes are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import delete, exc, func, insert, select, update

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.hub.accounts.directory import ORGANISATION, get_account
from boxwright.hub.accounts.names import check_pattern
from boxwright.hub.accounts.personal import PREFIX, REFRESH_PREFIX, fingerprint, is_token, mint
from boxwright.hub.accounts.roles import UNLIMITED, Limit
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.hub.registry.access import DELETE, EVERYTHING, PULL, PUSH
from boxwright.values import NamedTuple

PERSONAL = "personal"
REFRESH = "refresh"

REFRESH_SECONDS = 180 * 86400.0
"""How long a login without a password stays good."""
MAX_REFRESH = 100
"""Of one account; the oldest make room."""

MAX_PERSONAL = 1000
"""Of one account: who logs in through a provider makes them without asking anybody."""

_USE_SECONDS = 300.0
"""How exactly it is known when a token was last used: to note every use would make each pull write."""
_MAX_NAME = 100


class TokenExists(ConflictError):
    """The account has a token of this name."""

    def __init__(self, account: str, name: str) -> None:
        super().__init__(f"{account!r} has a token {name!r} already")


class TooManyTokens(ConflictError):
    """The account has as many as anybody can look after."""

    def __init__(self, account: str) -> None:
        super().__init__(
            f"{account!r} has {MAX_PERSONAL} tokens", hint=f"revoke some: boxwright hub token list {account}"
        )


class TokenUnknown(NotFoundError):
    """The account has no token of this name."""

    def __init__(self, account: str, name: str) -> None:
        super().__init__(
            f"{account!r} has no token {name[:100]!r}", hint=f"boxwright hub token list {account} shows them"
        )


class Token(NamedTuple):
    """A token as it is kept and listed."""

    id: int
    account: str
    kind: str
    name: str
    limit: Limit
    created: float
    expires: float | None
    used: float | None
    basis: str | None = None
    """Of a login with a password of a file: see `PasswordFile.mark`."""


def parse_actions(text: str) -> frozenset[str]:
    """Return the actions of ``pull,push,delete``. Raises InvalidError."""
    actions = frozenset(text.split(","))
    if unknown := actions - {PULL, PUSH, DELETE}:
        raise InvalidError(f"{min(unknown)[:40]!r} is no action", hint="actions are pull, push and delete")
    # Who may do all of them may do everything, which is what clients ask for when they delete.
    return actions | {EVERYTHING} if len(actions) == 3 else actions


class Tokens:
    """All tokens. Methods may be called from any thread."""

    __slots__ = ("_clock", "_db")

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    @retried
    def create(
        self,
        account: str,
        name: str,
        by: Actor,
        *,
        limit: Limit = UNLIMITED,
        expires: float | None = None,
        replace: bool = False,
    ) -> str:
        """Create a personal token and return it: it is shown this once. `expires` is a time, None: never.

        With `replace`, in place of one of the same name, whose logins end.
        Raises AccountUnknown, InvalidError, TokenExists, TooManyTokens.
        """
        if not name or len(name) > _MAX_NAME or not name.isprintable():
            raise InvalidError(f"{name[:100]!r} cannot be the name of a token", hint="say what it is for")
        for pattern in limit.patterns:
            check_pattern(pattern)
        secret = mint(PREFIX)
        try:
            with self._db.write() as connection:
                found = get_account(connection, account)
                if found.kind == ORGANISATION:
                    raise InvalidError(
                        f"{account!r} is an organisation", hint=f"make a robot: boxwright hub robot add {account}+NAME"
                    )
                own = (t.account_token.c.account_id == found.id) & (t.account_token.c.kind == PERSONAL)
                if replace:
                    connection.execute(delete(t.account_token).where(own, t.account_token.c.name == name))
                count = select(func.count()).select_from(t.account_token).where(own)
                if connection.execute(count).scalar_one() >= MAX_PERSONAL:
                    raise TooManyTokens(account)
                row = self._row(found.id, PERSONAL, name, secret, limit, expires)
                connection.execute(insert(t.account_token).values(row))
                note(connection, by, "token.create", account, detail=f"{name}: {_summary(limit)}")
        except exc.IntegrityError:
            raise TokenExists(account, name) from None
        return secret

    @retried
    def create_refresh(
        self,
        account: str,
        client: str,
        *,
        limit: Limit,
        parent: int | None,
        until: float | None,
        basis: str | None = None,
    ) -> str:
        """Return a token that stands for a login; it goes when `parent`, the token of that login, goes, or at `until`.

        `basis` is kept with it: whoever takes the token has to compare it.
        Raises AccountUnknown.
        """
        secret = mint(REFRESH_PREFIX)
        expires = min(self._clock() + REFRESH_SECONDS, until or math.inf)
        with self._db.write() as connection:
            found = get_account(connection, account)
            own = (t.account_token.c.account_id == found.id) & (t.account_token.c.kind == REFRESH)
            newest = (
                select(t.account_token.c.id).where(own).order_by(t.account_token.c.id.desc()).limit(MAX_REFRESH - 1)
            )
            kept = connection.execute(newest).scalars().all()
            connection.execute(delete(t.account_token).where(own, t.account_token.c.id.not_in(kept)))
            name = client[:_MAX_NAME] if client.isprintable() else "a client"
            row = self._row(found.id, REFRESH, name, secret, limit, expires)
            connection.execute(insert(t.account_token).values(**row, parent_id=parent, basis=basis))
        return secret

    def _row(
        self, account_id: int, kind: str, name: str, secret: str, limit: Limit, expires: float | None
    ) -> dict[str, object]:
        return {
            "account_id": account_id,
            "kind": kind,
            "name": name,
            "fingerprint": fingerprint(secret),
            "actions": ",".join(sorted(limit.actions)),
            "patterns": ",".join(limit.patterns),
            "created": self._clock(),
            "expires": expires,
        }

    @retried
    def find(self, secret: str) -> Token | None:
        """Return what a token is, and note that it was used; None when it is none of ours, or has expired."""
        if not is_token(secret):
            return None
        now = self._clock()
        with self._db.read() as connection:
            query = _SELECT.where(t.account_token.c.fingerprint == fingerprint(secret))
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        token = _token(tuple(row))
        if token.expires is not None and token.expires <= now:
            return None
        if token.used is None or token.used < now - _USE_SECONDS:
            with self._db.write(durable=False) as connection:
                own = t.account_token.c.id == token.id
                connection.execute(update(t.account_token).where(own).values(used=now))
        return token

    @retried
    def list(self, account: str | None = None) -> list[Token]:
        """Return personal tokens by account and name, those of one account if it is given. Raises AccountUnknown."""
        query = _SELECT.where(t.account_token.c.kind == PERSONAL).order_by(t.account.c.name, t.account_token.c.name)
        with self._db.read() as connection:
            if account is not None:
                query = query.where(t.account_token.c.account_id == get_account(connection, account).id)
            return [_token(tuple(row)) for row in connection.execute(query)]

    @retried
    def revoke(self, account: str, name: str, by: Actor) -> None:
        """Remove a personal token and the logins that were made with it. Raises AccountUnknown, TokenUnknown."""
        with self._db.write() as connection:
            found = get_account(connection, account)
            own = (t.account_token.c.account_id == found.id) & (t.account_token.c.name == name)
            gone = delete(t.account_token).where(own, t.account_token.c.kind == PERSONAL)
            if not connection.execute(gone).rowcount:
                raise TokenUnknown(account, name)
            note(connection, by, "token.revoke", account, detail=name)

    @retried
    def prune(self) -> int:
        """Drop logins that have expired; return how many."""
        gone = (t.account_token.c.kind == REFRESH) & (t.account_token.c.expires < self._clock())
        with self._db.write() as connection:
            return connection.execute(delete(t.account_token).where(gone)).rowcount


_SELECT = select(
    t.account_token.c.id,
    t.account.c.name.label("account"),
    t.account_token.c.kind,
    t.account_token.c.name,
    t.account_token.c.actions,
    t.account_token.c.patterns,
    t.account_token.c.created,
    t.account_token.c.expires,
    t.account_token.c.used,
    t.account_token.c.basis,
).join(t.account, t.account.c.id == t.account_token.c.account_id)


def _token(row: Sequence[Any]) -> Token:
    id_, account, kind, name, actions, patterns, created, expires, used, basis = row
    limit = Limit(frozenset(actions.split(",")), tuple(patterns.split(",")) if patterns else ())
    return Token(id_, account, kind, name, limit, created, expires, used, basis)


def _summary(limit: Limit) -> str:
    actions = ",".join(sorted(limit.actions - {EVERYTHING}))
    return f"{actions} on {', '.join(limit.patterns) or 'everything'}"

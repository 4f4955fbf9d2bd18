"""Grants in the database: a role for an account or a team on what a pattern of repositories covers."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, select

from boxwright.errors import InvalidError, NotFoundError
from boxwright.hub.accounts.directory import ORGANISATION, ROBOT, AccountUnknown, find_account, get_account
from boxwright.hub.accounts.names import TOP_LEVEL, check_pattern, check_robot, namespace_of
from boxwright.hub.accounts.organisations import get_team
from boxwright.hub.accounts.roles import Role
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.values import NamedTuple


class InvalidGrant(InvalidError):
    """A grant that would have no effect, or another than it says."""


class GrantUnknown(NotFoundError):
    """There is no such grant."""

    def __init__(self, subject: str, pattern: str) -> None:
        super().__init__(f"nothing on {pattern[:300]!r} is granted to {subject[:100]!r}")


class Granted(NamedTuple):
    """A grant as it is listed."""

    subject: str
    """An account, or ``organisation/team``."""
    role: Role
    pattern: str


class Grants:
    """All grants. Each change is one transaction, and noted in the audit log."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    @retried
    def grant(self, subject: str, role: Role, pattern: str, by: Actor) -> None:
        """Give an account or a team a role; it replaces an earlier one on the same pattern.

        Raises InvalidGrant, and errors of what does not exist.
        """
        check_pattern(pattern)
        with self._db.write() as connection:
            account_id, team_id = _subject(connection, subject)
            _check(connection, subject, role, pattern)
            row = {"account_id": account_id, "team_id": team_id, "pattern": pattern, "role": int(role)}
            holder = t.access_grant.c.account_id if team_id is None else t.access_grant.c.team_id
            made = insert(connection, t.access_grant).values(row)
            connection.execute(
                made.on_conflict_do_update(
                    index_elements=[holder, t.access_grant.c.pattern], set_={"role": made.excluded.role}
                )
            )
            note(connection, by, "grant.set", pattern, detail=f"{role} to {subject}")

    @retried
    def revoke(self, subject: str, pattern: str, by: Actor) -> None:
        """Take back a grant. Raises GrantUnknown, and errors of what does not exist."""
        with self._db.write() as connection:
            if not connection.execute(
                delete(t.access_grant).where(_is(*_subject(connection, subject), pattern))
            ).rowcount:
                raise GrantUnknown(subject, pattern)
            note(connection, by, "grant.revoke", pattern, detail=f"from {subject}")

    @retried
    def list(self, pattern: str | None = None) -> list[Granted]:
        """Return all grants by pattern and subject; with `pattern`, those on exactly that."""
        organisation = t.account.alias()
        query = (
            select(
                t.account.c.name, organisation.c.name, t.team.c.name, t.access_grant.c.role, t.access_grant.c.pattern
            )
            .select_from(t.access_grant)
            .outerjoin(t.account, t.account.c.id == t.access_grant.c.account_id)
            .outerjoin(t.team, t.team.c.id == t.access_grant.c.team_id)
            .outerjoin(organisation, organisation.c.id == t.team.c.organisation_id)
        )
        if pattern is not None:
            query = query.where(t.access_grant.c.pattern == pattern)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return sorted(
            (Granted(account or f"{group}/{team}", Role(role), covers) for account, group, team, role, covers in rows),
            key=lambda one: (one.pattern, one.subject),
        )


def _subject(connection: Connection, subject: str) -> tuple[int | None, int | None]:
    organisation, slash, team = subject.partition("/")
    if slash:
        return None, get_team(connection, organisation, team)
    found = get_account(connection, subject)
    if found.kind == ORGANISATION:
        raise InvalidGrant(f"{subject!r} is an organisation", hint=f"grant it to one of its teams: {subject}/TEAM")
    return found.id, None


def _is(account_id: int | None, team_id: int | None, pattern: str) -> ColumnElement[bool]:
    own = t.access_grant.c.account_id == account_id if team_id is None else t.access_grant.c.team_id == team_id
    return own & (t.access_grant.c.pattern == pattern)


def _check(connection: Connection, subject: str, role: Role, pattern: str) -> None:
    """Refuse what the permission model would ignore. Raises InvalidGrant, AccountUnknown."""
    namespace = namespace_of(pattern)
    if namespace == TOP_LEVEL:
        if role > Role.READ:
            raise InvalidGrant(
                f"{pattern!r} is at the top level, which only curators write", hint=f"boxwright hub curator {subject}"
            )
        return
    if "." in namespace:
        # No account can be called so: it is a copy of another registry.
        if role > Role.READ:
            raise InvalidGrant(f"{pattern!r} is named after a host: what it has is copied, and never pushed")
        return
    owner = find_account(connection, namespace)
    if owner is None or owner.kind == ROBOT:
        raise AccountUnknown(namespace)
    if "+" in subject and check_robot(subject)[0] != namespace:
        raise InvalidGrant(f"{subject!r} is a robot of another account than {namespace!r}")
    group = subject.partition("/")[0]
    if "/" in subject and group != namespace:
        raise InvalidGrant(f"{subject!r} is a team of another organisation than {namespace!r}")

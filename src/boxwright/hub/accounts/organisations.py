"""Organisations: their members and owners, and their teams."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, func, select

from boxwright.errors import ConflictError, NotFoundError
from boxwright.hub.accounts.directory import ORGANISATION, USER, Account, get_account
from boxwright.hub.accounts.names import check_team
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.values import NamedTuple


class TeamUnknown(NotFoundError):
    """The organisation has no such team."""

    def __init__(self, organisation: str, team: str) -> None:
        super().__init__(
            f"{organisation!r} has no team {team[:100]!r}", hint=f"boxwright hub team list {organisation} shows them"
        )


class TeamExists(ConflictError):
    """The organisation has a team of this name."""

    def __init__(self, organisation: str, team: str) -> None:
        super().__init__(f"{organisation!r} has a team {team!r} already")


class NotAMember(NotFoundError):
    """The user does not belong there."""

    def __init__(self, user: str, group: str) -> None:
        super().__init__(f"{user[:100]!r} is no member of {group!r}")


class LastOwner(ConflictError):
    """An organisation has at least one owner."""

    def __init__(self, organisation: str, user: str) -> None:
        super().__init__(
            f"{user!r} is the only owner of {organisation!r}",
            hint=f"make another first: boxwright hub org join {organisation} NAME --owner",
        )


class Member(NamedTuple):
    name: str
    owner: bool


class Team(NamedTuple):
    name: str
    """Without the organisation's."""
    members: tuple[str, ...]


class Organisations:
    """Who belongs to which organisation and team. Each change is one transaction, and noted in the audit log."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    @retried
    def members(self, organisation: str) -> list[Member]:
        """Return the members by name. Raises AccountUnknown."""
        with self._db.read() as connection:
            found = get_account(connection, organisation, ORGANISATION)
            query = (
                select(t.account.c.name, t.membership.c.owner)
                .join(t.membership, t.membership.c.account_id == t.account.c.id)
                .where(t.membership.c.organisation_id == found.id)
                .order_by(t.account.c.name)
            )
            return [Member(*row) for row in connection.execute(query)]

    @retried
    def set_member(self, organisation: str, user: str, by: Actor, *, owner: bool = False) -> None:
        """Make a user a member or an owner, whichever it was before. Raises AccountUnknown, LastOwner."""
        with self._db.write() as connection:
            group, member = get_account(connection, organisation, ORGANISATION), get_account(connection, user, USER)
            if not owner:
                _keep_an_owner(connection, group, member)
            row = {"organisation_id": group.id, "account_id": member.id, "owner": owner}
            made = insert(connection, t.membership).values(row)
            connection.execute(
                made.on_conflict_do_update(
                    index_elements=[t.membership.c.organisation_id, t.membership.c.account_id], set_={"owner": owner}
                )
            )
            note(connection, by, "org.member", organisation, detail=f"{user} {'owner' if owner else 'member'}")

    @retried
    def remove_member(self, organisation: str, user: str, by: Actor) -> None:
        """End a membership, in the teams as well. Raises AccountUnknown, NotAMember, LastOwner."""
        with self._db.write() as connection:
            group, member = get_account(connection, organisation, ORGANISATION), get_account(connection, user, USER)
            _keep_an_owner(connection, group, member)
            if not connection.execute(delete(t.membership).where(_is_member(group.id, member.id))).rowcount:
                raise NotAMember(user, organisation)
            teams = select(t.team.c.id).where(t.team.c.organisation_id == group.id)
            gone = t.team_member.c.team_id.in_(teams), t.team_member.c.account_id == member.id
            connection.execute(delete(t.team_member).where(*gone))
            note(connection, by, "org.member", organisation, detail=f"{user} removed")

    @retried
    def teams(self, organisation: str) -> list[Team]:
        """Return the teams with their members, by name. Raises AccountUnknown."""
        with self._db.read() as connection:
            group = get_account(connection, organisation, ORGANISATION)
            query = (
                select(t.team.c.name, t.account.c.name)
                .select_from(t.team)
                .outerjoin(t.team_member, t.team_member.c.team_id == t.team.c.id)
                .outerjoin(t.account, t.account.c.id == t.team_member.c.account_id)
                .where(t.team.c.organisation_id == group.id)
                .order_by(t.team.c.name, t.account.c.name)
            )
            found: dict[str, list[str]] = {}
            for team, member in connection.execute(query):
                found.setdefault(team, []).extend([member] if member is not None else [])
        return [Team(name, tuple(members)) for name, members in found.items()]

    @retried
    def add_team(self, organisation: str, team: str, by: Actor) -> None:
        """Raises InvalidName, AccountUnknown, TeamExists."""
        check_team(team)
        with self._db.write() as connection:
            group = get_account(connection, organisation, ORGANISATION)
            made = insert(connection, t.team).values(organisation_id=group.id, name=team)
            if connection.execute(made.on_conflict_do_nothing().returning(t.team.c.id)).first() is None:
                raise TeamExists(organisation, team)
            note(connection, by, "team.add", f"{organisation}/{team}")

    @retried
    def remove_team(self, organisation: str, team: str, by: Actor) -> None:
        """Remove a team and what it was granted. Raises AccountUnknown, TeamUnknown."""
        with self._db.write() as connection:
            team_id = get_team(connection, organisation, team)
            connection.execute(delete(t.team).where(t.team.c.id == team_id))
            note(connection, by, "team.rm", f"{organisation}/{team}")

    @retried
    def set_team_member(self, organisation: str, team: str, user: str, by: Actor, *, inside: bool) -> None:
        """Put a member of the organisation into a team, or take it out.

        Raises AccountUnknown, TeamUnknown, and NotAMember of the organisation, or of the team to be taken out of.
        """
        with self._db.write() as connection:
            team_id = get_team(connection, organisation, team)
            group, member = get_account(connection, organisation, ORGANISATION), get_account(connection, user, USER)
            if not connection.execute(select(t.membership.c.owner).where(_is_member(group.id, member.id))).first():
                raise NotAMember(user, organisation)
            if inside:
                made = insert(connection, t.team_member).values(team_id=team_id, account_id=member.id)
                connection.execute(made.on_conflict_do_nothing())
            else:
                there = t.team_member.c.team_id == team_id, t.team_member.c.account_id == member.id
                if not connection.execute(delete(t.team_member).where(*there)).rowcount:
                    raise NotAMember(user, f"{organisation}/{team}")
            detail = f"{user} {'added' if inside else 'removed'}"
            note(connection, by, "team.member", f"{organisation}/{team}", detail=detail)


def get_team(connection: Connection, organisation: str, team: str) -> int:
    """Return the id of a team inside a transaction. Raises AccountUnknown, TeamUnknown."""
    group = get_account(connection, organisation, ORGANISATION)
    query = select(t.team.c.id).where(t.team.c.organisation_id == group.id, t.team.c.name == team)
    found = connection.execute(query).scalar()
    if found is None:
        raise TeamUnknown(organisation, team)
    return int(found)


def _is_member(organisation_id: int, account_id: int) -> ColumnElement[bool]:
    return (t.membership.c.organisation_id == organisation_id) & (t.membership.c.account_id == account_id)


def _keep_an_owner(connection: Connection, group: Account, member: Account) -> None:
    # Locked, so that two owners who leave at once see each other.
    lock = select(t.account.c.id).where(t.account.c.id == group.id).with_for_update()
    connection.execute(lock)
    query = select(func.count()).where(t.membership.c.organisation_id == group.id, t.membership.c.owner)
    others = connection.execute(query.where(t.membership.c.account_id != member.id)).scalar_one()
    if not others and connection.execute(query).scalar_one():
        raise LastOwner(group.name, member.name)

"""Teams whose members are the members of a provider's groups.

What the provider says at a login counts: who has left a group is taken out of its team then. Teams that no group is
named for are left alone, and so is the membership of the organisation, which by itself allows nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set

from sqlalchemy import Connection, delete, select

from boxwright.errors import NotFoundError
from boxwright.hub.accounts.directory import USER, find_account, get_account
from boxwright.hub.accounts.organisations import get_team
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables import accounts as t

_log = logging.getLogger(__name__)


class GroupTeams:
    """Methods may be called from any thread."""

    __slots__ = ("_db", "_teams")

    def __init__(self, database: Database, teams: Mapping[str, Set[str]]) -> None:
        """`teams`: ``organisation/team`` → the groups whose members are its own."""
        self._db = database
        self._teams = teams

    @retried
    def follow(self, account: str, groups: Set[str], by: Actor) -> None:
        """Put a user into the teams of its groups, and take it out of the other ones. Idempotent.

        Robots belong to no team. A team that does not exist is left out, and the log says so.
        """
        wanted = {team for team, mapped in self._teams.items() if not groups.isdisjoint(mapped)}
        with self._db.read() as connection:
            if wanted == _teams_of(connection, account) & self._teams.keys():
                return
        with self._db.write() as connection:
            found = find_account(connection, account)
            if found is None or found.kind != USER:
                return
            there = _teams_of(connection, account) & self._teams.keys()
            for team in sorted(wanted ^ there):
                try:
                    _move(connection, team, found.id, account, by, inside=team in wanted)
                except NotFoundError as error:
                    _log.warning("a team of [[oidc.team]]: %s", error.message)


def _teams_of(connection: Connection, account: str) -> set[str]:
    """Return the teams that an account is in, as ``organisation/team``."""
    organisation = t.account.alias()
    query = (
        select(organisation.c.name, t.team.c.name)
        .join(t.team, t.team.c.organisation_id == organisation.c.id)
        .join(t.team_member, t.team_member.c.team_id == t.team.c.id)
        .join(t.account, t.account.c.id == t.team_member.c.account_id)
        .where(t.account.c.name == account)
    )
    return {f"{group}/{team}" for group, team in connection.execute(query)}


def _move(connection: Connection, path: str, account_id: int, account: str, by: Actor, *, inside: bool) -> None:
    """Put an account into a team, or take it out. Raises AccountUnknown, TeamUnknown."""
    organisation, _, name = path.partition("/")
    team_id = get_team(connection, organisation, name)
    if inside:
        belongs = {"organisation_id": get_account(connection, organisation).id, "account_id": account_id}
        made = insert(connection, t.membership).values(**belongs, owner=False).on_conflict_do_nothing()
        if connection.execute(made).rowcount:
            note(connection, by, "org.member", organisation, detail=f"{account} member")
        joins = insert(connection, t.team_member).values(team_id=team_id, account_id=account_id)
        connection.execute(joins.on_conflict_do_nothing())
    else:
        own = t.team_member.c.team_id == team_id, t.team_member.c.account_id == account_id
        connection.execute(delete(t.team_member).where(*own))
    note(connection, by, "team.member", path, detail=f"{account} {'added' if inside else 'removed'}")

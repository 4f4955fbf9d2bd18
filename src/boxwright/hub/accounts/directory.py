"""Accounts in the database: users, organisations, robots; who belongs where; and what stands for an account."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, delete, exc, exists, insert, select, update

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.hub.accounts.names import check_account, check_robot
from boxwright.hub.accounts.roles import Grant, Role, Standing
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.hub.db.tables.registry import repository
from boxwright.values import NamedTuple

USER = "user"
ORGANISATION = "organisation"
ROBOT = "robot"


class AccountUnknown(NotFoundError):
    """No account of this name and kind."""

    def __init__(self, name: str, kind: str = "account") -> None:
        super().__init__(f"no {kind} {name[:100]!r}", hint=f"boxwright hub {_LISTS.get(kind, 'user')} list shows them")
        self.name = name


_LISTS = {USER: "user", ORGANISATION: "org", ROBOT: "robot"}


class AccountExists(ConflictError):
    """The name is taken: users, organisations and robots share their names."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an account {name!r} already")
        self.name = name


class NamespaceInUse(ConflictError):
    """An account with repositories isn't removed: whoever got its name next would get them."""

    def __init__(self, name: str, example: str) -> None:
        super().__init__(
            f"{name!r} has repositories, {example!r} for one",
            hint=f"remove them (boxwright hub repo rm), or only lock it out: boxwright hub user disable {name}",
        )
        self.name = name


class Account(NamedTuple):
    """A user, an organisation or a robot."""

    id: int
    name: str
    kind: str
    administrator: bool
    curator: bool
    disabled: bool
    public: bool
    """Whether new repositories of its namespace are for everybody."""
    created: float
    password: str | None
    """The hash of its password."""


_COLUMNS = (
    t.account.c.id,
    t.account.c.name,
    t.account.c.kind,
    t.account.c.administrator,
    t.account.c.curator,
    t.account.c.disabled,
    t.account.c.public,
    t.account.c.created,
    t.account.c.password,
)


class Directory:
    """All accounts. Methods may be called from any thread; a change is one transaction, and noted in the audit log."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- reading

    @retried
    def find(self, name: str) -> Account | None:
        """Return the account of this name."""
        with self._db.read() as connection:
            return find_account(connection, name)

    @retried
    def list(self, kind: str, *, owner: str | None = None) -> list[Account]:
        """Return all accounts of a kind by name; of robots, those of `owner` alone."""
        query = select(*_COLUMNS).where(t.account.c.kind == kind).order_by(t.account.c.name)
        if owner is not None:
            holder = select(t.account.c.id).where(t.account.c.name == owner).scalar_subquery()
            query = query.where(t.account.c.owner_id == holder)
        with self._db.read() as connection:
            return [Account(*row) for row in connection.execute(query)]

    @retried
    def standing(self, name: str) -> Standing | None:
        """Return what decides what an account may do; None when it is unknown, disabled, or no user and no robot."""
        with self._db.read() as connection:
            found = find_account(connection, name)
            if found is None or found.disabled or found.kind == ORGANISATION:
                return None
            if found.kind == ROBOT and _owner_disabled(connection, found.id):
                return None
            return Standing(
                found.name, found.administrator, found.curator, _owned(connection, found), _grants(connection, found.id)
            )

    # ---- accounts

    def add_user(self, name: str, password: str | None, by: Actor, *, administrator: bool = False) -> None:
        """Create a user; `password` is a hash, None lets only tokens in. Raises InvalidName, AccountExists."""
        check_account(name)
        self._add(by, "user.add", name=name, kind=USER, password=password, administrator=administrator)

    def add_organisation(self, name: str, owner: str, by: Actor) -> None:
        """Create an organisation with its first owner. Raises InvalidName, AccountExists, AccountUnknown."""
        check_account(name)
        self._add(by, "org.add", owner, name=name, kind=ORGANISATION)

    def add_robot(self, name: str, by: Actor) -> None:
        """Create ``namespace+short``. Raises InvalidName, AccountExists, AccountUnknown (the namespace)."""
        check_robot(name)
        self._add(by, "robot.add", name=name, kind=ROBOT)

    @retried
    def _add(self, by: Actor, action: str, owner: str = "", /, **values: Any) -> None:
        name = str(values["name"])
        try:
            with self._db.write() as connection:
                if values["kind"] == ROBOT:
                    values["owner_id"] = _namespace(connection, check_robot(name)[0]).id
                made = insert_account(connection, **values)
                if values["kind"] == ORGANISATION:
                    first = get_account(connection, owner, USER)
                    member = {"organisation_id": made, "account_id": first.id, "owner": True}
                    connection.execute(insert(t.membership).values(member))
                note(connection, by, action, name, detail=f"owner {owner}" if owner else "")
        except exc.IntegrityError:
            raise AccountExists(name) from None

    @retried
    def remove(self, name: str, kind: str, by: Actor) -> None:
        """Remove an account with its tokens, grants, teams and robots. Raises AccountUnknown, NamespaceInUse."""
        with self._db.write() as connection:
            found = get_account(connection, name, kind)
            if found.kind != ROBOT and (example := _a_repository(connection, name)):
                raise NamespaceInUse(name, example)
            if found.kind != ROBOT:
                # What others were granted on its names must not hold for whoever has the name next.
                below = t.access_grant.c.pattern.startswith(f"{name}/", autoescape=True)
                connection.execute(delete(t.access_grant).where(below))
                profiles = t.repository_profile.c.name.startswith(f"{name}/", autoescape=True)
                connection.execute(delete(t.repository_profile).where(profiles))
            connection.execute(delete(t.account).where(t.account.c.id == found.id))
            note(connection, by, f"{_LISTS[found.kind]}.rm", name)

    @retried
    def set_password(self, name: str, password: str | None, by: Actor) -> None:
        """Replace the hash of a user's password; what clients got with the old one ends. Raises AccountUnknown."""
        with self._db.write() as connection:
            found = get_account(connection, name, USER)
            connection.execute(update(t.account).where(t.account.c.id == found.id).values(password=password))
            end_logins(connection, found.id)
            note(connection, by, "user.passwd", name)

    @retried
    def renew_password(self, name: str, old: str, new: str) -> None:
        """Keep the same password under other parameters, unless it was changed meanwhile."""
        with self._db.write() as connection:
            same = (t.account.c.name == name) & (t.account.c.password == old)
            connection.execute(update(t.account).where(same).values(password=new))

    @retried
    def set_flags(self, name: str, by: Actor, **flags: bool) -> None:
        """Set any of ``administrator``, ``curator``, ``disabled`` and ``public``.

        Raises AccountUnknown; InvalidError for what this kind of account cannot be.
        """
        with self._db.write() as connection:
            found = get_account(connection, name)
            allowed = _FLAGS[found.kind]
            for flag in flags:
                if flag not in allowed:
                    raise InvalidError(f"{name!r} is {_ARTICLE[found.kind]}, which cannot be {flag}")
            connection.execute(update(t.account).where(t.account.c.id == found.id).values(**flags))
            for flag, value in flags.items():
                note(connection, by, f"{_LISTS[found.kind]}.{flag}", name, detail="yes" if value else "no")


_FLAGS = {
    USER: frozenset({"administrator", "curator", "disabled", "public"}),
    ORGANISATION: frozenset({"public"}),
    ROBOT: frozenset({"curator", "disabled"}),
}
_ARTICLE = {USER: "a user", ORGANISATION: "an organisation", ROBOT: "a robot"}


def find_account(connection: Connection, name: str) -> Account | None:
    """Return the account of a name inside a transaction."""
    row = connection.execute(select(*_COLUMNS).where(t.account.c.name == name)).one_or_none()
    return Account(*row) if row is not None else None


def get_account(connection: Connection, name: str, kind: str | None = None) -> Account:
    """Return the account of a name, of this kind if one is given. Raises AccountUnknown."""
    found = find_account(connection, name)
    if found is None or (kind is not None and found.kind != kind):
        raise AccountUnknown(name, kind or "account")
    return found


def insert_account(connection: Connection, **values: Any) -> int:
    """Add an account inside a transaction and return its number; what `values` leave out is nothing special.

    Raises IntegrityError when the name is taken.
    """
    row: dict[str, Any] = {
        "password": None,
        "administrator": False,
        "curator": False,
        "disabled": False,
        "public": False,
        "created": time.time(),
        **values,
    }
    return int(connection.execute(insert(t.account).values(row).returning(t.account.c.id)).scalar_one())


def end_logins(connection: Connection, account_id: int) -> None:
    """End what clients got in place of the password of an account, inside a transaction."""
    gone = (t.account_token.c.account_id == account_id) & (t.account_token.c.kind == "refresh")
    connection.execute(delete(t.account_token).where(gone))


def _namespace(connection: Connection, name: str) -> Account:
    found = find_account(connection, name)
    if found is None or found.kind == ROBOT:
        raise AccountUnknown(name)
    return found


def _a_repository(connection: Connection, namespace: str) -> str | None:
    below = repository.c.name.startswith(f"{namespace}/", autoescape=True)
    found: str | None = connection.execute(select(repository.c.name).where(below).limit(1)).scalar()
    return found


def _owner_disabled(connection: Connection, robot_id: int) -> bool:
    owner = t.account.alias()
    query = (
        select(owner.c.disabled)
        .join_from(t.account, owner, t.account.c.owner_id == owner.c.id)
        .where(t.account.c.id == robot_id)
    )
    return bool(connection.execute(query).scalar())


def _owned(connection: Connection, account: Account) -> frozenset[str]:
    if account.kind == ROBOT:
        return frozenset()
    query = (
        select(t.account.c.name)
        .join(t.membership, t.membership.c.organisation_id == t.account.c.id)
        .where(t.membership.c.account_id == account.id, t.membership.c.owner)
    )
    return frozenset([account.name, *connection.execute(query).scalars()])


def _grants(connection: Connection, account_id: int) -> tuple[Grant, ...]:
    through_team = exists().where(
        t.team_member.c.team_id == t.access_grant.c.team_id, t.team_member.c.account_id == account_id
    )
    query = select(t.access_grant.c.pattern, t.access_grant.c.role).where(
        (t.access_grant.c.account_id == account_id) | through_team
    )
    return tuple(Grant(pattern, Role(role)) for pattern, role in connection.execute(query))

"""Repositories as accounts see them: whether they are for everybody, what they are about, who began them.

A repository has a profile from its first push on, which makes it public or private as its namespace has it then, or
from the moment somebody says something of it. One without, from before there were accounts, is private; so is one that
does not exist, and the two cannot be told apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, exists, func, select, union, update

from boxwright.errors import ConflictError, NotFoundError
from boxwright.hub.accounts.directory import AccountUnknown
from boxwright.hub.accounts.names import TOP_LEVEL, check_pattern, namespace_of
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.changes import MANIFEST, REPOSITORY, note_gone
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.tables import accounts as t
from boxwright.hub.db.tables.registry import blob, manifest, repository, repository_blob
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted
from boxwright.values import NamedTuple

TOP_LEVEL_PUBLIC = True
"""What curators push to the top level first is meant for everybody."""

_CHUNK = 500
_MAX_DESCRIPTION = 1000


class RepositoryUnknown(NotFoundError):
    """Neither content nor a profile has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no repository {name[:300]!r}", hint="boxwright hub repo list shows them")


class RepositoryExists(ConflictError):
    """There is one of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a repository {name!r} already")


class Profile(NamedTuple):
    """What is known of a repository beside its content."""

    name: str
    public: bool
    description: str
    created: float | None
    """None: from before there were accounts."""


class Repositories:
    """All profiles. Methods may be called from any thread; a change is one transaction, and noted in the audit log."""

    __slots__ = ("_db",)

    def __init__(self, database: Database) -> None:
        self._db = database

    @retried
    def public(self, names: Sequence[str]) -> dict[str, bool]:
        """Return for each of the names whether everybody may pull it, also for those that don't exist (yet)."""
        found: dict[str, bool] = {}
        with self._db.read() as connection:
            for start in range(0, len(names), _CHUNK):
                found.update(_public(connection, names[start : start + _CHUNK]))
        return found

    @retried
    def enter(self, name: str, by: Actor) -> None:
        """Make the profile of a repository that is about to get its first content. Idempotent.

        Raises AccountUnknown for a new one in a namespace that is nobody's: whoever got that name later would get it.
        """
        with self._db.read() as connection:
            if connection.execute(
                select(t.repository_profile.c.name).where(t.repository_profile.c.name == name)
            ).first():
                return
        with self._db.write() as connection:
            if not _has_content(connection, name):
                _check_namespace(connection, name)
            _add(connection, name, _begins_public(connection, name), "", by)

    @retried
    def create(self, name: str, by: Actor, *, public: bool | None, description: str = "") -> None:
        """Create a repository without content; `public` None: as its namespace has it.

        Raises InvalidError, RepositoryExists, AccountUnknown (the namespace).
        """
        check_pattern(name)
        with self._db.write() as connection:
            _check_namespace(connection, name)
            shown = _begins_public(connection, name) if public is None else public
            if not _add(connection, name, shown, description[:_MAX_DESCRIPTION], by):
                raise RepositoryExists(name)

    @retried
    def set(self, name: str, by: Actor, *, public: bool | None = None, description: str | None = None) -> None:
        """Change what is said of a repository; None: stays. Raises RepositoryUnknown."""
        with self._db.write() as connection:
            held = select(t.repository_profile.c.name).where(t.repository_profile.c.name == name)
            if not connection.execute(held).first():
                if not _has_content(connection, name):
                    raise RepositoryUnknown(name)
                _add(connection, name, False, "", by)
            values: dict[str, object] = {}
            if public is not None:
                values["public"] = public
                note(connection, by, "repo.public", name, detail="yes" if public else "no")
            if description is not None:
                values["description"] = description[:_MAX_DESCRIPTION]
                note(connection, by, "repo.describe", name)
            if values:
                own = t.repository_profile.c.name == name
                connection.execute(update(t.repository_profile).where(own).values(values))

    @retried
    def remove(self, name: str, by: Actor) -> int:
        """Remove a repository with its content, its profile and what was granted on it. Raises RepositoryUnknown.

        Return how many bytes no other repository has. They go once the garbage collector finds that nothing has named
        them for its delay.
        """
        with self._db.write() as connection:
            profile = t.repository_profile.c.name == name
            known = connection.execute(delete(t.repository_profile).where(profile)).rowcount
            row = select(repository.c.id).where(repository.c.name == name).with_for_update()
            repository_id = connection.execute(row).scalar()
            if repository_id is None and not known:
                raise RepositoryUnknown(name)
            freed = 0
            if repository_id is not None:
                freed = _own_bytes(connection, repository_id)
                held = select(repository_blob.c.digest).where(repository_blob.c.repository_id == repository_id)
                # Released now: they wait as what any deletion released does.
                connection.execute(update(blob).where(blob.c.digest.in_(held)).values(touched=time.time()))
                held = select(manifest.c.digest).where(manifest.c.repository_id == repository_id)
                for digest in connection.scalars(held).all():
                    note_gone(connection, MANIFEST, digest)
                note_gone(connection, REPOSITORY, name)
                connection.execute(delete(repository).where(repository.c.id == repository_id))
                outbox.append(connection, [deleted(name)._replace(actor=by.name)])
            connection.execute(delete(t.access_grant).where(t.access_grant.c.pattern == name))
            note(connection, by, "repo.rm", name)
        return freed

    @retried
    def list(self, namespace: str | None = None) -> list[Profile]:
        """Return all repositories by name; with `namespace`, those of one (TOP_LEVEL: those that have none)."""
        everything = union(select(t.repository_profile.c.name), select(repository.c.name)).subquery()
        profile = t.repository_profile
        query = (
            select(everything.c.name, profile.c.public, profile.c.description, profile.c.created)
            .outerjoin(profile, profile.c.name == everything.c.name)
            .order_by(everything.c.name)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [
            Profile(row.name, bool(row.public), row.description or "", row.created)
            for row in rows
            if namespace is None or namespace_of(row.name) == namespace
        ]


def _own_bytes(connection: Connection, repository_id: int) -> int:
    """Return the size of the blobs that a repository alone has."""
    elsewhere = repository_blob.alias()
    shared = exists().where(elsewhere.c.digest == blob.c.digest, elsewhere.c.repository_id != repository_id)
    own = (
        select(func.coalesce(func.sum(blob.c.size), 0))
        .join(repository_blob, repository_blob.c.digest == blob.c.digest)
        .where(repository_blob.c.repository_id == repository_id, ~shared)
    )
    return int(connection.execute(own).scalar_one())


def _public(connection: Connection, names: Iterable[str]) -> dict[str, bool]:
    wanted = list(names)
    profile = t.repository_profile
    open_ones = select(profile.c.name).where(profile.c.name.in_(wanted), profile.c.public)
    found = set(connection.execute(open_ones).scalars())
    return {name: name in found for name in wanted}


def _begins_public(connection: Connection, name: str) -> bool:
    """Whether a new repository is for everybody."""
    namespace = namespace_of(name)
    if namespace == TOP_LEVEL:
        return TOP_LEVEL_PUBLIC
    return bool(connection.execute(select(t.account.c.public).where(t.account.c.name == namespace)).scalar())


def _add(connection: Connection, name: str, public: bool, description: str, by: Actor) -> bool:
    """Make a profile; False when there is one."""
    row = {"name": name, "public": public, "description": description, "created": time.time()}
    made = insert(connection, t.repository_profile).values(row).on_conflict_do_nothing()
    if connection.execute(made.returning(t.repository_profile.c.name)).first() is None:
        return False
    note(connection, by, "repo.create", name, detail="public" if public else "private")
    return True


def _has_content(connection: Connection, name: str) -> bool:
    return connection.execute(select(repository.c.id).where(repository.c.name == name)).first() is not None


def _check_namespace(connection: Connection, name: str) -> None:
    """Raise AccountUnknown unless the namespace of a repository is somebody's, or the top level."""
    namespace = namespace_of(name)
    known = select(t.account.c.id).where(t.account.c.name == namespace)
    if namespace != TOP_LEVEL and not connection.execute(known).first():
        raise AccountUnknown(namespace)

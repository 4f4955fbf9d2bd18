"""Tags: where they point, where they pointed before, and which of them may not move.

`point_tag` and `drop_tags` are parts of a transaction that has locked the repository. Nothing else writes tags, so
every move is in the history and no rule is passed by.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.sql.expression import ColumnElement

from boxwright.errors import ConflictError, DeniedError, NotFoundError
from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.changes import note_change
from boxwright.hub.db.database import Database, insert, retried
from boxwright.hub.db.metadata import Manifest
from boxwright.hub.db.scopes import scope_text, scopes_of
from boxwright.hub.db.tables import life
from boxwright.hub.db.tables import registry as t
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted, pushed
from boxwright.hub.observe.request import current
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

PUSH, DELETE, UNDO, RETENTION = "push", "delete", "undo", "retention"

KEPT = 100
"""Changes of one tag that are remembered."""

_RULES = select(life.immutable_rule.c.scope, life.immutable_rule.c.tags).where(
    life.immutable_rule.c.scope.in_(bindparam("scopes", expanding=True))
)
_TARGET = (
    select(t.manifest.c.digest)
    .join(t.tag, t.tag.c.manifest_id == t.manifest.c.id)
    .where(t.tag.c.repository_id == bindparam("known"), t.tag.c.name == bindparam("name"))
)


class TagImmutable(DeniedError):
    """A rule says that a tag stays as it is."""

    def __init__(self, repository: str, tag: str, rule: ImmutableRule) -> None:
        super().__init__(
            f"the tag {tag} of {repository} is immutable (rule {rule.tags} for {scope_text(rule.scope)})",
            hint="push under another tag",
        )
        self.repository = repository
        self.tag = tag


class TagUnknown(NotFoundError):
    """There is no such tag, and nothing is remembered of one."""

    def __init__(self, repository: str, tag: str) -> None:
        super().__init__(f"no tag {tag} in {repository}, and none is remembered")


class NothingToUndo(ConflictError):
    """A tag is as it was before everything that is remembered."""

    def __init__(self, repository: str, tag: str) -> None:
        super().__init__(f"nothing is left to undo of the tag {tag} of {repository}")


class ManifestGone(NotFoundError):
    """A tag cannot point back at a manifest that was deleted."""

    def __init__(self, repository: str, tag: str, digest: str) -> None:
        super().__init__(
            f"the tag {tag} of {repository} pointed at {digest}, which is not there any more",
            hint="push it again, or give the change to go back to: --to CHANGE",
        )
        self.digest = digest


class Change(NamedTuple):
    """A move of a tag."""

    id: int
    previous: str | None
    digest: str | None
    at: float
    actor: str
    """The account, "" for nobody in particular."""
    action: str
    restored: int | None = None
    """Of an undo: the change after which everything was as it is again; 0: before the first one."""


class ImmutableRule(NamedTuple):
    """Tags of a scope that match a pattern stay where they were first put."""

    scope: str
    tags: str
    """A pattern as the shell has it: ``v*``, ``1.[0-9]``."""


class Moving(NamedTuple):
    """A repository whose tags a transaction moves."""

    c: Connection
    name: str
    known: int
    """Its number."""
    rules: tuple[ImmutableRule, ...]

    @classmethod
    def of(cls, c: Connection, name: str, known: int) -> Moving:
        rows = c.execute(_RULES, {"scopes": scopes_of(name)})
        return cls(c, name, known, tuple(ImmutableRule(*row) for row in rows))

    def check(self, tag: str) -> None:
        """Raise TagImmutable when a rule holds the tag in its place."""
        for rule in self.rules:
            if fnmatch.fnmatchcase(tag, rule.tags):
                raise TagImmutable(self.name, tag, rule)

    def holds(self, tag: str) -> bool:
        """Whether a rule holds the tag in its place."""
        return any(fnmatch.fnmatchcase(tag, rule.tags) for rule in self.rules)


def point_tag(
    moving: Moving, tag: str, manifest_id: int, digest: Digest, *, action: str = PUSH, restored: int | None = None
) -> None:
    """Point a tag at a manifest of its repository. Raises TagImmutable."""
    c, known, now = moving.c, moving.known, time.time()
    previous = c.execute(_TARGET, {"known": known, "name": tag}).scalar()
    if previous not in (None, digest):
        moving.check(tag)
    row = insert(c, t.tag).values(repository_id=known, name=tag, manifest_id=manifest_id, updated=now)
    moved = {"manifest_id": manifest_id, "updated": now}
    c.execute(row.on_conflict_do_update(index_elements=["repository_id", "name"], set_=moved))
    if previous != digest:
        _remember(moving, tag, previous, digest, action, restored)


def drop_tags(
    moving: Moving, condition: ColumnElement[bool], *, action: str = DELETE, restored: int | None = None
) -> list[tuple[str, str]]:
    """Remove the tags of the repository that fulfil a condition on `tag`; return each with the digest that it had.

    Raises TagImmutable.
    """
    c = moving.c
    mine = t.tag.c.repository_id == moving.known, condition
    found = c.execute(
        select(t.tag.c.name, t.manifest.c.digest).join(t.manifest, t.manifest.c.id == t.tag.c.manifest_id).where(*mine)
    ).all()
    for name, _ in found:
        moving.check(name)
    if found:
        c.execute(delete(t.tag).where(*mine))
    for name, digest in found:
        _remember(moving, name, digest, None, action, restored)
    return [(name, digest) for name, digest in found]


def _remember(
    moving: Moving, tag: str, previous: str | None, digest: str | None, action: str, restored: int | None
) -> None:
    note_change(moving.c, moving.known)
    request = current()
    c, h = moving.c, life.tag_history.c
    c.execute(
        life.tag_history.insert().values(
            repository_id=moving.known,
            tag=tag,
            previous=previous,
            digest=digest,
            at=time.time(),
            actor=request.user if request is not None else "",
            action=action,
            restored=restored,
        )
    )
    mine = h.repository_id == moving.known, h.tag == tag
    oldest = select(h.id).where(*mine).order_by(h.id.desc()).offset(KEPT).limit(1).scalar_subquery()
    c.execute(delete(life.tag_history).where(*mine, h.id <= oldest))


class TagHistory:
    """What is remembered of tags, for those who look after a registry. Methods may be called from any thread."""

    __slots__ = ("_by", "_db")

    def __init__(self, db: Database, by: Actor) -> None:
        """`by`: who makes changes through it, for the audit log."""
        self._db = db
        self._by = by

    @retried
    def changes(self, repository: str, tag: str) -> list[Change]:
        """Return the changes of a tag, the last one first. Raises TagUnknown."""
        with self._db.read() as c:
            known = _known(c, repository)
            found = _changes(c, known, tag) if known is not None else []
        if not found:
            raise TagUnknown(repository, tag)
        return found

    @retried
    def undo(self, repository: str, tag: str, *, to: int | None = None) -> Change:
        """Put a tag back where it was before its last change, or as it was after the change `to`; return this change.

        Undoing once more goes one step further back. Raises TagUnknown, NothingToUndo, ManifestGone, TagImmutable.
        """
        with self._db.write() as c:
            known = _known(c, repository, lock=True)
            changes = _changes(c, known, tag) if known is not None else []
            if known is None or not changes:
                raise TagUnknown(repository, tag)
            restored, digest = (
                _after(repository, tag, changes, to) if to is not None else _before(repository, tag, changes)
            )
            moving = Moving.of(c, repository, known)
            if digest is None:
                dropped = drop_tags(moving, t.tag.c.name == tag, action=UNDO, restored=restored)
                outbox.append(c, [deleted(repository, gone, name) for name, gone in dropped])
            else:
                m = t.manifest.c
                columns = m.id, m.media_type, m.content, m.artifact_type, m.subject
                row = c.execute(select(*columns).where(m.repository_id == known, m.digest == digest)).first()
                if row is None:
                    raise ManifestGone(repository, tag, digest)
                manifest_id, *fields = row
                point_tag(moving, tag, manifest_id, Digest(digest), action=UNDO, restored=restored)
                outbox.append(c, [pushed(repository, Manifest(Digest(digest), *fields), tag)])
            note(c, self._by, "tag.undo", f"{repository}:{tag}", detail=f"to {digest}" if digest else "gone again")
            return _changes(c, known, tag)[0]


def _before(repository: str, tag: str, changes: list[Change]) -> tuple[int, str | None]:
    """Return what undoing means: the change that is the last one then, and where the tag pointed after it."""
    at = {change.id: index for index, change in enumerate(changes)}
    last = changes[0]
    while last.restored is not None:
        if last.restored not in at:
            raise NothingToUndo(repository, tag)
        last = changes[at[last.restored]]
    older = changes[at[last.id] + 1 :]
    return (older[0].id if older else 0), last.previous


def _after(repository: str, tag: str, changes: list[Change], number: int) -> tuple[int, str | None]:
    for change in changes:
        if change.id == number:
            return number, change.digest
    raise TagUnknown(repository, f"{tag} (change {number})")


def _known(c: Connection, repository: str, *, lock: bool = False) -> int | None:
    found = select(t.repository.c.id).where(t.repository.c.name == repository)
    return c.execute(found.with_for_update(key_share=True) if lock else found).scalar()


def _changes(c: Connection, known: int, tag: str) -> list[Change]:
    h = life.tag_history.c
    columns = h.id, h.previous, h.digest, h.at, h.actor, h.action, h.restored
    rows = select(*columns).where(h.repository_id == known, h.tag == tag).order_by(h.id.desc())
    return [Change(*row) for row in c.execute(rows)]


class ImmutableRules:
    """The rules themselves. Methods may be called from any thread."""

    __slots__ = ("_by", "_db")

    def __init__(self, db: Database, by: Actor) -> None:
        """`by`: who makes changes through it, for the audit log."""
        self._db = db
        self._by = by

    @retried
    def add(self, rule: ImmutableRule) -> None:
        """Idempotent."""
        with self._db.write() as c:
            added = c.execute(insert(c, life.immutable_rule).values(rule._asdict()).on_conflict_do_nothing())
            if added.rowcount:
                note(c, self._by, "immutable.add", scope_text(rule.scope), detail=rule.tags)

    @retried
    def remove(self, rule: ImmutableRule) -> bool:
        """False when there is none."""
        r = life.immutable_rule.c
        with self._db.write() as c:
            gone = c.execute(delete(life.immutable_rule).where(r.scope == rule.scope, r.tags == rule.tags))
            if gone.rowcount:
                note(c, self._by, "immutable.rm", scope_text(rule.scope), detail=rule.tags)
            return gone.rowcount > 0

    @retried
    def rules(self) -> Iterable[ImmutableRule]:
        """Return all of them, by scope."""
        r = life.immutable_rule.c
        with self._db.read() as c:
            return [ImmutableRule(*row) for row in c.execute(select(r.scope, r.tags).order_by(r.scope, r.tags))]

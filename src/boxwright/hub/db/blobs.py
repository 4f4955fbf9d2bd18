"""Blobs and which repositories have them: parts of transactions.

A blob's row goes through these states:

    claimed ── add ── member of repositories ── release, remove ── garbage ── condemn ── destroyed, row forgotten
                          └──────── add ───────────┘  └── claim ──┘   └── spare ──┘

Bytes are touched only where nothing else can happen to the row: they are stored after a claim, and destroyed while it
is condemned, when nobody can claim it. So no transaction is open while a storage works, however slow it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, exists, func, select, tuple_, update
from sqlalchemy.sql.expression import ColumnElement

from boxwright.hub.db.database import current_time, insert
from boxwright.hub.db.holders import is_gone
from boxwright.hub.db.metadata import BlobCondemned, BlobInUse, Member
from boxwright.hub.db.quotas import add_bytes, check_room
from boxwright.hub.db.repositories import lock_repositories, lock_repository, make_repository, number_of
from boxwright.hub.db.tables import registry as t
from boxwright.oci.digest import Digest

# What every push and pull asks. Built once, since building a statement costs more than running it.
_SIZE = (
    select(t.blob.c.size)
    .select_from(t.repository)
    .join(t.repository_blob, t.repository_blob.c.repository_id == t.repository.c.id)
    .join(t.blob, t.blob.c.digest == t.repository_blob.c.digest)
    .where(t.repository.c.name == bindparam("repository"), t.repository_blob.c.digest == bindparam("digest"))
)
_STALE = (
    select(t.repository_blob.c.digest)
    .join(t.repository, t.repository_blob.c.repository_id == t.repository.c.id)
    .where(
        t.repository.c.name == bindparam("repository"),
        t.repository_blob.c.digest == bindparam("digest"),
        t.repository_blob.c.touched < bindparam("before"),
    )
)
_NEEDED = (
    select(t.manifest_reference.c.digest)
    .join(t.manifest, t.manifest.c.id == t.manifest_reference.c.manifest_id)
    .where(
        t.manifest_reference.c.digest == t.repository_blob.c.digest,
        t.manifest.c.repository_id == t.repository_blob.c.repository_id,
    )
    .correlate(t.repository_blob)
    .exists()
)
_HELD = exists(t.repository_blob.c.digest).where(t.repository_blob.c.digest == t.blob.c.digest)
_SPARED = {"condemned_by": None, "condemned_until": None}


def claim(c: Connection, digest: Digest, size: int, now: float) -> None:
    """Note that somebody counts on a blob, which may be new. Raises BlobCondemned."""
    row = insert(c, t.blob).values(digest=digest, size=size, touched=now)
    spared = t.blob.c.condemned_by.is_(None)
    upsert = row.on_conflict_do_update(index_elements=["digest"], set_={"touched": now}, where=spared)
    if c.execute(upsert.returning(t.blob.c.digest)).first() is None:
        raise BlobCondemned(digest)


def link(c: Connection, repository: str, digest: Digest, size: int, now: float) -> None:
    """Make a blob a member of `repository`, which may be new. Raises QuotaExceeded."""
    known = make_repository(c, repository)
    lock_repository(c, repository)
    member = t.repository_blob.c.repository_id == known, t.repository_blob.c.digest == digest
    if c.execute(update(t.repository_blob).where(*member).values(touched=now)).rowcount:
        return
    check_room(c, repository, size, lock=True)
    c.execute(t.repository_blob.insert().values(repository_id=known, digest=digest, touched=now))
    add_bytes(c, known, size)


def size_in(c: Connection, repository: str, digest: Digest) -> int | None:
    """Return the size of a member, None for everything else."""
    return c.execute(_SIZE, {"repository": repository, "digest": digest}).scalar()


def find_to_mount(c: Connection, digest: Digest, source: str | None) -> int | None:
    """Return the size of a member of `source`, or of any repository, and keep the blob until the transaction ends."""
    found = (
        select(t.blob.c.size)
        .join(t.repository_blob, t.repository_blob.c.digest == t.blob.c.digest)
        .where(t.blob.c.digest == digest, t.blob.c.condemned_by.is_(None))
        .limit(1)
    )
    if source is not None:
        found = found.where(t.repository_blob.c.repository_id == number_of(source))
    # Locked, so that the bytes stay until they have one more owner.
    return c.execute(found.with_for_update(read=True, key_share=True, of=t.blob)).scalar()


def is_stale(c: Connection, repository: str, digest: Digest, before: float) -> bool:
    """Whether a member was not touched since `before`."""
    return c.execute(_STALE, {"repository": repository, "digest": digest, "before": before}).first() is not None


def touch(c: Connection, repository: str, digest: Digest, now: float) -> None:
    """Note that somebody counts on a member."""
    mine = t.repository_blob.c.repository_id == number_of(repository), t.repository_blob.c.digest == digest
    c.execute(update(t.repository_blob).where(*mine).values(touched=now))


def remove(c: Connection, repository: str, digest: Digest, now: float) -> bool:
    """End a membership; False when there was none. Raises BlobInUse."""
    _lock(c, [digest])
    known = lock_repository(c, repository)
    if known is None:
        return False
    member = t.repository_blob.c.repository_id == known, t.repository_blob.c.digest == digest
    if c.execute(select(t.repository_blob.c.digest).where(*member)).first() is None:
        return False
    holders = c.scalars(
        select(t.manifest.c.digest)
        .join(t.manifest_reference, t.manifest_reference.c.manifest_id == t.manifest.c.id)
        .where(t.manifest_reference.c.digest == digest, t.manifest.c.repository_id == known)
        .distinct()
        .order_by(t.manifest.c.digest)
    ).all()
    if holders:
        raise BlobInUse(repository, digest, [Digest(holder) for holder in holders])
    _end_membership(c, known, digest, now, *member)
    return True


# -- garbage


def find_unneeded(c: Connection, before: float, limit: int, last: Member | None) -> list[Member]:
    """See `MetadataStore.unneeded_blobs`."""
    key = t.repository_blob.c.repository_id, t.repository_blob.c.digest
    rows = select(*key).where(*_unneeded(before)).order_by(*key).limit(limit)
    if last is not None:
        rows = rows.where(tuple_(*key) > tuple_(*last))
    return [Member(known, Digest(digest)) for known, digest in c.execute(rows)]


def release(c: Connection, members: Sequence[Member], before: float, now: float) -> int:
    """See `MetadataStore.release_blobs`."""
    _lock(c, {digest for _, digest in members})
    lock_repositories(c, {known for known, _ in members})
    member = t.repository_blob.c
    return sum(
        _end_membership(
            c, known, digest, now, *_unneeded(before), member.repository_id == known, member.digest == digest
        )
        for known, digest in members
    )


def _unneeded(before: float) -> tuple[ColumnElement[bool], ...]:
    return t.repository_blob.c.touched < before, ~_NEEDED


def _end_membership(c: Connection, known: int, digest: str, now: float, *where: ColumnElement[bool]) -> bool:
    if not c.execute(delete(t.repository_blob).where(*where)).rowcount:
        return False
    add_bytes(c, known, -_size(c, digest))
    c.execute(update(t.blob).where(t.blob.c.digest == digest).values(touched=now))
    return True


def find_garbage(c: Connection, before: float, limit: int, last: str | None) -> list[tuple[Digest, int]]:
    """See `MetadataStore.garbage`."""
    rows = select(t.blob.c.digest, t.blob.c.size).where(
        t.blob.c.digest > (last or ""), t.blob.c.touched < before, ~_HELD
    )
    return [(Digest(digest), size) for digest, size in c.execute(rows.order_by(t.blob.c.digest).limit(limit))]


def condemn(c: Connection, digests: Sequence[Digest], before: float, holder: str, seconds: float) -> list[Digest]:
    """See `MetadataStore.condemn_blobs`."""
    # First the locks, which wait for who is about to give one an owner; only then whether it has one.
    _lock(c, digests)
    now = current_time(c)
    columns = t.blob.c.digest, t.blob.c.touched, t.blob.c.condemned_by, t.blob.c.condemned_until
    rows = select(*columns).where(t.blob.c.digest.in_(digests), ~_HELD).order_by(t.blob.c.digest)
    condemned = [
        Digest(digest)
        for digest, touched, by, until in c.execute(rows)
        if (touched < before if by is None else until <= now or is_gone(by))
    ]
    mine = {"condemned_by": holder, "condemned_until": now + seconds}
    c.execute(update(t.blob).where(t.blob.c.digest.in_(condemned)).values(mine))
    return condemned


def withdraw(c: Connection, digest: Digest, holder: str, seconds: float) -> None:
    """Condemn a blob that repositories have, and end their memberships: its bytes are not what they should be."""
    _lock(c, [digest])
    member = t.repository_blob.c
    holders = list(c.scalars(select(member.repository_id).where(member.digest == digest)))
    lock_repositories(c, holders)
    c.execute(delete(t.repository_blob).where(member.digest == digest))
    for known in holders:
        add_bytes(c, known, -_size(c, digest))
    mine = {"condemned_by": holder, "condemned_until": current_time(c) + seconds}
    c.execute(update(t.blob).where(t.blob.c.digest == digest).values(mine))


def keep_condemned(c: Connection, digests: Sequence[Digest], holder: str, seconds: float) -> None:
    """See `MetadataStore.keep_condemned`."""
    until = current_time(c) + seconds
    c.execute(update(t.blob).where(*_condemned(digests, holder)).values(condemned_until=until))


def spare(c: Connection, digests: Sequence[Digest], holder: str) -> None:
    """See `MetadataStore.spare_condemned`."""
    c.execute(update(t.blob).where(*_condemned(digests, holder)).values(_SPARED))


def forget(c: Connection, digests: Sequence[Digest], holder: str) -> int:
    """See `MetadataStore.forget_condemned`."""
    return c.execute(delete(t.blob).where(*_condemned(digests, holder))).rowcount


def _condemned(digests: Sequence[Digest], holder: str) -> tuple[ColumnElement[bool], ...]:
    return t.blob.c.digest.in_(digests), t.blob.c.condemned_by == holder


def free_bytes(c: Connection, known: int, digests: Sequence[str]) -> int:
    """Return the size of those members of a repository that no manifest of it names, and no other repository has."""
    elsewhere = t.repository_blob.alias()
    free = (
        select(func.coalesce(func.sum(t.blob.c.size), 0))
        .join(t.repository_blob, t.repository_blob.c.digest == t.blob.c.digest)
        .where(t.repository_blob.c.repository_id == known, t.blob.c.digest.in_(digests), ~_NEEDED)
        .where(~exists().where(elsewhere.c.digest == t.blob.c.digest, elsewhere.c.repository_id != known))
    )
    return int(c.execute(free).scalar_one())


def _size(c: Connection, digest: str) -> int:
    return int(c.execute(select(t.blob.c.size).where(t.blob.c.digest == digest)).scalar_one())


def _lock(c: Connection, digests: Iterable[str]) -> None:
    if c.dialect.name != "sqlite":
        rows = select(t.blob.c.digest).where(t.blob.c.digest.in_(digests)).order_by(t.blob.c.digest)
        c.execute(rows.with_for_update()).all()

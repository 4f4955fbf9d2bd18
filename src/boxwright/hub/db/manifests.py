"""Manifests and what refers to them: parts of transactions that have locked the repository, or only read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, or_, select, update

from boxwright.hub.db.blobs import free_bytes
from boxwright.hub.db.changes import MANIFEST, note_change, note_gone
from boxwright.hub.db.database import insert
from boxwright.hub.db.metadata import ContentMissing, Manifest, Referrer, Requirements
from boxwright.hub.db.repositories import number_of
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tags import DELETE, Moving, drop_tags
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted
from boxwright.oci.digest import Digest

_D = TypeVar("_D", bound=str)

_LIST_SIZE = 500  # digests in one IN (…): SQLite allows 32766 parameters, some builds 999

# What every pull asks. Built once, since building a statement costs more than running it.
_CONTENT = (
    t.manifest.c.digest,
    t.manifest.c.media_type,
    t.manifest.c.content,
    t.manifest.c.artifact_type,
    t.manifest.c.subject,
    t.manifest.c.annotations,
)
_BY_DIGEST = (
    select(*_CONTENT)
    .join_from(t.repository, t.manifest, t.manifest.c.repository_id == t.repository.c.id)
    .where(t.repository.c.name == bindparam("repository"), t.manifest.c.digest == bindparam("reference"))
)
_BY_TAG = (
    select(*_CONTENT)
    .select_from(t.repository)
    .join(t.tag, t.tag.c.repository_id == t.repository.c.id)
    .join(t.manifest, t.manifest.c.id == t.tag.c.manifest_id)
    .where(t.repository.c.name == bindparam("repository"), t.tag.c.name == bindparam("reference"))
)


def find_manifest(c: Connection, repository: str, reference: Digest | str) -> Manifest | None:
    """Return the manifest of a digest (a `Digest`) or of a tag (any other string)."""
    query = _BY_DIGEST if isinstance(reference, Digest) else _BY_TAG
    row = c.execute(query, {"repository": repository, "reference": reference}).first()
    if row is None:
        return None
    digest, media_type, content, artifact_type, subject, annotations = row
    return Manifest(
        Digest(digest),
        media_type,
        content,
        artifact_type,
        Digest(subject) if subject else None,
        json.loads(annotations),
    )


def check_requirements(
    c: Connection, repository: str, known: int | None, requirements: Requirements, *, sparse: bool
) -> None:
    """Raise ContentMissing when a repository lacks what a manifest needs; `sparse`: children may be absent."""
    missing = _missing(c, known, requirements.blobs, (t.repository_blob,))
    if not sparse:
        missing += _missing(c, known, requirements.children, (t.manifest, t.repository_blob))
    if missing:
        raise ContentMissing(repository, missing)


def store_manifest(c: Connection, known: int, one: Manifest, requirements: Requirements, now: float) -> int:
    """Return the number of the manifest, which may have been there."""
    row = insert(c, t.manifest).values(
        repository_id=known,
        digest=one.digest,
        media_type=one.media_type,
        artifact_type=one.artifact_type,
        subject=one.subject,
        annotations=json.dumps(dict(one.annotations)),
        size=len(one.content),
        created=now,
        content=one.content,
    )
    pushed_again = {"media_type": row.excluded.media_type, "artifact_type": row.excluded.artifact_type}
    upsert = row.on_conflict_do_update(index_elements=["repository_id", "digest"], set_=pushed_again)
    manifest_id: int = c.execute(upsert.returning(t.manifest.c.id)).scalar_one()
    references = [
        {"manifest_id": manifest_id, "digest": digest, "kind": kind}
        for kind, digests in zip(Requirements._fields, requirements, strict=True)
        for digest in digests
    ]
    if references:
        c.execute(insert(c, t.manifest_reference).on_conflict_do_nothing(), references)
    return manifest_id


def drop_manifest(moving: Moving, digest: str, *, action: str = DELETE) -> int | None:
    """Remove a manifest and its tags; None when there is none. Raises TagImmutable.

    Return how many bytes nothing needs any more.
    """
    c = moving.c
    mine = t.manifest.c.repository_id == moving.known, t.manifest.c.digest == digest
    manifest_id = c.execute(select(t.manifest.c.id).where(*mine)).scalar()
    if manifest_id is None:
        return None
    drop_tags(moving, t.tag.c.manifest_id == manifest_id, action=action)
    named = select(t.manifest_reference.c.digest).where(t.manifest_reference.c.manifest_id == manifest_id)
    digests = set(c.scalars(named))
    c.execute(delete(t.manifest).where(t.manifest.c.id == manifest_id))
    note_change(c, moving.known)
    note_gone(c, MANIFEST, digest)
    outbox.append(c, [deleted(moving.name, digest)])
    return sum(free_bytes(c, moving.known, some) for some in _batches(sorted(digests)))


def needs_note_of_pull(c: Connection, repository: str, digest: Digest, before: float) -> bool:
    """Whether it was not noted since `before` that somebody got a manifest."""
    stale = or_(t.manifest.c.pulled.is_(None), t.manifest.c.pulled < before)
    mine = t.manifest.c.repository_id == number_of(repository), t.manifest.c.digest == digest
    return c.execute(select(t.manifest.c.id).where(*mine, stale)).first() is not None


def note_pull(c: Connection, repository: str, digest: Digest, now: float) -> None:
    """Note that somebody got a manifest."""
    mine = t.manifest.c.repository_id == number_of(repository), t.manifest.c.digest == digest
    c.execute(update(t.manifest).where(*mine).values(pulled=now))


def list_referrers(
    c: Connection, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
) -> list[Referrer]:
    """See `MetadataStore.referrers`."""
    columns = "digest", "media_type", "size", "artifact_type", "annotations"
    found = (
        select(*(t.manifest.c[name] for name in columns))
        .where(t.manifest.c.repository_id == number_of(repository), t.manifest.c.subject == subject)
        .where(t.manifest.c.digest > (last or ""))
    )
    if artifact_type is not None:
        found = found.where(t.manifest.c.artifact_type == artifact_type)
    return [
        Referrer(Digest(digest), media_type, size, kind, json.loads(annotations))
        for digest, media_type, size, kind, annotations in c.execute(found.order_by(t.manifest.c.digest).limit(limit))
    ]


def _missing(c: Connection, known: int | None, digests: Sequence[Digest], tables: Iterable[Table]) -> list[Digest]:
    """Return those of `digests`, in order, that none of `tables` holds for the repository."""
    if known is None:
        return list(digests)
    found: set[str] = set()
    for some in _batches(digests):
        for table in tables:
            held = select(table.c.digest).where(table.c.repository_id == known, table.c.digest.in_(some))
            found.update(c.scalars(held))
    return [digest for digest in digests if digest not in found]


def _batches(digests: Sequence[_D]) -> Iterator[Sequence[_D]]:
    for first in range(0, len(digests), _LIST_SIZE):
        yield digests[first : first + _LIST_SIZE]

"""The metadata store in a `Database`: one implementation for SQLite and PostgreSQL.

What two transactions may decide about each other is settled by locks, always taken in this order: blob, repository,
membership. SQLite has one writer at a time and needs none of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, exc, exists, func, or_, select, update
from sqlalchemy.sql.expression import ColumnElement, ScalarSelect

from boxwright.hub.db.changes import MANIFEST, note_change, note_gone
from boxwright.hub.db.database import Database, current_time, insert, retried
from boxwright.hub.db.holders import is_gone
from boxwright.hub.db.metadata import (
    BlobInUse,
    ContentMissing,
    Hold,
    Manifest,
    Referrer,
    RepositoryUnknown,
    Requirements,
    Upload,
    UploadBusy,
)
from boxwright.hub.db.quotas import add_bytes, check_room
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tags import DELETE, Moving, drop_tags, point_tag
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted, mounted, pushed
from boxwright.oci.digest import Digest

_D = TypeVar("_D", bound=str)

_LIST_SIZE = 500  # digests in one IN (…): SQLite allows 32766 parameters, some builds 999

# What every push and pull asks. Built once, since building a statement costs more than running it.
_BLOB_SIZE = (
    select(t.blob.c.size)
    .select_from(t.repository)
    .join(t.repository_blob, t.repository_blob.c.repository_id == t.repository.c.id)
    .join(t.blob, t.blob.c.digest == t.repository_blob.c.digest)
    .where(t.repository.c.name == bindparam("repository"), t.repository_blob.c.digest == bindparam("digest"))
)
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
_STALE = (
    select(t.repository_blob.c.digest)
    .join(t.repository, t.repository_blob.c.repository_id == t.repository.c.id)
    .where(
        t.repository.c.name == bindparam("repository"),
        t.repository_blob.c.digest == bindparam("digest"),
        t.repository_blob.c.touched < bindparam("before"),
    )
)
_REPOSITORY_ID = select(t.repository.c.id).where(t.repository.c.name == bindparam("repository"))
_LOCKED_ID = _REPOSITORY_ID.with_for_update(key_share=True)

_UPLOAD_COLUMNS = t.upload.c.id, t.upload.c.repository, t.upload.c.owner, t.upload.c.started, t.upload.c.client
_UPLOAD = select(*_UPLOAD_COLUMNS).where(t.upload.c.id == bindparam("id"))
_UPLOADS_OF = select(func.count()).select_from(t.upload).where(t.upload.c.client == bindparam("client"))
_ALL_UPLOADS = select(*_UPLOAD_COLUMNS).order_by(t.upload.c.id)

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


class SQLMetadata:
    """A `MetadataStore` in a database, which it closes."""

    __slots__ = ("_db",)

    def __init__(self, db: Database) -> None:
        self._db = db

    def close(self) -> None:
        self._db.close()

    # -- blobs

    @retried
    def claim_blob(self, digest: Digest, size: int) -> None:
        with self._db.write() as c:
            touch_blob(c, digest, size, time.time())

    @retried
    def add_blob(self, repository: str, digest: Digest, size: int, *, upload: str | None = None) -> None:
        now = time.time()
        with self._db.write() as c:
            touch_blob(c, digest, size, now)
            link_blob(c, repository, digest, size, now)
            if upload is not None:
                _remove_upload(c, upload)

    @retried
    def check_room(self, repository: str, size: int) -> None:
        with self._db.read() as c:
            check_room(c, repository, size, lock=False)

    @retried
    def blob_size(self, repository: str, digest: Digest) -> int | None:
        with self._db.read() as c:
            return c.execute(_BLOB_SIZE, {"repository": repository, "digest": digest}).scalar()

    @retried
    def mount_blob(self, repository: str, digest: Digest, source: str | None) -> bool:
        found = (
            select(t.blob.c.size)
            .join(t.repository_blob, t.repository_blob.c.digest == t.blob.c.digest)
            .where(t.blob.c.digest == digest)
            .limit(1)
        )
        if source is not None:
            found = found.where(t.repository_blob.c.repository_id == _known(source))
        with self._db.write() as c:
            # Locked, so that the bytes stay until they have one more owner.
            size = c.execute(found.with_for_update(read=True, key_share=True, of=t.blob)).scalar()
            if size is None:
                return False
            link_blob(c, repository, digest, size, time.time())
            outbox.append(c, [mounted(repository, digest, source or "", size)])
            return True

    @retried
    def touch_blob(self, repository: str, digest: Digest, *, older: float) -> None:
        now = time.time()
        # Looked at first: readers never wait for the one writer.
        with self._db.read() as c:
            key = {"repository": repository, "digest": digest, "before": now - older}
            if c.execute(_STALE, key).first() is None:
                return
        with self._db.write(durable=False) as c:
            c.execute(
                update(t.repository_blob)
                .where(t.repository_blob.c.repository_id == _known(repository), t.repository_blob.c.digest == digest)
                .values(touched=now)
            )

    @retried
    def remove_blob(self, repository: str, digest: Digest) -> bool:
        with self._db.write() as c:
            _lock_blobs(c, [digest])
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
            c.execute(delete(t.repository_blob).where(*member))
            add_bytes(c, known, -_size(c, digest))
            c.execute(update(t.blob).where(t.blob.c.digest == digest).values(touched=time.time()))
            return True

    # -- garbage

    @retried
    def release_blobs(self, before: float, *, limit: int) -> int:
        key = t.repository_blob.c.repository_id, t.repository_blob.c.digest
        unneeded = t.repository_blob.c.touched < before, ~_NEEDED
        # Found without a transaction, since readers never make the writer wait; asked again in one, row by row.
        with self._db.read() as c:
            rows = c.execute(select(*key).where(*unneeded).limit(limit)).all()
        if not rows:
            return 0
        now, released = time.time(), 0
        with self._db.write() as c:
            _lock_blobs(c, {digest for _, digest in rows})
            _lock_repositories(c, {known for known, _ in rows})
            for known, digest in rows:
                gone = c.execute(delete(t.repository_blob).where(*unneeded, key[0] == known, key[1] == digest))
                if gone.rowcount:
                    add_bytes(c, known, -_size(c, digest))
                    c.execute(update(t.blob).where(t.blob.c.digest == digest).values(touched=now))
                    released += 1
        return released

    @retried
    def garbage(self, before: float) -> list[tuple[Digest, int]]:
        with self._db.read() as c:
            rows = c.execute(select(t.blob.c.digest, t.blob.c.size).where(*_garbage(before)))
            return [(Digest(digest), size) for digest, size in rows]

    @retried
    def destroy_blob(self, digest: Digest, before: float, destroy: Callable[[], object]) -> bool:
        with self._db.write() as c:
            try:
                gone = c.execute(delete(t.blob).where(*_garbage(before), t.blob.c.digest == digest))
            except exc.IntegrityError:
                return False  # a repository got it while we waited for the row
            if gone.rowcount == 0:
                return False
            destroy()
            return True

    # -- manifests and tags

    @retried
    def put_manifest(
        self, repository: str, manifest: Manifest, requirements: Requirements, tags: Sequence[str], *, sparse: bool
    ) -> None:
        with self._db.write() as c:
            known = lock_repository(c, repository)
            missing = _missing(c, known, requirements.blobs, (t.repository_blob,))
            if not sparse:
                missing += _missing(c, known, requirements.children, (t.manifest, t.repository_blob))
            if missing:
                raise ContentMissing(repository, missing)
            if known is None:
                make_repository(c, repository)
                known = lock_repository(c, repository)
            assert known is not None, "it was made"
            now = time.time()
            manifest_id = _put_manifest(c, known, manifest, requirements, now)
            note_change(c, known)
            moving = Moving.of(c, repository, known)
            for name in tags:
                point_tag(moving, name, manifest_id, manifest.digest)
            outbox.append(c, [pushed(repository, manifest, name) for name in tags or ("",)])

    @retried
    def manifest(self, repository: str, reference: Digest | str) -> Manifest | None:
        query = _BY_DIGEST if isinstance(reference, Digest) else _BY_TAG
        with self._db.read() as c:
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

    @retried
    def remove_manifest(self, repository: str, digest: Digest) -> int | None:
        with self._db.write() as c:
            known = lock_repository(c, repository)
            return drop_manifest(Moving.of(c, repository, known), digest) if known is not None else None

    @retried
    def remove_tag(self, repository: str, tag: str) -> bool:
        with self._db.write() as c:
            known = lock_repository(c, repository)
            if known is None:
                return False
            dropped = drop_tags(Moving.of(c, repository, known), t.tag.c.name == tag)
            outbox.append(c, [deleted(repository, digest, name) for name, digest in dropped])
            return bool(dropped)

    @retried
    def note_pull(self, repository: str, digest: Digest, *, older: float) -> None:
        now = time.time()
        mine = t.manifest.c.repository_id == _known(repository), t.manifest.c.digest == digest
        stale = or_(t.manifest.c.pulled.is_(None), t.manifest.c.pulled < now - older)
        with self._db.read() as c:
            if c.execute(select(t.manifest.c.id).where(*mine, stale)).first() is None:
                return
        with self._db.write(durable=False) as c:
            c.execute(update(t.manifest).where(*mine).values(pulled=now))

    # -- listings

    @retried
    def tags(self, repository: str, *, limit: int, last: str | None) -> list[str]:
        with self._db.read() as c:
            known = find_repository(c, repository)
            if known is None:
                raise RepositoryUnknown(repository)
            named = select(t.tag.c.name).where(t.tag.c.repository_id == known, t.tag.c.name > (last or ""))
            return list(c.scalars(named.order_by(t.tag.c.name).limit(limit)))

    @retried
    def repositories(self, *, limit: int, last: str | None, containing: str = "") -> list[str]:
        filled = exists(t.manifest.c.id).where(t.manifest.c.repository_id == t.repository.c.id)
        with self._db.read() as c:
            named = select(t.repository.c.name).where(t.repository.c.name > (last or ""), filled)
            if containing:
                named = named.where(t.repository.c.name.contains(containing, autoescape=True))
            return list(c.scalars(named.order_by(t.repository.c.name).limit(limit)))

    @retried
    def referrers(
        self, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
    ) -> list[Referrer]:
        columns = "digest", "media_type", "size", "artifact_type", "annotations"
        found = (
            select(*(t.manifest.c[name] for name in columns))
            .where(t.manifest.c.repository_id == _known(repository), t.manifest.c.subject == subject)
            .where(t.manifest.c.digest > (last or ""))
        )
        if artifact_type is not None:
            found = found.where(t.manifest.c.artifact_type == artifact_type)
        with self._db.read() as c:
            return [
                Referrer(Digest(digest), media_type, size, kind, json.loads(annotations))
                for digest, media_type, size, kind, annotations in c.execute(
                    found.order_by(t.manifest.c.digest).limit(limit)
                )
            ]

    # -- uploads

    @retried
    def add_upload(self, upload: Upload, holder: str | None = None) -> None:
        with self._db.write(durable=False) as c:
            c.execute(t.upload.insert().values(**upload._asdict(), holder=holder))

    @retried
    def upload(self, upload_id: str) -> Upload | None:
        with self._db.read() as c:
            row = c.execute(_UPLOAD, {"id": upload_id}).first()
        return Upload(*row) if row else None

    @retried
    def hold_upload(self, upload_id: str, holder: str, seconds: float) -> Hold | None:
        columns = *_UPLOAD_COLUMNS, t.upload.c.holder, t.upload.c.held_until
        mine = t.upload.c.id == upload_id
        with self._db.write(durable=False) as c:
            row = c.execute(select(*columns).where(mine).with_for_update()).first()
            if row is None:
                return None
            *fields, previous, until = row
            now = current_time(c)
            broken = until is not None and previous != holder
            if broken and until > now and not is_gone(previous):
                raise UploadBusy(upload_id)
            c.execute(update(t.upload).where(mine).values(holder=holder, held_until=now + seconds))
            return Hold(Upload(*fields), previous, broken)

    @retried
    def extend_hold(self, upload_id: str, holder: str, seconds: float) -> bool:
        mine = t.upload.c.id == upload_id, t.upload.c.holder == holder, t.upload.c.held_until.is_not(None)
        with self._db.write(durable=False) as c:
            return c.execute(update(t.upload).where(*mine).values(held_until=current_time(c) + seconds)).rowcount > 0

    @retried
    def release_upload(self, upload_id: str, holder: str) -> None:
        mine = t.upload.c.id == upload_id, t.upload.c.holder == holder
        with self._db.write(durable=False) as c:
            c.execute(update(t.upload).where(*mine).values(held_until=None))

    @retried
    def count_uploads(self, client: str) -> int:
        with self._db.read() as c:
            return c.execute(_UPLOADS_OF, {"client": client}).scalar_one()

    @retried
    def uploads(self) -> list[Upload]:
        with self._db.read() as c:
            return [Upload(*row) for row in c.execute(_ALL_UPLOADS)]

    @retried
    def remove_upload(self, upload_id: str) -> bool:
        with self._db.write(durable=False) as c:
            return _remove_upload(c, upload_id)


# Parts of a transaction, for whoever has one.


def find_repository(c: Connection, name: str) -> int | None:
    """Return the repository's number, None when it is unknown."""
    return c.execute(_REPOSITORY_ID, {"repository": name}).scalar()


def lock_repository(c: Connection, name: str) -> int | None:
    """Return the repository's number and keep its manifests, tags and memberships to this transaction."""
    return c.execute(_LOCKED_ID, {"repository": name}).scalar()


def make_repository(c: Connection, name: str) -> int:
    """Return the repository's number; created when it is new."""
    found = find_repository(c, name)
    if found is None:
        c.execute(insert(c, t.repository).values(name=name).on_conflict_do_nothing())
        found = find_repository(c, name)
        assert found is not None, "an inserted row is there"
    return found


def touch_blob(c: Connection, digest: Digest, size: int, now: float) -> None:
    """Note that somebody counts on a blob, which may be new."""
    row = insert(c, t.blob).values(digest=digest, size=size, touched=now)
    c.execute(row.on_conflict_do_update(index_elements=["digest"], set_={"touched": now}))


def link_blob(c: Connection, repository: str, digest: Digest, size: int, now: float) -> None:
    """Make a blob a member of `repository`, which may be new. Raises QuotaExceeded."""
    known = make_repository(c, repository)
    lock_repository(c, repository)
    member = t.repository_blob.c.repository_id == known, t.repository_blob.c.digest == digest
    if c.execute(update(t.repository_blob).where(*member).values(touched=now)).rowcount:
        return
    check_room(c, repository, size, lock=True)
    c.execute(t.repository_blob.insert().values(repository_id=known, digest=digest, touched=now))
    add_bytes(c, known, size)


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
    return sum(_free_bytes(c, moving.known, some) for some in _batches(sorted(digests)))


def _free_bytes(c: Connection, known: int, digests: Sequence[str]) -> int:
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


def _batches(digests: Sequence[_D]) -> Iterator[Sequence[_D]]:
    for first in range(0, len(digests), _LIST_SIZE):
        yield digests[first : first + _LIST_SIZE]


def _known(name: str) -> ScalarSelect[int]:
    return select(t.repository.c.id).where(t.repository.c.name == name).scalar_subquery()


def _garbage(before: float) -> tuple[ColumnElement[bool], ...]:
    held = exists(t.repository_blob.c.digest).where(t.repository_blob.c.digest == t.blob.c.digest)
    return t.blob.c.touched < before, ~held


def _lock_blobs(c: Connection, digests: Iterable[str]) -> None:
    if c.dialect.name != "sqlite":
        rows = select(t.blob.c.digest).where(t.blob.c.digest.in_(digests)).order_by(t.blob.c.digest)
        c.execute(rows.with_for_update()).all()


def _lock_repositories(c: Connection, known: Iterable[int]) -> None:
    if c.dialect.name != "sqlite":
        rows = select(t.repository.c.id).where(t.repository.c.id.in_(known)).order_by(t.repository.c.id)
        c.execute(rows.with_for_update(key_share=True)).all()


def _put_manifest(c: Connection, known: int, one: Manifest, requirements: Requirements, now: float) -> int:
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


def _remove_upload(c: Connection, upload_id: str) -> bool:
    return c.execute(delete(t.upload).where(t.upload.c.id == upload_id)).rowcount > 0

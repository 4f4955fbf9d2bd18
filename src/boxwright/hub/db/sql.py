"""The metadata store in a `Database`: one implementation for SQLite and PostgreSQL.

Each method is one transaction, put together from parts that take its connection: `blobs`, `manifests`, `uploads`,
`repositories`, `tags`. What is only perhaps to be written is looked up first without one, since readers never wait for
the one writer that SQLite has, and never make it wait.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select

from boxwright.hub.db import blobs, manifests, uploads
from boxwright.hub.db.changes import note_change
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.metadata import Hold, Manifest, Member, Referrer, RepositoryUnknown, Requirements, Upload
from boxwright.hub.db.quotas import check_room
from boxwright.hub.db.repositories import find_repository, list_repositories, lock_repository, make_repository
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tags import Moving, drop_tags, point_tag
from boxwright.hub.events import outbox
from boxwright.hub.events.event import deleted, mounted, pushed
from boxwright.oci.digest import Digest


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
            blobs.claim(c, digest, size, time.time())

    @retried
    def add_blob(self, repository: str, digest: Digest, size: int, *, upload: str | None = None) -> None:
        now = time.time()
        with self._db.write() as c:
            blobs.claim(c, digest, size, now)
            blobs.link(c, repository, digest, size, now)
            if upload is not None:
                uploads.remove_upload(c, upload)

    @retried
    def check_room(self, repository: str, size: int) -> None:
        with self._db.read() as c:
            check_room(c, repository, size, lock=False)

    @retried
    def blob_size(self, repository: str, digest: Digest) -> int | None:
        with self._db.read() as c:
            return blobs.size_in(c, repository, digest)

    @retried
    def mount_blob(self, repository: str, digest: Digest, source: str | None) -> bool:
        with self._db.write() as c:
            size = blobs.find_to_mount(c, digest, source)
            if size is None:
                return False
            blobs.link(c, repository, digest, size, time.time())
            outbox.append(c, [mounted(repository, digest, source or "", size)])
            return True

    @retried
    def touch_blob(self, repository: str, digest: Digest, *, older: float) -> None:
        now = time.time()
        with self._db.read() as c:
            if not blobs.is_stale(c, repository, digest, now - older):
                return
        with self._db.write(durable=False) as c:
            blobs.touch(c, repository, digest, now)

    @retried
    def remove_blob(self, repository: str, digest: Digest) -> bool:
        with self._db.write() as c:
            return blobs.remove(c, repository, digest, time.time())

    # -- garbage

    @retried
    def unneeded_blobs(self, before: float, *, limit: int, last: Member | None) -> list[Member]:
        with self._db.read() as c:
            return blobs.find_unneeded(c, before, limit, last)

    @retried
    def release_blobs(self, members: Sequence[Member], before: float) -> int:
        with self._db.write() as c:
            return blobs.release(c, members, before, time.time())

    @retried
    def garbage(self, before: float, *, limit: int, last: Digest | None) -> list[tuple[Digest, int]]:
        with self._db.read() as c:
            return blobs.find_garbage(c, before, limit, last)

    @retried
    def condemn_blobs(self, digests: Sequence[Digest], before: float, holder: str, seconds: float) -> list[Digest]:
        with self._db.write() as c:
            return blobs.condemn(c, digests, before, holder, seconds)

    @retried
    def keep_condemned(self, digests: Sequence[Digest], holder: str, seconds: float) -> None:
        with self._db.write(durable=False) as c:
            blobs.keep_condemned(c, digests, holder, seconds)

    @retried
    def spare_condemned(self, digests: Sequence[Digest], holder: str) -> None:
        with self._db.write(durable=False) as c:
            blobs.spare(c, digests, holder)

    @retried
    def forget_condemned(self, digests: Sequence[Digest], holder: str) -> int:
        with self._db.write() as c:
            return blobs.forget(c, digests, holder)

    # -- manifests and tags

    @retried
    def put_manifest(
        self, repository: str, manifest: Manifest, requirements: Requirements, tags: Sequence[str], *, sparse: bool
    ) -> None:
        with self._db.write() as c:
            known = lock_repository(c, repository)
            manifests.check_requirements(c, repository, known, requirements, sparse=sparse)
            if known is None:
                make_repository(c, repository)
                known = lock_repository(c, repository)
            assert known is not None, "it was made"
            manifest_id = manifests.store_manifest(c, known, manifest, requirements, time.time())
            note_change(c, known)
            moving = Moving.of(c, repository, known)
            for name in tags:
                point_tag(moving, name, manifest_id, manifest.digest)
            outbox.append(c, [pushed(repository, manifest, name) for name in tags or ("",)])

    @retried
    def manifest(self, repository: str, reference: Digest | str) -> Manifest | None:
        with self._db.read() as c:
            return manifests.find_manifest(c, repository, reference)

    @retried
    def remove_manifest(self, repository: str, digest: Digest) -> int | None:
        with self._db.write() as c:
            known = lock_repository(c, repository)
            if known is None:
                return None
            return manifests.drop_manifest(Moving.of(c, repository, known), digest)

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
        with self._db.read() as c:
            if not manifests.needs_note_of_pull(c, repository, digest, now - older):
                return
        with self._db.write(durable=False) as c:
            manifests.note_pull(c, repository, digest, now)

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
        with self._db.read() as c:
            return list_repositories(c, limit=limit, last=last, containing=containing)

    @retried
    def referrers(
        self, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
    ) -> list[Referrer]:
        with self._db.read() as c:
            return manifests.list_referrers(c, repository, subject, artifact_type=artifact_type, limit=limit, last=last)

    # -- uploads

    @retried
    def add_upload(self, upload: Upload, holder: str | None = None) -> None:
        with self._db.write(durable=False) as c:
            uploads.add_upload(c, upload, holder)

    @retried
    def upload(self, upload_id: str) -> Upload | None:
        with self._db.read() as c:
            return uploads.find_upload(c, upload_id)

    @retried
    def hold_upload(self, upload_id: str, holder: str, seconds: float) -> Hold | None:
        with self._db.write(durable=False) as c:
            return uploads.hold_upload(c, upload_id, holder, seconds)

    @retried
    def extend_hold(self, upload_id: str, holder: str, seconds: float) -> bool:
        with self._db.write(durable=False) as c:
            return uploads.extend_hold(c, upload_id, holder, seconds)

    @retried
    def release_upload(self, upload_id: str, holder: str) -> None:
        with self._db.write(durable=False) as c:
            uploads.release_upload(c, upload_id, holder)

    @retried
    def count_uploads(self, client: str) -> int:
        with self._db.read() as c:
            return uploads.count_uploads(c, client)

    @retried
    def uploads(self) -> list[Upload]:
        with self._db.read() as c:
            return uploads.list_uploads(c)

    @retried
    def remove_upload(self, upload_id: str) -> bool:
        with self._db.write(durable=False) as c:
            return uploads.remove_upload(c, upload_id)

"""Makes a registry's database again from its storage.

What comes back are repositories, manifests, tags and the blobs that manifests name: everything that can be pulled, as
it was when the storage recorded it last. Accounts, tokens, rules, webhooks, tag history and open uploads were in the
database alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import select, update

from boxwright.errors import ConflictError, CorruptError
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.metadata import Manifest, Requirements
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import registry as t
from boxwright.hub.registry.document import InvalidDocument, read_document
from boxwright.hub.rescue.record import REPOSITORIES, Entry, Record, RecordBroken, manifest_key
from boxwright.hub.storage.base import BlobStorage
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple


class DatabaseInUse(ConflictError):
    """A database that has repositories is not overwritten."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the database {name} has repositories already",
            hint="move it away, or give another one with --database; hub fsck repairs what is damaged",
        )


class Rebuilt(NamedTuple):
    """What came back."""

    repositories: int = 0
    manifests: int = 0
    tags: int = 0
    blobs: int = 0
    """With those that nothing names, which garbage collection will take."""
    lost: int = 0
    """Records that could not be read, and manifests whose bytes are missing."""
    incomplete: int = 0
    """Manifests of which blobs are missing; they are there, and a push of the image completes them."""


class Rebuilder:
    """Writes into an empty database. Killed, it leaves one to be moved away."""

    __slots__ = ("_db", "_metadata", "_storage", "_tell")

    def __init__(self, storage: BlobStorage, db: Database, tell: Callable[[str], None] = lambda line: None) -> None:
        """`tell` is called with a line for everything that does not come back whole."""
        self._storage = storage
        self._db = db
        self._metadata = SQLMetadata(db)
        self._tell = tell

    def rebuild(self) -> Rebuilt:
        """Raises DatabaseInUse."""
        if self._metadata_has_content():
            raise DatabaseInUse(self._db.name)
        done = Rebuilt()
        for record in self._records():
            if record is None:
                done = done._replace(lost=done.lost + 1)
            else:
                done = self._restore(record, done)
        blobs = 0
        for digest in self._storage.blobs():
            size = self._storage.size(digest)
            if size is not None:
                # What no manifest names is claimed: garbage, which waits as all garbage does.
                self._metadata.claim_blob(digest, size)
                blobs += 1
        return done._replace(blobs=blobs)

    @retried
    def _metadata_has_content(self) -> bool:
        with self._db.read() as c:
            return c.execute(select(t.repository.c.id).limit(1)).first() is not None

    def _records(self) -> Iterator[Record | None]:
        for key in self._storage.records(REPOSITORIES):
            raw = self._storage.record(key)
            try:
                yield Record.read(key, raw) if raw is not None else None
            except RecordBroken as error:
                self._tell(error.message)
                yield None

    def _restore(self, record: Record, done: Rebuilt) -> Rebuilt:
        tags: dict[Digest, list[Entry]] = {}
        for entry in record.entries:
            tags.setdefault(entry.digest, []).append(entry)
        manifests = lost = incomplete = 0
        for digest, entries in tags.items():
            try:
                whole = self._restore_manifest(record.name, digest, entries)
            except (CorruptError, InvalidDocument) as error:
                self._tell(f"{record.name}@{digest}: {error.message}")
                lost += 1
                continue
            manifests += 1
            if not whole:
                self._tell(f"{record.name}@{digest}: blobs are missing")
                incomplete += 1
        return done._replace(
            repositories=done.repositories + bool(manifests),
            manifests=done.manifests + manifests,
            tags=done.tags + sum(1 for entry in record.entries if entry.tag),
            lost=done.lost + lost,
            incomplete=done.incomplete + incomplete,
        )

    def _restore_manifest(self, name: str, digest: Digest, entries: list[Entry]) -> bool:
        """Return whether all blobs that it needs are there. Raises CorruptError, InvalidDocument."""
        raw = self._storage.record(manifest_key(digest))
        if raw is None:
            raise CorruptError("the storage does not have the manifest")
        document = read_document(raw, entries[0].media_type)
        whole = True
        for blob in dict.fromkeys((*document.requirements.blobs, *document.requirements.children)):
            size = self._storage.size(blob)
            if size is not None:
                self._metadata.add_blob(name, blob, size)
            elif blob in document.requirements.blobs:
                whole = False
        for blob in document.requirements.optional:
            if (size := self._storage.size(blob)) is not None:
                self._metadata.add_blob(name, blob, size)
        manifest = Manifest(
            digest, document.media_type, raw, document.artifact_type, document.subject, document.annotations
        )
        named = document.requirements
        if not whole:
            named = Requirements((), named.children, (*named.blobs, *named.optional))
        tags = [entry.tag for entry in entries if entry.tag]
        self._metadata.put_manifest(name, manifest, named, tags, sparse=True)
        self._set_times(name, digest, entries)
        return whole

    @retried
    def _set_times(self, name: str, digest: Digest, entries: list[Entry]) -> None:
        """Retention goes by them."""
        repository = select(t.repository.c.id).where(t.repository.c.name == name).scalar_subquery()
        m, tag = t.manifest.c, t.tag.c
        with self._db.write(durable=False) as c:
            first = min(entry.time for entry in entries)
            c.execute(
                update(t.manifest)
                .where(m.repository_id == repository, m.digest == digest)
                .values(created=first, recorded=True)
            )
            for entry in entries:
                if entry.tag:
                    mine = tag.repository_id == repository, tag.name == entry.tag
                    c.execute(update(t.tag).where(*mine).values(updated=entry.time))

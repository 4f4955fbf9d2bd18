"""Compares a registry's storage with its database, and repairs what can be repaired. A server may run beside it.

Nothing is destroyed by a repair but bytes that are not what their digest says: no client could use them, and as long as
they are there, no push brings the right ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import func, select, update

from boxwright.hub.db import blobs
from boxwright.hub.db.changes import note_change
from boxwright.hub.db.database import Database, retried
from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import registry as t
from boxwright.hub.rescue.record import REPOSITORIES, Record, RecordBroken, manifest_key, repository_key
from boxwright.hub.storage.base import BlobMissing, BlobStorage
from boxwright.hub.storage.claims import CONDEMNED_SECONDS, claim, forget
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

_PAGE = 1000
_READ = 4 << 20

MISSING = "blob is missing"
DAMAGED = "blob is damaged"
UNKNOWN = "blob is unknown to the database"
INCOMPLETE = "manifest lacks blobs"
FALSIFIED = "manifest is damaged"
MISCOUNTED = "size of a repository is wrong"
UNRECORDED = "record is missing or damaged"
LEFT_OVER = "record of a repository that is no more"


class Finding(NamedTuple):
    """Something that is wrong."""

    kind: str
    subject: str
    detail: str = ""
    repaired: bool = False


class Checker:
    """One check; `full` reads every blob, `repair` repairs what it can."""

    __slots__ = ("_db", "_full", "_metadata", "_repair", "_storage", "_tell")

    def __init__(
        self,
        storage: BlobStorage,
        db: Database,
        *,
        full: bool = False,
        repair: bool = False,
        tell: Callable[[Finding], None] = lambda finding: None,
    ) -> None:
        self._storage = storage
        self._db = db
        self._metadata = SQLMetadata(db)
        self._full = full
        self._repair = repair
        self._tell = tell

    def check(self) -> list[Finding]:
        """Look through everything, and return what is wrong. Each finding is also told when it is made."""
        findings: list[Finding] = []
        for part in (self._blobs, self._files, self._manifests, self._sizes, self._records):
            for finding in part():
                self._tell(finding)
                findings.append(finding)
        return findings

    # -- blobs

    def _blobs(self) -> Iterator[Finding]:
        """What the database has: is it there, and whole?"""
        last = ""
        while page := self._page_of_blobs(last):
            for digest, size in page:
                if wrong := self._inspect(Digest(digest), size):
                    kind, detail = wrong
                    if self._repair:
                        self._withdraw(Digest(digest))
                    yield Finding(kind, digest, detail, self._repair)
            last = page[-1][0]

    @retried
    def _page_of_blobs(self, last: str) -> Sequence[tuple[str, int]]:
        b = t.blob.c
        held = select(t.repository_blob.c.digest).where(t.repository_blob.c.digest == b.digest).exists()
        with self._db.read() as c:
            rows = select(b.digest, b.size).where(b.digest > last, held).order_by(b.digest).limit(_PAGE)
            return [(digest, size) for digest, size in c.execute(rows)]

    def _inspect(self, digest: Digest, size: int) -> tuple[str, str] | None:
        found = self._storage.size(digest)
        if found is None:
            return MISSING, f"{size} bytes"
        if found != size:
            return DAMAGED, f"{found} bytes instead of {size}"
        if self._full and not self._is_whole(digest):
            return DAMAGED, "other content"
        return None

    def _is_whole(self, digest: Digest) -> bool:
        running = hashlib.new(digest.algorithm)
        try:
            with self._storage.open(digest) as stream:
                while chunk := stream.read(_READ):
                    running.update(chunk)
        except BlobMissing:
            return False
        return running.hexdigest() == digest.hex

    def _withdraw(self, digest: Digest) -> None:
        """Have no repository say that it has a blob, and destroy what is there of it: the next push brings it.

        A kill in the middle leaves it condemned: a push destroys it before it believes that the bytes are there.
        """
        holder = new_holder()
        self._condemn(digest, holder)
        self._storage.delete(digest)
        forget(self._metadata, [digest], holder)

    @retried
    def _condemn(self, digest: Digest, holder: str) -> None:
        with self._db.write() as c:
            blobs.withdraw(c, digest, holder, CONDEMNED_SECONDS)

    def _files(self) -> Iterator[Finding]:
        """What the storage has: does the database know of it?"""
        page: list[Digest] = []
        for digest in self._storage.blobs():
            page.append(digest)
            if len(page) == _PAGE:
                yield from self._unknown(page)
                page.clear()
        yield from self._unknown(page)

    def _unknown(self, page: Sequence[Digest]) -> Iterator[Finding]:
        known = self._known(page)
        for digest in page:
            # Bytes are claimed before they get their name: what is not known was not stored a moment ago.
            size = self._storage.size(digest)
            if digest in known or size is None:
                continue
            if self._repair:
                claim(self._storage, self._metadata, digest, size)  # garbage, which waits as all garbage does
            yield Finding(UNKNOWN, digest, f"{size} bytes", self._repair)

    @retried
    def _known(self, page: Sequence[Digest]) -> set[str]:
        with self._db.read() as c:
            return set(c.scalars(select(t.blob.c.digest).where(t.blob.c.digest.in_(page))))

    # -- manifests

    def _manifests(self) -> Iterator[Finding]:
        last = 0
        while page := self._page_of_manifests(last):
            for number, name, digest, content in page:
                subject = f"{name}@{digest}"
                if hashlib.new(Digest(digest).algorithm, content).hexdigest() != Digest(digest).hex:
                    yield Finding(FALSIFIED, subject, self._replace(number, Digest(digest)), self._repaired(number))
                if lacks := self._lacking(number):
                    yield Finding(INCOMPLETE, subject, f"push it again: {', '.join(lacks)}")
            last = page[-1][0]

    @retried
    def _page_of_manifests(self, last: int) -> Sequence[tuple[int, str, str, bytes]]:
        m = t.manifest.c
        with self._db.read() as c:
            rows = (
                select(m.id, t.repository.c.name, m.digest, m.content)
                .join(t.repository, t.repository.c.id == m.repository_id)
                .where(m.id > last)
                .order_by(m.id)
                .limit(_PAGE // 10)
            )
            return [(number, name, digest, content) for number, name, digest, content in c.execute(rows)]

    def _replace(self, number: int, digest: Digest) -> str:
        """Take a manifest's bytes from its record, if this is whole; say what was done."""
        raw = self._storage.record(manifest_key(digest))
        if raw is None or hashlib.new(digest.algorithm, raw).hexdigest() != digest.hex:
            return "push it again: there is no record of it"
        if not self._repair:
            return "there is a record of it"
        self._write_content(number, raw)
        return "taken from its record"

    @retried
    def _write_content(self, number: int, raw: bytes) -> None:
        with self._db.write() as c:
            c.execute(update(t.manifest).where(t.manifest.c.id == number).values(content=raw, size=len(raw)))

    @retried
    def _repaired(self, number: int) -> bool:
        with self._db.read() as c:
            row = c.execute(select(t.manifest.c.digest, t.manifest.c.content).where(t.manifest.c.id == number)).one()
        digest = Digest(row.digest)
        return bool(hashlib.new(digest.algorithm, row.content).hexdigest() == digest.hex)

    @retried
    def _lacking(self, number: int) -> list[str]:
        """Return the blobs that a manifest needs and its repository does not have."""
        f, m, link = t.manifest_reference.c, t.manifest.c, t.repository_blob.c
        there = (
            select(link.digest)
            .where(link.digest == f.digest, link.repository_id == m.repository_id)
            .correlate(t.manifest_reference, t.manifest)
        ).exists()
        rows = (
            select(f.digest)
            .join(t.manifest, m.id == f.manifest_id)
            .where(f.manifest_id == number, f.kind == "blobs", ~there)
            .order_by(f.digest)
        )
        with self._db.read() as c:
            return list(c.scalars(rows))

    # -- counts and records

    @retried
    def _sizes(self) -> list[Finding]:
        counted = (
            select(func.coalesce(func.sum(t.blob.c.size), 0))
            .join(t.repository_blob, t.repository_blob.c.digest == t.blob.c.digest)
            .where(t.repository_blob.c.repository_id == t.repository.c.id)
            .correlate(t.repository)
            .scalar_subquery()
        )
        r = t.repository.c
        with self._db.write() as c:
            wrong = c.execute(select(r.id, r.name, r.bytes, counted).where(r.bytes != counted)).all()
            for known, _, _, right in wrong if self._repair else ():
                c.execute(update(t.repository).where(r.id == known).values(bytes=right))
        return [
            Finding(MISCOUNTED, name, f"{bytes_} bytes instead of {right}", self._repair)
            for _, name, bytes_, right in wrong
        ]

    def _records(self) -> Iterator[Finding]:
        """Is everything recorded that claims to be, and nothing that is no more?"""
        last = ""
        while page := self._page_of_repositories(last):
            for known, name in page:
                if wrong := self._misrecorded(known, name):
                    if self._repair:
                        self._record_again(known)
                    yield Finding(UNRECORDED, name, wrong, self._repair)
            last = page[-1][1]
        for key in list(self._storage.records(REPOSITORIES)):
            raw = self._storage.record(key)
            if raw is None:
                continue
            try:
                name = Record.read(key, raw).name
            except RecordBroken:
                name = ""
            if not name or not self._is_repository(name):
                if self._repair:
                    self._storage.delete_record(key)
                yield Finding(LEFT_OVER, name or key, "", self._repair)

    @retried
    def _page_of_repositories(self, last: str) -> Sequence[tuple[int, str]]:
        r = t.repository.c
        with self._db.read() as c:
            rows = select(r.id, r.name).where(r.name > last, r.recorded >= r.revision).order_by(r.name).limit(_PAGE)
            return [(known, name) for known, name in c.execute(rows)]

    def _misrecorded(self, known: int, name: str) -> str:
        key = repository_key(name)
        raw = self._storage.record(key)
        try:
            if raw is None:
                return "no record of the repository"
            recorded = {entry.digest for entry in Record.read(key, raw).entries}
        except RecordBroken:
            return "the record of the repository cannot be read"
        for digest in sorted(self._digests(known)):
            if digest not in recorded:
                return f"{digest} is not in it"
            if self._storage.record(manifest_key(digest)) is None:
                return f"no record of {digest}"
        return ""

    @retried
    def _digests(self, known: int) -> set[str]:
        with self._db.read() as c:
            return set(c.scalars(select(t.manifest.c.digest).where(t.manifest.c.repository_id == known)))

    @retried
    def _record_again(self, known: int) -> None:
        with self._db.write() as c:
            note_change(c, known)
            c.execute(update(t.manifest).where(t.manifest.c.repository_id == known).values(recorded=False))

    @retried
    def _is_repository(self, name: str) -> bool:
        with self._db.read() as c:
            return c.execute(select(t.repository.c.id).where(t.repository.c.name == name)).first() is not None

"""Records of the database in the storage, making the database again from them, and checking both."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from boxwright.hub.accounts.repositories import Repositories
from boxwright.hub.db.audit import Actor
from boxwright.hub.db.database import Database
from boxwright.hub.db.metadata import Manifest, Requirements
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import registry as t
from boxwright.hub.registry.document import read_document
from boxwright.hub.rescue import checking
from boxwright.hub.rescue.checking import Checker, Finding
from boxwright.hub.rescue.rebuilding import DatabaseInUse, Rebuilder, Rebuilt
from boxwright.hub.rescue.record import (
    MANIFESTS,
    REPOSITORIES,
    Entry,
    Record,
    RecordBroken,
    manifest_digests,
    manifest_key,
    repository_key,
)
from boxwright.hub.rescue.recorder import Recorder
from boxwright.hub.storage.memory import MemoryBlobStorage
from boxwright.oci.digest import Digest
from support.registry_kit import SmallImage


@pytest.fixture
def storage() -> MemoryBlobStorage:
    return MemoryBlobStorage()


def store_blob(storage: MemoryBlobStorage, data: bytes) -> Digest:
    digest = Digest.of(data)
    storage.begin("k").append([data])
    storage.commit("k", digest)
    return digest


def push(db: Database, storage: MemoryBlobStorage, name: str, image: SmallImage, *tags: str) -> Digest:
    store = SQLMetadata(db)
    for data in image.blobs:
        store.add_blob(name, store_blob(storage, data), len(data))
    document = read_document(image.manifest, None)
    one = Manifest(Digest.of(image.manifest), document.media_type, image.manifest, document.artifact_type)
    store.put_manifest(name, one, document.requirements, tags, sparse=False)
    return one.digest


def push_index(db: Database, storage: MemoryBlobStorage, name: str, children: list[Digest], *tags: str) -> Digest:
    entries = ",".join(
        f'{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{child}","size":1}}'
        for child in children
    )
    raw = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[' + entries + "]}"
    ).encode()
    one = Manifest(Digest.of(raw), "application/vnd.oci.image.index.v1+json", raw)
    SQLMetadata(db).put_manifest(name, one, Requirements(children=tuple(children)), tags, sparse=False)
    return one.digest


ONE, TWO = SmallImage.of(b"one"), SmallImage.of(b"two")


def recorded(storage: MemoryBlobStorage, name: str) -> set[tuple[Digest, str]]:
    raw = storage.record(repository_key(name))
    assert raw is not None
    return {(entry.digest, entry.tag) for entry in Record.read(repository_key(name), raw).entries}


# -- records


def test_what_changed_is_recorded_once(db: Database, storage: MemoryBlobStorage) -> None:
    recorder = Recorder(storage, db)
    one = push(db, storage, "ada/a", ONE, "x", "y")
    two = push(db, storage, "ada/a", TWO)
    push(db, storage, "ada/b", ONE)
    assert recorder.record() == 2
    assert recorder.record() == 0
    assert recorded(storage, "ada/a") == {(one, "x"), (one, "y"), (two, "")}
    assert storage.record(manifest_key(two)) == TWO.manifest
    SQLMetadata(db).remove_tag("ada/a", "x")
    assert recorder.record() == 1
    assert recorded(storage, "ada/a") == {(one, "y"), (two, "")}


def test_what_is_gone_is_not_recorded_any_more(db: Database, storage: MemoryBlobStorage) -> None:
    recorder = Recorder(storage, db)
    one = push(db, storage, "ada/a", ONE, "x")
    two = push(db, storage, "ada/a", TWO, "y")
    push(db, storage, "ada/b", ONE, "x")
    recorder.record()
    SQLMetadata(db).remove_manifest("ada/a", one)
    SQLMetadata(db).remove_manifest("ada/a", two)
    push(db, storage, "ada/a", TWO, "y")
    recorder.record()
    assert manifest_digests(storage.records(MANIFESTS)) == {one, two}
    Repositories(db).remove("ada/b", Actor("test"))
    recorder.record()
    assert manifest_digests(storage.records(MANIFESTS)) == {two}
    assert list(storage.records(REPOSITORIES)) == [repository_key("ada/a")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"annotations":{"boxwright.repository":"b"},"manifests":[]}',
        b'{"annotations":{"boxwright.repository":"a"}}',
        b'{"annotations":{"boxwright.repository":"a"},"manifests":[{}]}',
        b'{"annotations":{"boxwright.repository":"a"},"manifests":[{"mediaType":"x","digest":"x","size":1,'
        b'"annotations":{"boxwright.time":"1"}}]}',
    ],
)
def test_a_record_that_is_none(raw: bytes) -> None:
    with pytest.raises(RecordBroken):
        Record.read(repository_key("a"), raw)


def test_a_record_is_read_as_it_was_written() -> None:
    digest = Digest.of(b"x")
    record = Record("a/b", (Entry(digest, "t", 3, 1.25, "x"), Entry(digest, "t", 3, 0.1)))
    assert Record.read(repository_key("a/b"), record.to_bytes()) == record


# -- rebuilding


def test_a_database_is_made_again(db: Database, storage: MemoryBlobStorage, tmp_path: Path) -> None:
    one = push(db, storage, "ada/a", ONE, "x", "y")
    two = push(db, storage, "ada/a", TWO)
    index = push_index(db, storage, "ada/a", [one, two], "index")
    push(db, storage, "bob", ONE, "latest")
    lonely = store_blob(storage, b"lonely")
    with db.write() as c:
        c.execute(update(t.tag).values(updated=5.25))
    Recorder(storage, db).record()
    with closing(Database(f"sqlite:///{tmp_path}/new.db")) as new:
        assert Rebuilder(storage, new).rebuild() == Rebuilt(repositories=2, manifests=4, tags=4, blobs=5)
        before, after = SQLMetadata(db), SQLMetadata(new)
        assert after.repositories(limit=9, last=None) == ["ada/a", "bob"]
        for reference in ("x", "y", "index", one, two, index):
            assert after.manifest("ada/a", reference) == before.manifest("ada/a", reference)
        assert after.blob_size("ada/a", Digest.of(ONE.layer)) == len(ONE.layer)
        assert after.garbage(4e9, limit=9, last=None) == [(lonely, 6)]
        assert Checker(storage, new).check() == []
        with new.read() as c:
            assert {row.updated for row in c.execute(t.tag.select())} == {5.25}
        with pytest.raises(DatabaseInUse):
            Rebuilder(storage, new).rebuild()


def test_what_does_not_come_back_whole_is_told(db: Database, storage: MemoryBlobStorage, tmp_path: Path) -> None:
    one = push(db, storage, "a", ONE, "x")
    two = push(db, storage, "a", TWO, "y")
    push(db, storage, "b", TWO)
    Recorder(storage, db).record()
    storage.delete(Digest.of(ONE.layer))
    storage.delete_record(manifest_key(two))
    storage.put_record(repository_key("c"), b"{")
    lines: list[str] = []
    with closing(Database(f"sqlite:///{tmp_path}/new.db")) as new:
        done = Rebuilder(storage, new, lines.append).rebuild()
        assert (done.repositories, done.manifests, done.lost, done.incomplete) == (1, 1, 3, 1)
        assert SQLMetadata(new).manifest("a", "x") is not None
        (lacking,) = [line for line in lines if "blobs are missing" in line]
        assert lacking.startswith(f"a@{one}")
        assert len(lines) == 4


# -- checking


def kinds(findings: list[Finding]) -> list[str]:
    return [one.kind for one in findings]


def check(db: Database, storage: MemoryBlobStorage, *, full: bool = False) -> list[str]:
    """Check without and with repair: both find the same. Return what is left of it."""
    found = Checker(storage, db, full=full).check()
    assert not any(one.repaired for one in found)
    assert Checker(storage, db, full=full, repair=True).check()[: len(found)]
    return kinds(found)


def test_a_sound_registry_has_no_findings(db: Database, storage: MemoryBlobStorage) -> None:
    push(db, storage, "a", ONE, "x")
    assert Checker(storage, db, full=True).check() == []
    Recorder(storage, db).record()
    told: list[Finding] = []
    assert Checker(storage, db, full=True, repair=True, tell=told.append).check() == told == []


def test_a_missing_blob_is_withdrawn_so_that_a_push_brings_it(db: Database, storage: MemoryBlobStorage) -> None:
    push(db, storage, "a", ONE, "x")
    layer = Digest.of(ONE.layer)
    storage.delete(layer)
    assert check(db, storage) == [checking.MISSING]
    assert SQLMetadata(db).blob_size("a", layer) is None
    (left,) = Checker(storage, db).check()
    assert (left.kind, left.detail) == (checking.INCOMPLETE, f"push it again: {layer}")
    push(db, storage, "a", ONE, "x")
    assert Checker(storage, db, full=True).check() == []


@pytest.mark.parametrize("damage", [b"short", None])
def test_a_damaged_blob_goes(db: Database, storage: MemoryBlobStorage, damage: bytes | None) -> None:
    push(db, storage, "a", ONE, "x")
    layer = Digest.of(ONE.layer)
    storage._blobs[layer] = damage if damage is not None else bytes(len(ONE.layer))
    assert kinds(Checker(storage, db).check()) == ([checking.DAMAGED] if damage is not None else [])
    assert check(db, storage, full=True) == [checking.DAMAGED]
    assert storage.size(layer) is None
    assert kinds(Checker(storage, db).check()) == [checking.INCOMPLETE]


def test_unknown_bytes_become_garbage(db: Database, storage: MemoryBlobStorage) -> None:
    digest = store_blob(storage, b"unknown")
    assert check(db, storage) == [checking.UNKNOWN]
    assert Checker(storage, db).check() == []
    assert SQLMetadata(db).garbage(4e9, limit=9, last=None) == [(digest, 7)]


def test_a_damaged_manifest_is_taken_from_its_record(db: Database, storage: MemoryBlobStorage) -> None:
    push(db, storage, "a", ONE, "x")
    two = push(db, storage, "a", TWO)
    Recorder(storage, db).record()
    storage.delete_record(manifest_key(two))
    with db.write() as c:
        c.execute(update(t.manifest).values(content=b"?"))
    found = Checker(storage, db, repair=True).check()
    assert [(one.kind, one.repaired) for one in found] == [
        (checking.FALSIFIED, True),
        (checking.FALSIFIED, False),
        (checking.UNRECORDED, True),
    ]
    assert [one.content for one in [SQLMetadata(db).manifest("a", "x")] if one] == [ONE.manifest]


def test_wrong_sizes_are_counted_again(db: Database, storage: MemoryBlobStorage) -> None:
    push(db, storage, "a", ONE)
    with db.write() as c:
        c.execute(update(t.repository).values(bytes=1))
    assert check(db, storage) == [checking.MISCOUNTED]
    assert Checker(storage, db).check() == []


def test_records_that_are_missing_or_left_over(db: Database, storage: MemoryBlobStorage) -> None:
    one = push(db, storage, "a", ONE)
    push(db, storage, "b", ONE)
    recorder = Recorder(storage, db)
    recorder.record()
    storage.delete_record(manifest_key(one))
    storage.put_record(repository_key("b"), b"?")
    storage.put_record(repository_key("old"), Record("old", ()).to_bytes())
    assert sorted(check(db, storage)) == [
        checking.UNRECORDED,
        checking.UNRECORDED,
        checking.LEFT_OVER,
        checking.LEFT_OVER,
    ]
    assert recorder.record() == 2
    assert Checker(storage, db).check() == []

"""The database below the hub's stores: URLs, transactions, broken connections, and the schema's history."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import exc, select, text

from boxwright.hub.db import database as module
from boxwright.hub.db import migrations
from boxwright.hub.db.database import (
    Database,
    DatabaseFull,
    DatabaseUnavailable,
    DriverMissing,
    InvalidDatabaseURL,
    default_url,
    retried,
)
from boxwright.hub.db.metadata import Manifest, Upload
from boxwright.hub.db.migrations import SchemaTooNew
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import metadata
from boxwright.hub.db.tables.registry import repository
from boxwright.oci.digest import Digest
from support.postgres import PostgresServer

LAYER = Digest.of(b"layer")

# The files of versions before alembic, as they were made.
_RAW = """
CREATE TABLE repository (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE blob (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, touched REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX blob_touched ON blob (touched);
CREATE TABLE repository_blob (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blob (digest),
    touched REAL NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE INDEX repository_blob_touched ON repository_blob (touched);
CREATE INDEX repository_blob_digest ON repository_blob (digest);
CREATE TABLE manifest (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT NOT NULL,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (repository_id, digest)
);
CREATE INDEX manifest_subject ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE manifest_reference (
    manifest_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (manifest_id, digest, kind)
) WITHOUT ROWID;
CREATE INDEX manifest_reference_digest ON manifest_reference (digest);
CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    updated REAL NOT NULL,
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
CREATE INDEX tag_manifest ON tag (manifest_id);
CREATE TABLE upload (id TEXT PRIMARY KEY, repository TEXT NOT NULL, owner TEXT NOT NULL, started REAL NOT NULL)
WITHOUT ROWID;
INSERT INTO repository (name) VALUES ('a');
INSERT INTO manifest VALUES (1, 1, 'sha256:m', 'application/x', NULL, NULL, '{}', 1, 1.0, x'6d');
INSERT INTO tag VALUES (1, 'latest', 1, 1.0);
INSERT INTO upload VALUES ('u', 'a', '', 1.0);
"""
_MEMBER = f"""
INSERT INTO blob VALUES ('{LAYER}', 7, 1.0);
INSERT INTO repository_blob VALUES (1, '{LAYER}', 1.0);
"""
_BACK_TO_1 = """
DROP INDEX blob_touched;
DROP INDEX repository_blob_touched;
ALTER TABLE blob RENAME COLUMN touched TO created;
ALTER TABLE repository_blob RENAME COLUMN touched TO linked;
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/registry.db"
    else:
        with request.getfixturevalue("postgres").database(empty=True) as url:
            yield url


@pytest.fixture
def db(empty: str) -> Iterator[Database]:
    opened = Database(empty)
    yield opened
    opened.close()


def names(db: Database) -> list[str]:
    with db.read() as c:
        return list(c.scalars(select(repository.c.name).order_by(repository.c.id)))


def add(db: Database, name: str) -> None:
    with db.write() as c:
        c.execute(repository.insert().values(name=name))


def test_the_migrations_make_the_tables_that_the_code_knows(db: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with db.write() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_are_one_chain_named_by_their_numbers() -> None:
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions())
    assert [script.revision for script in reversed(scripts)] == migrations.known()
    assert [script.down_revision for script in scripts] == [*reversed(migrations.known()[:-1]), None]
    assert migrations.known() == [f"{number:04}" for number in range(1, len(scripts) + 1)]


def test_what_was_written_is_there_when_it_is_opened_again(empty: str) -> None:
    first = SQLMetadata(Database(empty))
    first.add_blob("a", LAYER, 7)
    first.add_upload(Upload("u", "a", "", 1.0))
    first.close()
    first.close()
    second = SQLMetadata(Database(empty))
    assert second.blob_size("a", LAYER) == 7
    assert second.upload("u") == Upload("u", "a", "", 1.0)
    second.close()
    with pytest.raises(DatabaseUnavailable):
        second.upload("u")


def test_many_may_open_a_new_database_at_once(empty: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            opened = Database(empty)
            add(opened, str(number))
            opened.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with closing(Database(empty)) as db:
        assert sorted(names(db)) == ["0", "1", "2", "3"]


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    def failing(second: str) -> None:
        with db.write() as c:
            c.execute(repository.insert().values(name="a"))
            c.execute(repository.insert().values(name=second))
            raise ZeroDivisionError

    for second, error in (("b", ZeroDivisionError), ("a", exc.IntegrityError)):
        with pytest.raises(error):
            failing(second)
        assert names(db) == []
    add(db, "c")
    assert names(db) == ["c"]


def test_a_read_inside_a_transaction_is_part_of_it_and_others_see_it_when_it_ends(db: Database) -> None:
    seen: list[list[str]] = []
    with db.write(durable=False) as c:
        c.execute(repository.insert().values(name="a"))
        assert names(db) == ["a"]
        other = threading.Thread(target=lambda: seen.append(names(db)))
        other.start()
        other.join()
    assert (seen, names(db)) == ([[]], ["a"])


def test_transactions_do_not_nest(db: Database) -> None:
    with pytest.raises(RuntimeError), db.write(), db.write():
        pass
    add(db, "a")


def test_names_are_sorted_by_their_bytes(db: Database) -> None:
    for name in ("b", "B", "a-1", "a.1", "ä", "a"):
        add(db, name)
    with db.read() as c:
        found = list(c.scalars(select(repository.c.name).order_by(repository.c.name)))
    assert found == sorted(found)


def test_a_lost_connection_is_made_anew(postgres: PostgresServer) -> None:
    with postgres.database() as url, closing(Database(url)) as db:
        store = SQLMetadata(db)
        for lose in (lambda: store.add_blob("a", LAYER, 7), lambda: store.blob_size("a", LAYER)):
            assert store.uploads() == []
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL "
                "AND pid <> pg_backend_pid()"
            )
            lose()
        assert store.blob_size("a", LAYER) == 7


def test_a_deadlock_is_tried_again(postgres: PostgresServer) -> None:
    with postgres.database() as url, closing(Database(url)) as db:
        for name in ("a", "b"):
            add(db, name)
        meeting = threading.Barrier(2)
        attempts: list[str] = []
        lock = select(repository.c.id).with_for_update()

        @retried
        def both(first: str, second: str) -> None:
            attempts.append(first)
            with db.write() as c:
                c.execute(lock.where(repository.c.name == first)).all()
                if len(attempts) <= 2:
                    meeting.wait()
                c.execute(lock.where(repository.c.name == second)).all()

        threads = [threading.Thread(target=both, args=pair) for pair in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(attempts) == 3


def test_what_stays_hopeless_is_raised_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    calls: list[int] = []

    @retried
    def hopeless(again: bool) -> None:
        calls.append(1)
        raise DatabaseUnavailable("no", again=again)

    for again, expected in ((True, 5), (False, 1)):
        calls.clear()
        with pytest.raises(DatabaseUnavailable):
            hopeless(again)
        assert len(calls) == expected


@pytest.mark.parametrize(
    "url",
    [
        "registry.db",
        "mysql://root:secret@host/name",
        "postgresql+psycopg2://root:secret@host/name",
        "postgresql://root:secret@host:port/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://secret/x",
        "sqlite:///x?secret=1",
        "",
    ],
)
def test_a_url_that_names_no_database_of_ours_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidDatabaseURL) as raised:
        Database(url)
    assert "secret" not in str(raised.value)
    assert raised.value.hint


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        Database(f"postgresql://ada:secret@/name?host={tmp_path}")
    assert "secret" not in repr(raised.value)
    assert "secret" not in raised.value.message


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DriverMissing) as raised:
        Database("postgresql://host/name")
    assert "boxwright[postgres]" in str(raised.value.hint)


def test_a_folder_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        Database(default_url(tmp_path / "nowhere"))


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_from_before_the_migrations_is_taken_over(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / "registry.db")) as raw:
        raw.executescript(_RAW + _MEMBER + (_BACK_TO_1 if version == 1 else "") + f"PRAGMA user_version = {version}")
    for _ in range(2):
        store = SQLMetadata(Database(default_url(tmp_path)))
        assert store.blob_size("a", LAYER) == 7
        assert store.manifest("a", "latest") == Manifest(Digest("sha256:m"), "application/x", b"m")
        assert store.upload("u") is not None
        assert store.release_blobs(store.unneeded_blobs(2.0, limit=9, last=None), 2.0) in (0, 1)
        store.add_blob("a", LAYER, 7)
        store.close()
    with closing(sqlite3.connect(tmp_path / "registry.db")) as raw:
        # So that a program of that time leaves the file alone.
        assert raw.execute("PRAGMA user_version").fetchone() == (migrations.MANAGED,)


@pytest.mark.parametrize(
    "statement", ["PRAGMA user_version = 99", "CREATE TABLE alembic_version AS SELECT '9999' AS version_num"]
)
def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "registry.db")) as later:
        later.execute(statement)
        later.commit()
    with pytest.raises(SchemaTooNew) as raised:
        Database(default_url(tmp_path))
    assert raised.value.version in ("99", "9999")
    assert raised.value.hint
    with closing(sqlite3.connect(tmp_path / "registry.db")) as later:
        assert later.execute("SELECT count(*) FROM sqlite_master WHERE name = 'blob'").fetchone() == (0,)


def test_the_schema_that_postgresql_has_too_new_is_named_without_the_password(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        with closing(Database(url)) as db, db.write() as c:
            c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(SchemaTooNew) as raised:
            Database(url.replace("postgres@", "postgres:secret@"))
        assert "secret" not in str(raised.value)


def test_a_full_disk_changes_nothing_and_is_told_apart(tmp_path: Path) -> None:
    opened = Database(default_url(tmp_path))
    add(opened, "before")
    with opened.read() as c:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar_one()
        c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(DatabaseFull) as raised:
        add(opened, "x" * 100_000)
    assert not raised.value.again
    assert names(opened) == ["before"]
    with opened.read() as c:
        c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1000}")
    add(opened, "after")
    assert names(opened) == ["before", "after"]
    opened.close()

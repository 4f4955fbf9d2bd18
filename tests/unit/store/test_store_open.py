from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from boxwright.store import gc
from boxwright.store.database import Database, StoreCorrupt, StoreTooNew
from boxwright.store.layout import Layout, StoreDenied
from boxwright.store.schema import MIGRATIONS
from boxwright.store.store import Store
from support.images import add_container, add_image, add_layer, age, ref


def test_a_new_store_is_an_empty_image_layout(root: Path) -> None:
    with Store.open(root):
        pass
    assert (root / "content/oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert b'"manifests":[]' in (root / "content/index.json").read_bytes()


@pytest.mark.parametrize("name", ["snapshots", "containers", "volumes", "ingest", "locks"])
def test_what_containers_own_is_private(root: Path, name: str) -> None:
    with Store.open(root):
        assert stat.S_IMODE((root / name).stat().st_mode) == 0o700


def test_nobody_else_reads_the_store(root: Path) -> None:
    with Store.open(root):
        assert stat.S_IMODE(root.stat().st_mode) == 0o710
        assert stat.S_IMODE((root / "boxwright.db").stat().st_mode) == 0o600


def test_roots_of_containers_are_open_whatever_the_umask(root: Path) -> None:
    before = os.umask(0o077)
    try:
        with Store.open(root) as store:
            store.volumes.create("data")
            assert stat.S_IMODE(store.volumes.path("data").stat().st_mode) == 0o755
            with store.snapshots.draft() as draft:
                assert stat.S_IMODE(draft.fs.stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_opening_twice_is_the_same_store(root: Path) -> None:
    with Store.open(root) as first:
        add_image(first, "a")
        with Store.open(root) as second:
            assert second.images.find("a") == first.images.find("a")


def test_many_processes_may_create_the_same_store(root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from boxwright.store.store import Store\n"
        "with Store.open(Path(sys.argv[1])) as store: store.volumes.create(sys.argv[2])"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, root, f"volume{number}"]) for number in range(6)]
    assert [process.wait() for process in running] == [0] * 6
    with Store.open(root) as store:
        assert len(store.volumes.list()) == 6


def test_a_store_of_a_later_version_is_refused(root: Path) -> None:
    with Store.open(root) as store:
        store.database.run(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreTooNew, match=f"format {len(MIGRATIONS) + 1}"):
        Store.open(root)


def test_a_damaged_database_is_said_to_be_one(root: Path) -> None:
    Layout(root).create()
    (root / "boxwright.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreCorrupt, match="is damaged") as caught:
        Store.open(root)
    assert caught.value.hint is not None


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("in the way")
    with pytest.raises(StoreDenied, match="cannot use the store in"):
        Store.open(tmp_path / "root")


def test_a_transaction_that_raises_changes_nothing(store: Store) -> None:
    def fail() -> None:
        with store.database.transaction():
            store.volumes.create("gone")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.volumes.get("gone") is None


def test_transactions_of_threads_do_not_mix(store: Store) -> None:
    store.database.run("INSERT INTO meta VALUES ('counter', '0')")

    def work() -> None:
        for _ in range(50):
            with store.database.transaction():
                row = store.database.row("SELECT value FROM meta WHERE name = 'counter'")
                assert row is not None
                store.database.run("UPDATE meta SET value = ? WHERE name = 'counter'", str(int(row[0]) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.database.row("SELECT value FROM meta WHERE name = 'counter'") == ("200",)


def test_a_broken_reference_between_rows_is_refused(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.database.run("INSERT INTO tags VALUES ('docker.io/library/a', 'latest', 'sha256:00')")


def test_the_database_checks_itself(store: Store) -> None:
    assert store.database.problems() == []


def test_a_durable_transaction_leaves_the_cheap_mode_behind(store: Store) -> None:
    with store.database.durable_transaction():
        store.database.run("INSERT INTO meta VALUES ('a', 'b')")
    assert store.database.row("PRAGMA synchronous") == (1,)


def test_a_database_can_be_opened_alone(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    database = Database(tmp_path / "boxwright.db")
    assert database.row("SELECT count(*) FROM images") == (0,)
    database.close()


# -- after a power failure


def test_after_a_boot_what_was_made_durable_is_there(root: Path) -> None:
    with Store.open(root) as store:
        record = add_image(store, "kept")
        store.snapshots.make_durable()
    age(root)
    with Store.open(root) as store:
        assert store.images.find("kept") == record


def test_after_a_boot_what_was_not_durable_is_dropped_with_all_that_needs_it(root: Path) -> None:
    with Store.open(root) as store:
        base = add_image(store, "base", layers=({"a": b"1"},))
        store.snapshots.make_durable()
        top = add_image(store, "top", layers=({"a": b"1"}, {"b": b"2"}))
        assert top.chain is not None
        store.steps.record("key", top.chain, document="{}")
        container = add_container(store, "web", top)
    age(root)
    with Store.open(root) as store:
        assert [record.id for record in store.images.list()] == [base.id]
        assert store.images.tags() == [(ref("base:latest"), base.id)]
        assert store.steps.lookup("key") is None
        found = store.containers.get(container.id)
        assert found is not None
        assert found.chain is None
        gc.collect(store)
        assert len(list((root / "snapshots").iterdir())) == 1


def test_after_a_boot_a_row_that_came_back_without_its_directory_is_dropped(root: Path) -> None:
    with Store.open(root) as store:
        lower = add_layer(store, None, {"a": b"1"})
        upper = add_layer(store, lower.chain, {"b": b"2"})
        store.snapshots.make_durable()
        os.rename(store.snapshots.path(lower).parent, root / "elsewhere")
    age(root)
    with Store.open(root) as store:
        assert store.snapshots.get(lower.chain) is None
        assert store.snapshots.get(upper.chain) is None


def test_after_a_boot_an_image_without_its_configuration_is_dropped(root: Path) -> None:
    with Store.open(root) as store:
        record = add_image(store, "a")
        store.snapshots.make_durable()
        store.blobs.path(record.id).unlink()
    age(root)
    with Store.open(root) as store:
        assert store.images.list() == []


def test_after_a_boot_blobs_that_no_row_vouches_for_are_not_trusted(root: Path) -> None:
    with Store.open(root) as store:
        digest = store.blobs.put(b"perhaps half written")
    age(root)
    with Store.open(root) as store:
        assert not store.blobs.has(digest)


def test_the_same_boot_recovers_nothing(root: Path) -> None:
    with Store.open(root) as store:
        snapshot = add_layer(store, None, {"a": b"1"})
    with Store.open(root) as store:
        assert store.snapshots.get(snapshot.chain) == snapshot

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from boxwright.store import contexts
from boxwright.store.contexts import identity_of, is_settled
from boxwright.store.steps import CachedStep
from boxwright.store.store import Store
from support.images import add_layer


def test_a_step_is_found_by_its_key(store: Store) -> None:
    snapshot = add_layer(store, None, {"a": b"1"})
    step = store.steps.record("key", snapshot.chain, document='{"run":"make"}')
    assert store.steps.lookup("key") == step
    assert (step.chain, step.document, step.uses) == (snapshot.chain, '{"run":"make"}', 0)
    assert store.steps.lookup("other") is None
    assert store.steps.with_chain(snapshot.chain) == [step]


def test_a_step_may_give_no_layer(store: Store) -> None:
    assert store.steps.record("key", None, document="{}").chain is None
    assert store.steps.lookup("key") is not None


def test_a_step_is_gone_with_its_snapshot(store: Store) -> None:
    snapshot = add_layer(store, None, {"a": b"1"})
    store.steps.record("key", snapshot.chain, document="{}")
    store.database.run("DELETE FROM snapshots WHERE chain = ?", snapshot.chain)
    assert store.steps.lookup("key") is None


def test_a_key_that_is_known_gets_the_new_result(store: Store) -> None:
    first = add_layer(store, None, {"a": b"1"})
    second = add_layer(store, None, {"a": b"2"})
    store.steps.record("key", first.chain, document="{}")
    store.steps.record("key", second.chain, document="{}")
    found = store.steps.lookup("key")
    assert found is not None
    assert found.chain == second.chain
    assert len(store.steps.list()) == 1


def test_use_is_noted(store: Store) -> None:
    store.steps.record("key", None, document="{}")
    store.database.run("UPDATE steps SET last_used = 1")
    store.steps.touch(["key", "unknown"])
    found = store.steps.lookup("key")
    assert found is not None
    assert found.uses == 1
    assert found.last_used > 1


def test_a_place_remembers_its_step(store: Store) -> None:
    old: CachedStep = store.steps.record("old", None, document="{}")
    store.steps.record("new", None, document="{}")
    store.steps.place({"Dockerfile#1": "old", "Dockerfile#2": "not cached"})
    assert store.steps.previous("Dockerfile#1") == old
    assert store.steps.previous("Dockerfile#2") is None
    store.steps.place({"Dockerfile#1": "new"})
    found = store.steps.previous("Dockerfile#1")
    assert found is not None
    assert found.key == "new"


def test_forgetting_a_step_frees_its_place(store: Store) -> None:
    store.steps.record("key", None, document="{}")
    store.steps.place({"slot": "key"})
    store.steps.forget(["key"])
    assert store.steps.previous("slot") is None
    assert store.steps.list() == []


# -- contexts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("content")
    return path


def settled(path: Path) -> os.stat_result:
    """The file's state, once it is old enough to be trusted."""
    while not is_settled(os.stat(path)):
        time.sleep(0.01)
    return os.stat(path)


def test_a_file_keeps_its_digest_while_nothing_changes(store: Store, file: Path) -> None:
    stat = settled(file)
    store.contexts.put_file_digest(str(file), stat, Digest.of(b"content"))
    assert store.contexts.file_digest(str(file), stat) == Digest.of(b"content")
    assert store.contexts.file_digest(str(file) + "2", stat) is None


def test_an_edit_is_noticed_even_if_size_and_mtime_are_set_back(store: Store, file: Path) -> None:
    stat = settled(file)
    store.contexts.put_file_digest(str(file), stat, Digest.of(b"content"))
    file.write_text("CONTENT")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.contexts.file_digest(str(file), os.stat(file)) is None


def test_a_file_that_was_just_written_is_not_noted(store: Store, file: Path) -> None:
    stat = os.stat(file)
    future = os.stat_result([*stat[:10]], {"st_ctime_ns": time.time_ns() + 10**9, "st_mtime_ns": stat.st_mtime_ns})
    store.contexts.put_file_digest(str(file), future, Digest.of(b"content"))
    assert store.contexts.file_digest(str(file), future) is None


def test_names_that_are_no_text_are_names(store: Store, file: Path) -> None:
    stat = settled(file)
    store.contexts.put_file_digest("caf\udce9", stat, Digest.of(b"content"))
    assert store.contexts.file_digest("caf\udce9", stat) == Digest.of(b"content")


def test_identities_differ_in_every_part(file: Path) -> None:
    before = identity_of(os.stat(file))
    os.chmod(file, 0o600)
    assert identity_of(os.stat(file)) != before


def test_a_context_keeps_its_digest_while_its_fingerprint_stays(store: Store) -> None:
    store.contexts.put_digest("context", "fingerprint", Digest.of(b"a"))
    assert store.contexts.digest("context", "fingerprint") == Digest.of(b"a")
    assert store.contexts.digest("context", "another") is None
    store.contexts.put_digest("context", "another", Digest.of(b"b"))
    assert store.contexts.digest("context", "fingerprint") is None


def test_an_index_is_bytes(store: Store) -> None:
    assert store.contexts.get_index("context") is None
    store.contexts.put_index("context", b"\0packed")
    assert store.contexts.get_index("context") == b"\0packed"


def test_trimming_keeps_what_was_used_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_MAX_CONTEXTS", 2)
    monkeypatch.setattr(contexts, "_MAX_INDEX_BYTES", 10)
    for number in range(4):
        store.contexts.put_digest(f"{number}", "fingerprint", Digest.of(b"a"))
        store.contexts.put_index(f"{number}", b"12345")
        store.database.run("UPDATE contexts SET last_used = ? WHERE key = ?", number, f"{number}")
        store.database.run("UPDATE context_indexes SET last_used = ? WHERE key = ?", number, f"{number}")
    store.contexts.trim()
    kept = [number for number in range(4) if store.contexts.digest(f"{number}", "fingerprint")]
    assert kept == [2, 3]
    assert [number for number in range(4) if store.contexts.get_index(f"{number}")] == [2, 3]
    store.contexts.clear()
    assert store.contexts.get_index("3") is None

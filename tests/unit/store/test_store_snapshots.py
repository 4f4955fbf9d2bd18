from __future__ import annotations

import threading
from pathlib import Path

import pytest

from boxwright.oci import media
from boxwright.oci.digest import ChainID, DiffID, Digest, chain_id
from boxwright.oci.manifest import Descriptor
from boxwright.store.snapshots import SnapshotNotFound
from boxwright.store.store import Store
from support.images import add_layer

BLOB = Descriptor(media.OCI_LAYER_GZIP, Digest.of(b"packed"), 6)


def test_a_draft_becomes_a_snapshot(store: Store, root: Path) -> None:
    with store.snapshots.draft() as draft:
        (draft.fs / "file").write_text("content")
        diff_id = DiffID(Digest.of(b"tar"))
        snapshot = draft.commit(None, diff_id, 2048, usage=4096, epoch=7)
    assert snapshot.chain == diff_id
    assert (snapshot.size, snapshot.usage, snapshot.blob, snapshot.epoch) == (2048, 4096, None, 7)
    assert len(snapshot.id) == 8
    assert (root / "snapshots" / snapshot.id / "fs/file").read_text() == "content"
    assert [path.name for path in (root / "snapshots" / snapshot.id).iterdir()] == ["fs"]
    assert store.snapshots.get(snapshot.chain) == snapshot
    assert snapshot.chain in store.snapshots


def test_a_draft_that_is_not_committed_leaves_nothing(store: Store, root: Path) -> None:
    with store.snapshots.draft() as draft:
        (draft.fs / "file").write_text("content")
        (draft.work / "work").mkdir(mode=0)
    assert list((root / "snapshots").iterdir()) == []


def test_a_stack_is_listed_lowest_first(store: Store) -> None:
    lowest = add_layer(store, None, {"a": b"1"})
    middle = add_layer(store, lowest.chain, {"b": b"2"})
    top = add_layer(store, middle.chain, {"c": b"3"})
    assert store.snapshots.stack(top.chain) == [lowest, middle, top]
    assert top.chain == chain_id(chain_id(lowest.chain, middle.diff_id), top.diff_id)
    assert store.snapshots.stack(None) == []


def test_a_stack_of_hundreds_is_no_trouble(store: Store) -> None:
    chain = None
    for number in range(300):
        with store.snapshots.draft() as draft:
            chain = draft.commit(chain, DiffID(Digest.of(b"%d" % number)), 1).chain
    assert len(store.snapshots.stack(chain)) == 300
    names = ":".join(f"{snapshot.id}/fs" for snapshot in store.snapshots.stack(chain))
    assert len(names) < 4096  # one page: what mount(2) takes


def test_the_same_layer_twice_is_one_snapshot(store: Store, root: Path) -> None:
    first = add_layer(store, None, {"a": b"1"})
    assert add_layer(store, None, {"a": b"1"}) == first
    assert len(list((root / "snapshots").iterdir())) == 1


def test_a_layer_that_exists_gets_the_blob_that_it_lacked(store: Store) -> None:
    first = add_layer(store, None, {"a": b"1"})
    with store.snapshots.draft() as draft:
        again = draft.commit(None, first.diff_id, first.size, BLOB)
    assert again == first._replace(blob=BLOB)
    assert store.snapshots.require(first.chain).blob == BLOB


def test_one_layer_may_lie_on_several_parents(store: Store) -> None:
    base = add_layer(store, None, {"a": b"1"})
    alone = add_layer(store, None, {"b": b"2"})
    stacked = add_layer(store, base.chain, {"b": b"2"})
    assert alone.chain != stacked.chain
    assert {snapshot.id for snapshot in store.snapshots.with_diff_id(alone.diff_id)} == {alone.id, stacked.id}


def test_what_is_not_there_is_said(store: Store) -> None:
    missing = ChainID(Digest.of(b"missing"))
    assert store.snapshots.get(missing) is None
    for ask in (store.snapshots.require, store.snapshots.stack):
        with pytest.raises(SnapshotNotFound, match=missing.short):
            ask(missing)
    with store.snapshots.draft() as draft, pytest.raises(SnapshotNotFound):
        draft.commit(missing, DiffID(Digest.of(b"tar")), 1)


def test_a_blob_can_be_noted_and_forgotten(store: Store) -> None:
    snapshot = add_layer(store, None, {"a": b"1"})
    store.snapshots.set_blob(snapshot.chain, BLOB)
    assert store.snapshots.require(snapshot.chain).blob == BLOB
    store.snapshots.set_blob(snapshot.chain, None)
    assert store.snapshots.require(snapshot.chain).blob is None


def test_of_two_who_want_a_layer_one_waits(store: Store, root: Path) -> None:
    chain = ChainID(Digest.of(b"layer"))
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with store.snapshots.layer_lock(chain):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.snapshots.layer_lock(chain):
        inside.set()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert not list((root / "locks").glob("layer-*"))


def test_making_durable_is_noted_once(store: Store) -> None:
    add_layer(store, None, {"a": b"1"})
    assert store.database.row("SELECT count(*) FROM snapshots WHERE durable") == (0,)
    store.snapshots.make_durable()
    assert store.database.row("SELECT count(*) FROM snapshots WHERE durable") == (1,)
    store.snapshots.make_durable()

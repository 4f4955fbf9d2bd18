"""docker's rules for rmi, as the Engine applies them (daemon/images/image_delete.go)."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.oci.digest import Digest
from boxwright.store import fsck
from boxwright.store.images import ImageNotFound
from boxwright.store.removal import Deleted, ImageInUse, Removal, Untagged, remove_image
from boxwright.store.store import Store
from support.images import add_container, add_image, add_layer, ref

DIGEST = Digest.of(b"manifest")


def shown(removal: Removal) -> list[str]:
    return [
        f"Untagged: {event.ref.familiar()}" if isinstance(event, Untagged) else f"Deleted: {event.digest}"
        for event in removal.events
    ]


def test_the_last_name_takes_the_image_and_its_layers_along(store: Store, root: Path) -> None:
    record = add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}))
    chains = [snapshot.chain for snapshot in store.snapshots.stack(record.chain)]
    removal = remove_image(store, "web")
    assert removal.events[:2] == (Untagged(ref("web:latest")), Deleted(record.id))
    assert removal.events[2:] == tuple(Deleted(chain) for chain in reversed(chains))
    assert removal.reclaimed.snapshots == tuple(reversed(chains))
    assert removal.reclaimed.blobs == (record.id,)
    assert removal.reclaimed.bytes > 0
    assert list((root / "snapshots").iterdir()) == []
    assert list(store.blobs) == []
    assert fsck.check(store, deep=True) == []


def test_one_name_of_several_is_only_untagged(store: Store) -> None:
    record = add_image(store, "web:1", "web:2")
    assert shown(remove_image(store, "web:1")) == ["Untagged: web:1"]
    assert store.images.find("web:2") == record


def test_with_the_last_tag_of_a_repository_its_digests_go(store: Store) -> None:
    record = add_image(store, "web", "other")
    store.images.add_repo_digest(ref(f"web@{DIGEST}"), record.id)
    assert shown(remove_image(store, "web")) == ["Untagged: web:latest", f"Untagged: web@{DIGEST}"]
    assert store.images.find("other") == record


def test_an_image_known_by_digest_alone_goes_with_it(store: Store) -> None:
    record = add_image(store)
    store.images.add_repo_digest(ref(f"web@{DIGEST}"), record.id)
    assert shown(remove_image(store, f"web@{DIGEST}"))[:2] == [f"Untagged: web@{DIGEST}", f"Deleted: {record.id}"]


def test_a_digest_beside_a_tag_is_only_untagged(store: Store) -> None:
    record = add_image(store, "web")
    store.images.add_repo_digest(ref(f"web@{DIGEST}"), record.id)
    assert shown(remove_image(store, f"web@{DIGEST}")) == [f"Untagged: web@{DIGEST}"]
    assert store.images.find("web") == record


@pytest.mark.parametrize("names", [(), ("web",)], ids=["no name", "one name"])
@pytest.mark.parametrize("text", ["{id}", "{id.hex}", "{id.short}"])
def test_an_id_means_the_image(store: Store, text: str, names: tuple[str, ...]) -> None:
    record = add_image(store, *names)
    removal = remove_image(store, text.format(id=record.id))
    assert shown(removal)[: len(names) + 1] == [
        *(f"Untagged: {name}:latest" for name in names),
        f"Deleted: {record.id}",
    ]


def test_an_id_with_a_tag_and_its_digest_is_one_repository(store: Store) -> None:
    record = add_image(store, "web")
    store.images.add_repo_digest(ref(f"web@{DIGEST}"), record.id)
    assert shown(remove_image(store, record.id))[:3] == [
        "Untagged: web:latest",
        f"Untagged: web@{DIGEST}",
        f"Deleted: {record.id}",
    ]


@pytest.mark.parametrize("names", [("web", "other"), ("web:1", "web:2")])
def test_an_id_with_several_names_has_to_be_forced(store: Store, names: tuple[str, ...]) -> None:
    record = add_image(store, *names)
    with pytest.raises(ImageInUse, match="2 names refer to it") as caught:
        remove_image(store, record.id)
    assert caught.value.forceable
    assert len(store.images.refs(record.id)) == 2
    removal = remove_image(store, record.id, force=True)
    assert [type(event) for event in removal.events[:3]] == [Untagged, Untagged, Deleted]


def test_the_last_name_of_what_a_container_was_made_from_has_to_be_forced(store: Store) -> None:
    record = add_image(store, "web")
    add_container(store, "box", record)
    for text in ("web", record.id):
        with pytest.raises(ImageInUse, match=r"container box \([0-9a-f]{12}\) was made from it") as caught:
            remove_image(store, text)
        assert caught.value.forceable
        assert caught.value.container is not None
    assert store.images.refs(record.id) == [ref("web:latest")]


@pytest.mark.parametrize("by_id", [False, True])
def test_forced_the_image_of_a_stopped_container_goes_and_its_layers_stay(store: Store, by_id: bool) -> None:
    record = add_image(store, "web")
    container = add_container(store, "box", record)
    removal = remove_image(store, record.id if by_id else "web", force=True)
    assert shown(removal) == ["Untagged: web:latest", f"Deleted: {record.id}"]
    assert record.chain is not None
    assert record.chain in store.snapshots
    assert store.containers.find("box") == container


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
def test_the_image_of_a_running_container_cannot_be_forced(store: Store, state: str) -> None:
    record = add_image(store, "web")
    add_container(store, "box", record, state=state)
    with pytest.raises(ImageInUse, match="is running it") as caught:
        remove_image(store, record.id, force=True)
    assert not caught.value.forceable
    assert store.images.refs(record.id) == [ref("web:latest")]


def test_forced_the_name_of_what_runs_goes_and_the_image_stays(store: Store) -> None:
    record = add_image(store, "web")
    add_container(store, "box", record, state="running")
    assert shown(remove_image(store, "web", force=True)) == ["Untagged: web:latest"]
    assert store.images.get(record.id) == record


def test_a_name_among_several_is_untagged_whatever_runs(store: Store) -> None:
    record = add_image(store, "web:1", "web:2")
    add_container(store, "box", record, state="running")
    assert shown(remove_image(store, "web:1")) == ["Untagged: web:1"]


def test_what_others_are_made_from_stays(store: Store) -> None:
    parent = add_image(store, "base", layers=({"a": b"1"},))
    add_image(store, "top", layers=({"a": b"1"}, {"b": b"2"}), parent=parent.id)
    with pytest.raises(ImageInUse, match="was made from it") as caught:
        remove_image(store, parent.id, force=True)
    assert not caught.value.forceable
    assert shown(remove_image(store, "base")) == ["Untagged: base:latest"]
    assert store.images.get(parent.id) is not None


def test_parents_without_name_or_use_go_along(store: Store) -> None:
    base = add_image(store, "base", layers=({"a": b"1"},))
    first = add_image(store, layers=({"a": b"1"}, {"b": b"2"}), parent=base.id, intermediate=True)
    second = add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}, {"c": b"3"}), parent=first.id)
    removal = remove_image(store, "web")
    assert shown(removal)[:3] == ["Untagged: web:latest", f"Deleted: {second.id}", f"Deleted: {first.id}"]
    assert store.images.list(all=True) == [base]
    assert fsck.check(store, deep=True) == []


def test_parents_stay_when_that_is_asked(store: Store) -> None:
    first = add_image(store, layers=({"a": b"1"},), intermediate=True)
    add_image(store, "web", layers=({"a": b"1"}, {"b": b"2"}), parent=first.id)
    remove_image(store, "web", prune_parents=False)
    assert store.images.list(all=True) == [first]


def test_a_parent_of_two_stays_for_the_other(store: Store) -> None:
    parent = add_image(store, layers=({"a": b"1"},), intermediate=True)
    add_image(store, "one", layers=({"a": b"1"}, {"b": b"2"}), parent=parent.id)
    add_image(store, "two", layers=({"a": b"1"}, {"c": b"3"}), parent=parent.id)
    remove_image(store, "one")
    assert store.images.get(parent.id) == parent
    remove_image(store, "two")
    assert store.images.get(parent.id) is None


def test_layers_that_another_image_has_stay(store: Store) -> None:
    base = add_image(store, "base", layers=({"a": b"1"},))
    add_image(store, "top", layers=({"a": b"1"}, {"b": b"2"}))
    removal = remove_image(store, "top")
    assert len(removal.reclaimed.snapshots) == 1
    assert base.chain is not None
    assert base.chain in store.snapshots


def test_garbage_stacked_on_its_layers_goes_along(store: Store) -> None:
    record = add_image(store, "web")
    garbage = add_layer(store, record.chain, {"b": b"2"})
    removal = remove_image(store, "web")
    assert removal.reclaimed.snapshots == (garbage.chain, record.chain)
    assert fsck.check(store) == []


def test_what_a_build_cached_stays_cached(store: Store) -> None:
    record = add_image(store, "web")
    store.steps.record("key", record.chain, document="{}")
    removal = remove_image(store, "web")
    assert removal.reclaimed.snapshots == ()
    assert store.steps.lookup("key") is not None


def test_what_another_process_works_on_stays(store: Store) -> None:
    record = add_image(store, "web")
    assert record.chain is not None
    with store.leases.hold() as lease:
        lease.add("snapshot", record.chain)
        lease.add("blob", record.id)
        assert remove_image(store, "web").reclaimed == ((), (), 0)
        assert store.blobs.has(record.id)


def test_nothing_changes_when_nothing_is_found(store: Store) -> None:
    add_image(store, "web")
    with pytest.raises(ImageNotFound):
        remove_image(store, "other")
    assert len(store.images.tags()) == 1

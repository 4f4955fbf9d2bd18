from __future__ import annotations

import pytest

from boxwright.errors import InvalidError
from boxwright.oci import media
from boxwright.oci.config import ImageConfig, MalformedConfig, RunConfig
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import Descriptor
from boxwright.oci.reference import InvalidReference
from boxwright.store.images import AmbiguousImage, ImageNotFound
from boxwright.store.snapshots import SnapshotNotFound
from boxwright.store.store import Store
from support.images import AMD64, add_image, add_layer, ref

DIGEST = Digest.of(b"manifest")
MANIFEST = Descriptor(media.OCI_MANIFEST, DIGEST, 8)


def test_an_image_is_its_configuration(store: Store) -> None:
    layer = add_layer(store, None, {"a": b"1"})
    config = ImageConfig(AMD64, RunConfig(cmd=("sh",)), (layer.diff_id,), created="2024-05-06T07:08:09Z")
    record = store.images.add(config)
    assert record.id == Digest.of(config.to_bytes())
    assert (record.chain, record.created, record.size) == (layer.chain, "2024-05-06T07:08:09Z", layer.size)
    assert store.images.get(record.id) == record
    assert store.images.config(record) == config
    assert store.images.config_bytes(record) == config.to_bytes()


def test_configuration_bytes_stay_as_they_came(store: Store) -> None:
    raw = b'{"rootfs": {"diff_ids": [], "type": "layers"},\n "os": "linux", "architecture": "amd64", "odd": 1}'
    record = store.images.add(raw)
    assert record.id == Digest.of(raw)
    assert record.chain is None
    assert store.images.config_bytes(record) == raw


def test_an_image_needs_its_layers(store: Store) -> None:
    with pytest.raises(SnapshotNotFound):
        store.images.add(ImageConfig(AMD64, RunConfig(), (DiffID(Digest.of(b"missing")),)))
    assert store.images.list(all=True) == []


def test_a_malformed_configuration_is_refused(store: Store) -> None:
    with pytest.raises(MalformedConfig):
        store.images.add(b"not JSON")


def test_adding_again_keeps_what_is_known_and_adds_what_is_new(store: Store) -> None:
    parent = add_image(store, layers=({"p": b"1"},))
    first = add_image(store, intermediate=True, parent=parent.id)
    again = store.images.add(store.images.config_bytes(first), manifest=MANIFEST)
    assert again == first._replace(manifest=MANIFEST, intermediate=False)
    third = store.images.add(store.images.config_bytes(first), manifest=MANIFEST._replace(size=9), intermediate=True)
    assert third == again


def test_sizes_are_those_of_all_layers(store: Store) -> None:
    record = add_image(store, layers=({"a": b"1"}, {"b": b"2" * 10_000}))
    assert record.size == sum(snapshot.usage for snapshot in store.snapshots.stack(record.chain))


@pytest.mark.parametrize(
    "text",
    [
        "ada/web",
        "ada/web:latest",
        "docker.io/ada/web",
        "index.docker.io/ada/web:latest",
        f"ada/web@{DIGEST}",
        f"ada/web:whatever@{DIGEST}",
        "{id}",
        "{hex}",
        "{short}",
        "sha256:{short}",
        "{hex:.5}",
    ],
)
def test_an_image_is_found_by(store: Store, text: str) -> None:
    record = add_image(store, "ada/web")
    store.images.add_repo_digest(ref(f"ada/web@{DIGEST}"), record.id)
    add_image(store, "other", layers=({"other": b""},))
    assert store.images.find(text.format(id=record.id, hex=record.id.hex, short=record.id.short)) == record


@pytest.mark.parametrize("text", ["ada/web:other", "web", f"ada/web@{Digest.of(b'x')}", "f" * 64, "sha256:" + "f" * 64])
def test_an_image_is_not_found_by(store: Store, text: str) -> None:
    add_image(store, "ada/web")
    with pytest.raises(ImageNotFound, match="no such image") as caught:
        store.images.find(text)
    assert caught.value.text == text


def test_a_name_goes_before_the_beginning_of_an_id(store: Store) -> None:
    by_id = add_image(store, layers=({"a": b"1"},))
    by_name = add_image(store, by_id.id.short, layers=({"b": b"2"},))
    assert store.images.find(by_id.id.short) == by_name
    assert store.images.find(by_id.id) == by_id


def test_an_ambiguous_beginning_is_refused_with_what_it_may_be(store: Store) -> None:
    ids: list[Digest] = []
    number = 0
    while not any(ids[-1].hex[0] == other.hex[0] for other in ids[:-1]):
        ids.append(add_image(store, layers=({"n": b"%d" % number},)).id)
        number += 1
    first = ids[-1].hex[0]
    with pytest.raises(AmbiguousImage, match=f"image ID {first} is ambiguous") as caught:
        store.images.find(first)
    assert set(caught.value.ids) == {id for id in ids if id.hex[0] == first}


def test_a_misspelt_name_gets_a_suggestion(store: Store) -> None:
    add_image(store, "ada/static_web")
    with pytest.raises(ImageNotFound) as caught:
        store.images.find("ada/static-web")
    assert caught.value.hint == "did you mean ada/static_web?"


def test_what_is_no_name_is_refused_as_such(store: Store) -> None:
    with pytest.raises(InvalidReference):
        store.images.find("Not A Name")


def test_a_tag_moves(store: Store) -> None:
    old = add_image(store, "web:1", layers=({"a": b"1"},))
    new = add_image(store, layers=({"b": b"2"},))
    assert store.images.tag(ref("web:1"), old.id) is None
    assert store.images.tag(ref("web:1"), new.id) == old.id
    assert store.images.find("web:1") == new
    assert store.images.refs(old.id) == []


def test_one_image_has_many_names(store: Store) -> None:
    record = add_image(store, "web", "web:1", "localhost:5000/ada/web")
    names = [name.familiar() for name in store.images.refs(record.id)]
    assert names == ["web:1", "web:latest", "localhost:5000/ada/web:latest"]
    assert {name for name, _ in store.images.tags()} == set(store.images.refs(record.id))


def test_a_digest_is_no_tag(store: Store) -> None:
    record = add_image(store)
    with pytest.raises(InvalidError, match="cannot tag with a digest"):
        store.images.tag(ref(f"web@{DIGEST}"), record.id)
    with pytest.raises(InvalidError):
        store.images.add_repo_digest(ref("web:1"), record.id)


def test_only_images_that_are_there_get_names(store: Store) -> None:
    with pytest.raises(ImageNotFound):
        store.images.tag(ref("web"), Digest.of(b"missing"))
    with pytest.raises(ImageNotFound):
        store.images.add_repo_digest(ref(f"web@{DIGEST}"), Digest.of(b"missing"))


def test_untagging_tells_whether_there_was_a_tag(store: Store) -> None:
    record = add_image(store, "web")
    store.images.add_repo_digest(ref(f"web@{DIGEST}"), record.id)
    assert store.images.untag(ref("web"))
    assert not store.images.untag(ref("web"))
    assert store.images.repo_digests(record.id) == [ref(f"web@{DIGEST}")]
    assert store.images.all_repo_digests() == [(ref(f"web@{DIGEST}"), record.id)]
    assert store.images.untag(ref(f"web@{DIGEST}"))
    assert store.images.get(record.id) == record


def test_images_are_listed_newest_first_without_those_on_the_way(store: Store) -> None:
    old = add_image(store, layers=({"a": b"1"},), created="2020-01-01T00:00:00Z")
    new = add_image(store, layers=({"b": b"2"},), created="2024-01-01T00:00:00Z")
    hidden = add_image(store, layers=({"c": b"3"},), created="2022-01-01T00:00:00Z", intermediate=True)
    assert store.images.list() == [new, old]
    assert store.images.list(all=True) == [new, hidden, old]


def test_tagging_makes_an_image_on_the_way_a_final_one(store: Store) -> None:
    record = add_image(store, "web", intermediate=True)
    assert store.images.list() == [record._replace(intermediate=False)]


def test_children_and_images_of_a_layer_are_found(store: Store) -> None:
    parent = add_image(store, layers=({"a": b"1"},))
    child = add_image(store, layers=({"a": b"1"}, {"b": b"2"}), parent=parent.id)
    assert store.images.children(parent.id) == [child]
    assert child.chain is not None
    assert store.images.with_chain(child.chain) == [child]


def test_a_manifest_can_be_noted_and_forgotten(store: Store) -> None:
    record = add_image(store)
    store.images.set_manifest(record.id, MANIFEST)
    assert store.images.get(record.id) == record._replace(manifest=MANIFEST)
    store.images.set_manifest(record.id, None)
    assert store.images.get(record.id) == record

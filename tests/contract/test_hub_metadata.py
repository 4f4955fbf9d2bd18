"""One suite for every metadata store."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.memory import MemoryMetadata
from boxwright.hub.db.metadata import (
    BlobCondemned,
    BlobInUse,
    ContentMissing,
    Hold,
    Manifest,
    MetadataStore,
    RepositoryUnknown,
    Requirements,
    Upload,
    UploadBusy,
)
from boxwright.hub.db.sql import SQLMetadata
from boxwright.oci.digest import Digest
from support.content import d

CONFIG, LAYER, CHILD = d("config"), d("layer"), d("child")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MetadataStore]:
    with ExitStack() as stack:
        made: MetadataStore
        match request.param:
            case "memory":
                made = MemoryMetadata()
            case "sqlite":
                made = SQLMetadata(Database(default_url(tmp_path)))
            case _:
                server = request.getfixturevalue("postgres")
                made = SQLMetadata(Database(stack.enter_context(server.database())))
        stack.callback(made.close)
        yield made
        made.close()


def manifest(name: str = "m", **more: object) -> Manifest:
    return Manifest(d(name), "application/x", name.encode())._replace(**more)


def put(store: MetadataStore, repository: str, one: Manifest, *tags: str, needs: Requirements | None = None) -> None:
    store.put_manifest(repository, one, needs or Requirements(), tags, sparse=False)


def test_a_blob_is_seen_by_its_repository_alone(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    store.add_blob("a", LAYER, 7)
    assert store.blob_size("a", LAYER) == 7
    assert store.blob_size("b", LAYER) is None
    assert store.blob_size("a", CONFIG) is None


def test_an_empty_blob_has_size_zero_and_is_not_missing(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 0)
    assert store.blob_size("a", LAYER) == 0


def test_mounting_needs_a_source_that_has_it(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    assert not store.mount_blob("b", LAYER, "nowhere")
    assert not store.mount_blob("b", CONFIG, "a")
    assert not store.mount_blob("b", CONFIG, None)
    assert store.blob_size("b", LAYER) is None
    assert store.mount_blob("b", LAYER, "a")
    assert store.mount_blob("c", LAYER, None)
    assert store.mount_blob("c", LAYER, "a")
    assert (store.blob_size("b", LAYER), store.blob_size("c", LAYER)) == (7, 7)


def test_removing_a_blob_ends_one_membership(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    store.mount_blob("b", LAYER, "a")
    assert store.remove_blob("a", LAYER)
    assert not store.remove_blob("a", LAYER)
    assert not store.remove_blob("nowhere", LAYER)
    assert store.blob_size("b", LAYER) == 7


@pytest.mark.parametrize("field", ["blobs", "optional", "children"])
def test_a_blob_that_a_manifest_names_stays(store: MetadataStore, field: str) -> None:
    store.add_blob("a", LAYER, 7)
    store.add_blob("b", LAYER, 7)
    put(store, "a", manifest(), needs=Requirements(**{field: (LAYER,)}))
    with pytest.raises(BlobInUse) as raised:
        store.remove_blob("a", LAYER)
    assert raised.value.manifests == (d("m"),)
    assert store.remove_blob("b", LAYER)
    assert store.remove_manifest("a", d("m")) is not None
    assert store.remove_blob("a", LAYER)


def test_a_manifest_is_found_by_digest_and_by_tag(store: MetadataStore) -> None:
    one = manifest(artifact_type="t", subject=d("s"), annotations={"k": "v"})
    put(store, "a", one, "x", "y")
    for reference in (d("m"), "x", "y"):
        assert store.manifest("a", reference) == one
    assert store.manifest("a", "z") is None
    assert store.manifest("b", "x") is None
    assert store.manifest("a", d("n")) is None


def test_tags_move_and_tell_upper_from_lower_case(store: MetadataStore) -> None:
    put(store, "a", manifest("m"), "x")
    put(store, "a", manifest("n"), "x", "X")
    put(store, "a", manifest("m"), "X")
    found = [store.manifest("a", tag) for tag in ("x", "X")]
    assert [one.digest for one in found if one] == [d("n"), d("m")]
    assert store.manifest("a", d("m")) is not None


def test_a_manifest_without_its_content_is_refused_and_changes_nothing(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 1)
    store.add_blob("other", CONFIG, 1)
    with pytest.raises(ContentMissing) as raised:
        put(store, "a", manifest(), "x", needs=Requirements((LAYER, CONFIG), (CHILD,)))
    assert raised.value.digests == (CONFIG, CHILD)
    assert store.manifest("a", "x") is None
    with pytest.raises(ContentMissing):
        put(store, "new", manifest(), "x", needs=Requirements((LAYER,)))
    with pytest.raises(RepositoryUnknown):
        store.tags("new", limit=10, last=None)


def test_children_may_be_manifests_or_blobs_and_absent_when_sparse(store: MetadataStore) -> None:
    needs = Requirements(children=(CHILD, LAYER))
    store.put_manifest("s", manifest(), needs, (), sparse=True)
    assert store.manifest("s", d("m")) is not None
    put(store, "a", manifest("child"))
    store.add_blob("a", LAYER, 1)
    put(store, "a", manifest(), needs=needs)
    assert store.manifest("a", d("m")) is not None


def test_a_manifest_may_name_very_many_blobs(store: MetadataStore) -> None:
    many = tuple(d(str(number)) for number in range(1201))
    for digest in many[:-1]:
        store.add_blob("a", digest, 1)
    with pytest.raises(ContentMissing) as raised:
        put(store, "a", manifest(), needs=Requirements(many))
    assert raised.value.digests == many[-1:]


def test_removing_a_manifest_takes_its_tags_and_nobody_elses(store: MetadataStore) -> None:
    put(store, "a", manifest("m"), "x", "y")
    put(store, "a", manifest("n"), "z")
    put(store, "b", manifest("m"), "x")
    assert store.remove_manifest("a", d("m")) == 0
    assert store.remove_manifest("a", d("m")) is None
    assert store.remove_manifest("nowhere", d("m")) is None
    assert store.tags("a", limit=10, last=None) == ["z"]
    assert store.manifest("a", "x") is None
    assert store.manifest("b", "x") is not None


def test_removing_a_manifest_says_what_nothing_needs_any_more(store: MetadataStore) -> None:
    for name, size in (("own", 1), ("shared", 10), ("elsewhere", 100), ("unnamed", 1000)):
        store.add_blob("a", d(name), size)
    store.mount_blob("b", d("elsewhere"), "a")
    put(store, "a", manifest("m"), needs=Requirements((d("own"), d("shared"), d("elsewhere"))))
    put(store, "a", manifest("n"), needs=Requirements((d("shared"),)))
    assert store.remove_manifest("a", d("m")) == 1
    assert store.remove_manifest("a", d("n")) == 10


def test_removing_a_tag_keeps_the_manifest(store: MetadataStore) -> None:
    put(store, "a", manifest(), "x")
    assert store.remove_tag("a", "x")
    assert not store.remove_tag("a", "x")
    assert not store.remove_tag("nowhere", "x")
    assert store.manifest("a", d("m")) is not None
    assert store.tags("a", limit=10, last=None) == []


def test_tags_are_in_byte_order_and_paged(store: MetadataStore) -> None:
    put(store, "a", manifest(), "b", "B", "1", "_", "a.1", "a-1", "a")
    everything = ["1", "B", "_", "a", "a-1", "a.1", "b"]
    assert store.tags("a", limit=10, last=None) == everything
    assert store.tags("a", limit=2, last="B") == ["_", "a"]
    assert store.tags("a", limit=2, last="A") == ["B", "_"]
    assert store.tags("a", limit=0, last=None) == []
    with pytest.raises(RepositoryUnknown) as raised:
        store.tags("b", limit=1, last=None)
    assert raised.value.repository == "b"


def test_repositories_are_those_with_manifests(store: MetadataStore) -> None:
    store.add_blob("blobs-only", LAYER, 1)
    for name in ("b", "a/x", "a"):
        put(store, name, manifest())
    assert store.repositories(limit=10, last=None) == ["a", "a/x", "b"]
    assert store.repositories(limit=1, last="a") == ["a/x"]
    assert store.repositories(limit=10, last=None, containing="a") == ["a", "a/x"]
    assert store.repositories(limit=10, last="a", containing="a") == ["a/x"]
    assert store.repositories(limit=10, last=None, containing="%") == []
    store.remove_manifest("b", d("m"))
    assert store.repositories(limit=10, last="a") == ["a/x"]


def test_referrers_by_subject_and_type(store: MetadataStore) -> None:
    subject = d("subject")
    names = ("r1", "r2", "r3")
    for name in names:
        put(store, "a", manifest(name, subject=subject, artifact_type="t" + name[-1], annotations={"n": name}), name)
    put(store, "a", manifest("r1", subject=subject, artifact_type="t1", annotations={"n": "r1"}), "again")
    put(store, "a", manifest("other", subject=d("else")))
    put(store, "b", manifest("r9", subject=subject))
    found = store.referrers("a", subject, artifact_type=None, limit=10, last=None)
    assert [one.digest for one in found] == sorted(map(d, names))
    assert {one.annotations["n"]: (one.artifact_type, one.size, one.media_type) for one in found}["r2"] == (
        "t2",
        2,
        "application/x",
    )
    (one,) = store.referrers("a", subject, artifact_type="t3", limit=10, last=None)
    assert one.digest == d("r3")
    assert store.referrers("a", subject, artifact_type=None, limit=1, last=found[0].digest) == [found[1]]
    assert store.referrers("nowhere", subject, artifact_type=None, limit=1, last=None) == []


def test_uploads_are_counted_for_each_client(store: MetadataStore) -> None:
    for number, client in enumerate(("ada", "10.0.0.1", "ada", "")):
        store.add_upload(Upload(f"u{number}", "a", "", 1.0, client))
    assert [store.count_uploads(client) for client in ("ada", "10.0.0.1", "", "eve")] == [2, 1, 1, 0]
    store.remove_upload("u0")
    assert store.count_uploads("ada") == 1


def test_uploads_are_remembered_until_they_end(store: MetadataStore) -> None:
    one, two = Upload("u1", "a", "ada", 1.5), Upload("u2", "a", "", 2.5)
    store.add_upload(one)
    store.add_upload(two)
    assert store.upload("u1") == one
    assert store.uploads() == [one, two]
    store.add_blob("a", LAYER, 1, upload="u1")
    assert store.upload("u1") is None
    assert store.remove_upload("u2")
    assert not store.remove_upload("u2")
    assert store.uploads() == []


def gone_holder() -> str:
    """Return who held something in a process that has ended."""
    program = "from boxwright.hub.db.holders import new_holder; print(new_holder())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_one_works_on_an_upload_at_a_time(store: MetadataStore) -> None:
    upload, me, other = Upload("u", "a", "ada", 1.5), new_holder(), new_holder()
    store.add_upload(upload, me)
    assert store.hold_upload("v", me, 60) is None
    assert store.hold_upload("u", me, 60) == Hold(upload, me)
    assert store.hold_upload("u", me, 60) == Hold(upload, me)
    with pytest.raises(UploadBusy):
        store.hold_upload("u", other, 60)
    assert store.extend_hold("u", me, 60)
    assert not store.extend_hold("u", other, 60)
    store.release_upload("u", other)
    with pytest.raises(UploadBusy):
        store.hold_upload("u", other, 60)
    store.release_upload("u", me)
    assert not store.extend_hold("u", me, 60)
    assert store.hold_upload("u", other, 60) == Hold(upload, me)
    store.remove_upload("u")
    assert not store.extend_hold("u", other, 60)
    store.release_upload("u", other)


def test_what_a_holder_left_behind_is_taken_over_and_that_is_told(store: MetadataStore) -> None:
    upload, me = Upload("u", "a", "ada", 1.5), new_holder()
    store.add_upload(upload)
    dead = gone_holder()
    assert store.hold_upload("u", dead, 3600) == Hold(upload, None)
    assert store.hold_upload("u", me, 0.0) == Hold(upload, dead, broken=True)
    other = new_holder()
    assert store.hold_upload("u", other, 60) == Hold(upload, me, broken=True)
    assert not store.extend_hold("u", me, 60)


def test_many_threads_at_once(store: MetadataStore) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(10):
                name = f"{number}-{round_}"
                store.add_blob("a", d(name), number)
                put(store, "a", manifest(name), "latest", name, needs=Requirements((d(name),)))
                assert store.manifest("a", name) is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(store.tags("a", limit=100, last=None)) == 61


LONG_AGO, EVER_AFTER = 0.0, 4e9


def release(store: MetadataStore, before: float = EVER_AFTER) -> int:
    return store.release_blobs(store.unneeded_blobs(before, limit=9, last=None), before)


def garbage(store: MetadataStore, before: float = EVER_AFTER) -> list[Digest]:
    return [digest for digest, _ in store.garbage(before, limit=9, last=None)]


def test_a_blob_that_no_manifest_names_is_released_once_it_is_old(store: MetadataStore) -> None:
    for name in (LAYER, CONFIG):
        store.add_blob("a", name, 7)
    put(store, "a", manifest(), "latest", needs=Requirements(blobs=(CONFIG,)))
    assert release(store, LONG_AGO) == 0
    assert release(store, EVER_AFTER) == 1
    assert (store.blob_size("a", LAYER), store.blob_size("a", CONFIG)) == (None, 7)
    assert store.garbage(EVER_AFTER, limit=9, last=None) == [(LAYER, 7)]
    assert garbage(store, LONG_AGO) == []


@pytest.mark.parametrize("needs", [{"blobs": (LAYER,)}, {"optional": (LAYER,)}, {"children": (LAYER,)}])
def test_a_blob_is_kept_by_whatever_names_it(store: MetadataStore, needs: dict[str, tuple[Digest, ...]]) -> None:
    store.add_blob("a", LAYER, 7)
    put(store, "a", manifest(), needs=Requirements(**needs))
    assert release(store, EVER_AFTER) == 0
    assert store.remove_manifest("a", d("m")) is not None
    assert release(store, EVER_AFTER) == 1


def test_a_manifest_elsewhere_keeps_nothing_here(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    store.mount_blob("b", LAYER, "a")
    put(store, "b", manifest(), needs=Requirements(blobs=(LAYER,)))
    assert release(store, EVER_AFTER) == 1
    assert (store.blob_size("a", LAYER), store.blob_size("b", LAYER)) == (None, 7)
    assert garbage(store) == []


def test_what_is_unneeded_is_found_in_pages(store: MetadataStore) -> None:
    for number in range(4):
        for repository in ("a", "b"):
            store.add_blob(repository, d(f"blob {number}"), 1)
    put(store, "a", manifest(), needs=Requirements(blobs=(d("blob 0"),)))
    found, last = [], None
    while page := store.unneeded_blobs(EVER_AFTER, limit=3, last=last):
        last = page[-1]
        found.append(page)
    assert [len(page) for page in found] == [3, 3, 1]
    assert sum(store.release_blobs(page, EVER_AFTER) for page in found) == 7
    assert [store.release_blobs(page, EVER_AFTER) for page in found] == [0, 0, 0]


def test_what_became_needed_meanwhile_is_not_released(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    unneeded = store.unneeded_blobs(EVER_AFTER, limit=9, last=None)
    put(store, "a", manifest(), needs=Requirements(blobs=(LAYER,)))
    assert store.release_blobs(unneeded, EVER_AFTER) == 0


def test_touching_spares_a_blob(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    time.sleep(0.002)
    before = time.time()
    store.touch_blob("a", LAYER, older=3600)
    store.touch_blob("a", LAYER, older=0)
    store.touch_blob("nowhere", LAYER, older=0)
    store.touch_blob("a", CONFIG, older=0)
    assert release(store, before) == 0


@pytest.mark.parametrize("again", ["push", "mount"])
def test_pushing_or_mounting_again_touches(store: MetadataStore, again: str) -> None:
    store.add_blob("a", LAYER, 7)
    store.mount_blob("b", LAYER, "a")
    time.sleep(0.002)
    before = time.time()
    if again == "push":
        store.add_blob("b", LAYER, 7)
    else:
        store.mount_blob("b", LAYER, "a")
    assert release(store, before) == 1
    assert (store.blob_size("a", LAYER), store.blob_size("b", LAYER)) == (None, 7)


def test_garbage_is_listed_in_pages(store: MetadataStore) -> None:
    digests = sorted(d(f"blob {number}") for number in range(5))
    for digest in digests:
        store.claim_blob(digest, 1)
    pages = [store.garbage(EVER_AFTER, limit=2, last=last) for last in (None, digests[1], digests[3], digests[4])]
    assert [[digest for digest, _ in page] for page in pages] == [digests[:2], digests[2:4], digests[4:], []]


def condemn(store: MetadataStore, holder: str, *, before: float = EVER_AFTER, seconds: float = 60) -> list[Digest]:
    return store.condemn_blobs([LAYER, CONFIG], before, holder, seconds)


def test_garbage_alone_is_condemned(store: MetadataStore) -> None:
    me = new_holder()
    store.add_blob("a", LAYER, 7)
    assert condemn(store, me) == []
    store.remove_blob("a", LAYER)
    assert condemn(store, me, before=LONG_AGO) == []
    assert condemn(store, me) == [LAYER]
    assert store.forget_condemned([LAYER, CONFIG], me) == 1
    assert garbage(store) == []
    assert condemn(store, me) == []


def test_what_is_condemned_is_nobodys_until_it_is_forgotten_or_spared(store: MetadataStore) -> None:
    me, other = new_holder(), new_holder()
    store.claim_blob(LAYER, 7)
    assert condemn(store, me) == [LAYER]
    assert condemn(store, other) == condemn(store, me) == []
    for take in (lambda: store.claim_blob(LAYER, 7), lambda: store.add_blob("a", LAYER, 7)):
        with pytest.raises(BlobCondemned):
            take()
    assert store.blob_size("a", LAYER) is None
    assert not store.mount_blob("a", LAYER, None)
    store.spare_condemned([LAYER], other)
    assert store.forget_condemned([LAYER], other) == 0
    with pytest.raises(BlobCondemned):
        store.claim_blob(LAYER, 7)
    store.spare_condemned([LAYER], me)
    store.claim_blob(LAYER, 7)
    assert condemn(store, other) == [LAYER]
    assert store.forget_condemned([LAYER], other) == 1
    store.add_blob("a", LAYER, 7)
    assert store.blob_size("a", LAYER) == 7


def test_who_is_gone_or_late_leaves_what_he_condemned_to_the_next(store: MetadataStore) -> None:
    me, other, dead = new_holder(), new_holder(), gone_holder()
    store.claim_blob(LAYER, 7)
    assert condemn(store, dead, seconds=3600) == [LAYER]
    with pytest.raises(BlobCondemned):
        store.claim_blob(LAYER, 7)
    assert condemn(store, me, before=LONG_AGO, seconds=0.0) == [LAYER]
    assert condemn(store, other, before=LONG_AGO) == [LAYER]
    store.keep_condemned([LAYER], me, 0.0)
    assert condemn(store, me, before=LONG_AGO) == []
    store.keep_condemned([LAYER], other, 0.0)
    assert store.forget_condemned([LAYER], me) == 0
    assert condemn(store, me, before=LONG_AGO) == [LAYER]


def test_what_is_claimed_is_garbage_until_a_repository_has_it(store: MetadataStore) -> None:
    store.claim_blob(LAYER, 7)
    assert (garbage(store), garbage(store, LONG_AGO)) == ([LAYER], [])
    store.add_blob("a", LAYER, 7)
    assert garbage(store) == []


def test_a_claim_makes_old_garbage_new(store: MetadataStore) -> None:
    store.add_blob("a", LAYER, 7)
    store.remove_blob("a", LAYER)
    time.sleep(0.002)
    before = time.time()
    assert garbage(store, before) == [LAYER]
    store.claim_blob(LAYER, 7)
    assert garbage(store, before) == []
    assert store.condemn_blobs([LAYER], before, new_holder(), 60) == []

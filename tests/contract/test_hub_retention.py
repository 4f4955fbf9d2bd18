"""Retention rules, in a database: what goes, what stays, and that a dry run says the same."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from boxwright.hub.db.database import Database
from boxwright.hub.db.metadata import Requirements
from boxwright.hub.db.retention import InvalidRule, Retention, RetentionRule
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.stats import RepositorySize, collect
from boxwright.hub.db.tables.life import tag_history
from boxwright.hub.db.tables.registry import manifest, tag
from boxwright.hub.db.tags import ImmutableRule, ImmutableRules, TagHistory
from support.content import REPO, d, push
from support.hub_kit import BY

DAY = 86400.0


def age(db: Database, days: float) -> None:
    """Let everything have happened so much earlier."""
    with db.write() as c:
        for column in (tag.c.updated, manifest.c.created, manifest.c.pulled, tag_history.c.at):
            c.execute(update(column.table).values({column: column - days * DAY}))


def prune(db: Database) -> list[str]:
    """Return what went, tags by name and manifests by the start of their digest; a dry run has said the same."""
    retention = Retention(db, BY)
    planned = {(one.repository, one.tag, one.digest) for one in retention.prune(dry_run=True)}
    done = list(retention.prune(dry_run=False))
    assert planned <= {(one.repository, one.tag, one.digest) for one in done}
    assert {(one.repository, one.tag) for one in done if one.tag} == {entry[:2] for entry in planned if entry[1]}
    return sorted(one.tag or one.digest for one in done)


def tags(store: SQLMetadata, repo: str = REPO) -> list[str]:
    return store.tags(repo, limit=100, last=None)


def test_without_rules_everything_stays(db: Database, store: SQLMetadata) -> None:
    push(store, "1", "a")
    push(store, "2")
    age(db, 10_000)
    assert prune(db) == []


def test_the_last_tags_of_a_pattern_stay(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("ada/", "pr-*", last=2))
    for number in range(4):
        push(store, str(number), f"pr-{number}", f"v{number}")
        time.sleep(0.002)
        push(store, "x", f"pr-{number}", repo="bob/tools")
    assert prune(db) == ["pr-0", "pr-1"]
    assert prune(db) == []
    assert tags(store) == ["pr-2", "pr-3", "v0", "v1", "v2", "v3"]
    assert len(tags(store, "bob/tools")) == 4
    # What went by a rule is remembered as such, and can be put back.
    assert TagHistory(db, BY).changes(REPO, "pr-0")[0].action == "retention"
    TagHistory(db, BY).undo(REPO, "pr-0")
    assert "pr-0" in tags(store)


def test_each_reason_keeps_a_tag_by_itself(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("", last=1, pushed=10 * DAY, pulled=30 * DAY))
    push(store, "pulled", "pulled")
    push(store, "old", "old")
    age(db, 20)
    store.note_pull(REPO, d("pulled"), older=DAY)
    push(store, "young", "young")
    age(db, 5)
    push(store, "last", "last")
    assert prune(db) == ["old"]
    age(db, 40)
    assert prune(db) == ["pulled", "young"]


def test_a_pull_is_noted_once_in_a_while(db: Database, store: SQLMetadata) -> None:
    push(store, "1", "a")
    store.note_pull(REPO, d("1"), older=DAY)
    with db.read() as c:
        first = c.execute(manifest.select()).one().pulled
    store.note_pull(REPO, d("1"), older=DAY)
    store.note_pull(REPO, d("2"), older=DAY)
    store.note_pull("nowhere", d("2"), older=DAY)
    with db.read() as c:
        assert c.execute(manifest.select()).one().pulled == first
    assert abs(first - time.time()) < 60


def test_the_narrowest_scope_decides(db: Database, store: SQLMetadata) -> None:
    retention = Retention(db, BY)
    retention.set(RetentionRule("", pushed=DAY))
    retention.set(RetentionRule(REPO, pushed=100 * DAY))
    push(store, "1", "a")
    push(store, "1", "a", repo="ada/other")
    age(db, 2)
    assert [one.repository for one in retention.prune(dry_run=True)] == ["ada/other"]
    assert retention.remove("", "*")
    assert not retention.remove("", "*")
    assert prune(db) == []
    assert retention.rules() == [RetentionRule(REPO, pushed=100 * DAY)]


def test_immutable_tags_stay(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("", pushed=DAY))
    ImmutableRules(db, BY).add(ImmutableRule("", "v*"))
    push(store, "1", "v1", "latest")
    age(db, 2)
    assert prune(db) == ["latest"]


def test_manifests_that_nothing_names_go_after_their_time(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("", untagged=7 * DAY))
    store.add_blob(REPO, d("layer"), 100)
    push(store, "lonely", needs=Requirements(blobs=(d("layer"),)))
    push(store, "child")
    push(store, "index", "index", needs=Requirements(children=(d("child"),)))
    push(store, "moved", "latest")
    push(store, "pulled")
    age(db, 8)
    push(store, "new", "latest")  # "moved" has lost its tag just now
    store.note_pull(REPO, d("pulled"), older=DAY)
    (gone,) = Retention(db, BY).prune(dry_run=True)
    assert (gone.tag, gone.digest) == ("", d("lonely"))
    (gone,) = Retention(db, BY).prune(dry_run=False)
    assert (gone.digest, gone.freed) == (d("lonely"), 100)
    age(db, 8)
    assert prune(db) == sorted([d("moved"), d("pulled")])
    store.remove_manifest(REPO, d("index"))
    assert prune(db) == [d("child")]


def test_what_belongs_to_an_image_goes_with_it_and_never_before(db: Database, store: SQLMetadata) -> None:
    retention = Retention(db, BY)
    retention.set(RetentionRule("", "*", pushed=DAY, untagged=DAY))
    prefix = d("image").replace(":", "-")
    push(store, "signature", prefix + ".sig")
    push(store, "attestation", prefix + ".att")
    push(store, "referrer", subject=d("image"))
    push(store, "of the referrer", subject=d("referrer"))
    push(store, "also for itself", "own", subject=d("image"))
    push(store, "list", prefix)
    age(db, 30)
    push(store, "image", "latest")
    assert prune(db) == ["own"]
    push(store, "also for itself", "own", subject=d("image"))
    age(db, 0.5)
    assert prune(db) == []
    age(db, 0.6)
    push(store, "also for itself", "own2", subject=d("image"))
    assert prune(db) == ["latest", "own"]
    age(db, 1.1)
    push(store, "also for itself", "own3", subject=d("image"))
    gone = prune(db)
    names = ("image", "signature", "attestation", "referrer", "of the referrer", "list")
    assert gone == sorted([*map(d, names), "own2"])
    assert store.manifest(REPO, "own3") is not None


def test_what_belonged_to_an_image_that_was_deleted_goes_after_its_time(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("", untagged=DAY))
    push(store, "image", "latest")
    push(store, "signature", d("image").replace(":", "-") + ".sig")
    store.remove_manifest(REPO, d("image"))
    assert prune(db) == []
    age(db, 2)
    assert prune(db) == [d("signature")]


def test_a_referrer_whose_subject_never_came_goes(db: Database, store: SQLMetadata) -> None:
    Retention(db, BY).set(RetentionRule("", untagged=DAY))
    push(store, "referrer", subject=d("never"))
    assert prune(db) == []
    age(db, 2)
    assert prune(db) == [d("referrer")]


@pytest.mark.parametrize(
    "rule",
    [
        RetentionRule(""),
        RetentionRule("", last=0),
        RetentionRule("", pushed=-1.0),
        RetentionRule("", "", last=1),
        RetentionRule("", "x" * 129, last=1),
    ],
)
def test_rules_that_nobody_can_mean_are_refused(db: Database, rule: RetentionRule) -> None:
    with pytest.raises(InvalidRule):
        Retention(db, BY).set(rule)


def test_a_rule_replaces_the_one_for_the_same_tags(db: Database) -> None:
    retention = Retention(db, BY)
    retention.set(RetentionRule("", "a*", last=1, untagged=5.0))
    retention.set(RetentionRule("", "a*", pushed=2.0))
    assert retention.rules() == [RetentionRule("", "a*", pushed=2.0)]


def test_stats(db: Database, store: SQLMetadata) -> None:
    store.add_blob("a", d("1"), 100)
    store.add_blob("a", d("2"), 10)
    store.mount_blob("b", d("1"), "a")
    store.add_blob("c", d("3"), 5)
    store.remove_blob("c", d("3"))
    push(store, "m", "x", "y", repo="a")
    found = collect(db, largest=2)
    assert found == (3, 2, 1, 3, 115, 100, 5, 0, (RepositorySize("a", 110), RepositorySize("b", 100)))

"""Webhooks and the outbox, in SQLite and in PostgreSQL."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import func, select, update

from boxwright.hub.accounts.repositories import Repositories
from boxwright.hub.db.audit import Actor
from boxwright.hub.db.database import Database
from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.metadata import ContentMissing, Manifest, Requirements
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import events as t
from boxwright.hub.events import outbox
from boxwright.hub.events.event import ping
from boxwright.hub.events.sending import Attempt
from boxwright.hub.events.store import DELIVERED, FAILED, KEPT_SECONDS, PENDING, REPEATED, WebhookStore
from boxwright.hub.events.webhook import Webhook, WebhookUnknown
from boxwright.oci.digest import Digest
from support.hub_kit import BY

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
GOOD, BAD = Attempt(200, "ok", 0.5), Attempt(500, "no", 0.25)
EVERYTHING = Webhook(0, "", "https://example.com/")


@pytest.fixture
def store(db: Database) -> WebhookStore:
    return WebhookStore(db, BY)


@pytest.fixture
def metadata(db: Database) -> SQLMetadata:
    return SQLMetadata(db)


def push(metadata: SQLMetadata, repository: str, *tags: str, content: bytes = b"one") -> None:
    manifest = Manifest(Digest.of(content), "application/x", content)
    metadata.put_manifest(repository, manifest, Requirements(), tags, sparse=False)


def events(store: WebhookStore, webhook: Webhook) -> list[tuple[str, str, str, str]]:
    """Return what waits or waited for a webhook, in the order of delivery."""
    found = [one.event for one in reversed(store.deliveries(webhook.id))]
    return [(event.action, event.repository, event.tag, event.digest) for event in found]


def test_every_change_is_told(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    metadata.add_blob("a", TWO, 7)
    push(metadata, "a", "1", "2")
    push(metadata, "a")
    assert metadata.mount_blob("b", TWO, "a")
    assert not metadata.mount_blob("b", ONE, "a")
    assert metadata.remove_tag("a", "1")
    assert not metadata.remove_tag("a", "1")
    assert metadata.remove_manifest("a", ONE) == 0
    assert metadata.remove_manifest("a", ONE) is None
    assert events(store, webhook) == [
        ("push", "a", "1", ONE),
        ("push", "a", "2", ONE),
        ("push", "a", "", ONE),
        ("mount", "b", "", TWO),
        ("delete", "a", "1", ONE),
        ("delete", "a", "", ONE),
    ]
    mount = store.deliveries(webhook.id)[2].event
    assert (mount.source, mount.size) == ("a", 7)


def test_the_end_of_a_repository_is_told_once(store: WebhookStore, metadata: SQLMetadata, db: Database) -> None:
    webhook = store.add(EVERYTHING._replace(actions=("delete",)), SECRET)
    push(metadata, "a", "1", "2")
    Repositories(db).remove("a", Actor("root"))
    assert events(store, webhook) == [("delete", "a", "", "")]
    assert store.deliveries(webhook.id)[0].event.actor == "root"


def test_copies_of_other_registries_are_told_to_nobody(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    with outbox.silently():
        push(metadata, "copies/a", "1")
    push(metadata, "a", "1")
    assert events(store, webhook) == [("push", "a", "1", ONE)]


def test_what_did_not_happen_is_not_told(store: WebhookStore, metadata: SQLMetadata, db: Database) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    with pytest.raises(ContentMissing):
        metadata.put_manifest(
            "a", Manifest(ONE, "application/x", b"one"), Requirements(blobs=(TWO,)), ["1"], sparse=False
        )
    assert events(store, webhook) == []


def test_an_event_that_nobody_wants_is_not_written(store: WebhookStore, metadata: SQLMetadata, db: Database) -> None:
    push(metadata, "a", "1")
    other = store.add(EVERYTHING._replace(scope="b"), SECRET)
    off = store.add(EVERYTHING, SECRET)
    store.set_active(off.id, False)
    push(metadata, "a", "2")
    assert (events(store, other), events(store, off)) == ([], [])
    with db.read() as c:
        assert c.execute(select(func.count()).select_from(t.outbox)).scalar_one() == 0


def test_scopes_and_filters(store: WebhookStore, metadata: SQLMetadata) -> None:
    hooks = {
        name: store.add(EVERYTHING._replace(**changes), SECRET)
        for name, changes in {
            "all": {},
            "namespace": {"scope": "ada/"},
            "deeper": {"scope": "ada/team/"},
            "repository": {"scope": "ada/tools"},
            "deletions": {"actions": ("delete",)},
            "releases": {"tags": "v*"},
        }.items()
    }
    push(metadata, "ada/tools", "v1")
    push(metadata, "ada/team/x", "latest")
    push(metadata, "ada", "1")
    metadata.remove_manifest("ada/tools", ONE)
    counts = {name: len(events(store, webhook)) for name, webhook in hooks.items()}
    assert counts == {"all": 4, "namespace": 3, "deeper": 1, "repository": 2, "deletions": 1, "releases": 1}


def test_webhooks_are_stored_as_they_are(store: WebhookStore) -> None:
    made = store.add(Webhook(0, "a/", "https://x.example/", "dockerhub", ("push",), "v*"), SECRET)
    assert store.webhook(made.id) == made
    assert store.webhooks() == [made]
    assert store.keys(made.id).at(0.0) == [SECRET]
    store.rotate(made.id, SECRET + "2")
    assert store.keys(made.id).at(time.time()) == [SECRET + "2", SECRET]
    assert store.keys(made.id).at(time.time() + 90_000) == [SECRET + "2"]
    store.set_active(made.id, False, "by hand")
    stopped = store.webhook(made.id)
    assert (stopped.active, stopped.reason) == (False, "by hand")
    store.remove(made.id)
    assert store.webhooks() == []


def test_an_unknown_webhook(store: WebhookStore) -> None:
    for call in (store.webhook, store.keys, store.remove, store.deliveries, store.redeliver):
        with pytest.raises(WebhookUnknown):
            call(7)
    with pytest.raises(WebhookUnknown):
        store.rotate(7, SECRET)
    with pytest.raises(WebhookUnknown):
        store.set_active(7, True)
    with pytest.raises(WebhookUnknown):
        store.send(7, ping("a"))


def test_deliveries_go_in_order_and_a_failure_holds_up_the_rest(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    for tag in ("1", "2", "3"):
        push(metadata, "a", tag)
    first = store.head(webhook.id)
    assert first is not None
    assert (first.event.tag, first.state, first.attempts) == ("1", PENDING, 0)
    store.succeeded(first, GOOD)
    second = store.head(webhook.id)
    assert second is not None
    assert second.event.tag == "2"
    store.failed(second, BAD, 60.0)
    assert store.due(5) == []
    again = store.head(webhook.id)
    assert again is not None
    assert (again.id, again.attempts, again.status, again.answer) == (second.id, 1, 500, "no")
    assert store.webhook(webhook.id).failing_since is not None
    store.failed(again, BAD, None)
    assert store.due(5) == [webhook.id]
    third = store.head(webhook.id)
    assert third is not None
    assert third.event.tag == "3"
    store.succeeded(third, GOOD)
    assert store.webhook(webhook.id).failing_since is None
    assert [one.state for one in store.deliveries(webhook.id)] == [DELIVERED, FAILED, DELIVERED]
    assert [one.event.tag for one in store.deliveries(webhook.id, state=FAILED)] == ["2"]
    assert [one.event.tag for one in store.deliveries(webhook.id, limit=1)] == ["3"]
    assert (store.head(webhook.id), store.due(5), store.backlog()) == (None, [], 0)


def test_one_holder_at_a_time(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    mine, other = new_holder(), new_holder()
    assert store.due(5) == []
    push(metadata, "a", "1")
    assert store.due(5) == [webhook.id]
    assert store.claim(webhook.id, mine, 60)
    assert store.due(5) == []
    assert not store.claim(webhook.id, other, 60)
    assert not store.extend(webhook.id, other, 60)
    assert store.extend(webhook.id, mine, 60)
    store.release(webhook.id, other)
    assert not store.claim(webhook.id, other, 60)
    store.release(webhook.id, mine)
    assert store.claim(webhook.id, other, -1)
    assert store.claim(webhook.id, mine, 60), "a lease that has run out"


def test_the_lease_of_a_process_that_died_is_free(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    push(metadata, "a", "1")
    place, _, started, token = new_holder().rsplit("/", 3)
    assert store.claim(webhook.id, f"{place}/4194304/{started}/{token}", 3600)
    assert store.due(5) == [webhook.id]
    assert store.claim(webhook.id, new_holder(), 60)


def test_many_claim_and_one_gets_it(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    push(metadata, "a", "1")
    got: list[bool] = []
    threads = [threading.Thread(target=lambda: got.append(store.claim(webhook.id, new_holder(), 60))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True]


def test_a_webhook_that_is_disabled_gets_nothing_more(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    push(metadata, "a", "1")
    store.disable(webhook.id, "nothing arrived for 5 days")
    push(metadata, "a", "2")
    assert [one.state for one in store.deliveries(webhook.id)] == [FAILED]
    assert (store.due(5), store.backlog()) == ([], 0)
    assert not store.claim(webhook.id, new_holder(), 60)
    store.set_active(webhook.id, True)
    assert store.redeliver(webhook.id) == 1
    assert store.due(5) == [webhook.id]


def test_delivering_again(store: WebhookStore, metadata: SQLMetadata) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    for tag in ("1", "2"):
        push(metadata, "a", tag)
    one, two = reversed(store.deliveries(webhook.id))
    store.succeeded(one, GOOD)
    assert store.redeliver(webhook.id) == 0
    assert store.redeliver(webhook.id, [two.id]) == 0, "it waits still"
    assert store.redeliver(webhook.id, [one.id]) == 1
    store.failed(two, BAD, None)
    assert store.redeliver(webhook.id) == 1
    assert store.redeliver(webhook.id) == 0, "once is enough"
    found = list(reversed(store.deliveries(webhook.id)))
    assert [(entry.event.tag, entry.state) for entry in found] == [
        *[("1", DELIVERED), ("2", REPEATED), ("1", PENDING), ("2", PENDING)]
    ]
    assert found[2].event == one.event, "the same event, by which a receiver knows that it had it"


def test_an_event_for_one_webhook_alone(store: WebhookStore) -> None:
    webhook, other = store.add(EVERYTHING, SECRET), store.add(EVERYTHING, SECRET)
    store.send(webhook.id, ping("a"))
    assert events(store, webhook) == [("ping", "a", "", "")]
    assert events(store, other) == []


def test_old_deliveries_are_forgotten(store: WebhookStore, metadata: SQLMetadata, db: Database) -> None:
    webhook = store.add(EVERYTHING, SECRET)
    for tag in ("1", "2", "3"):
        push(metadata, "a", tag)
    old, waiting, _ = reversed(store.deliveries(webhook.id))
    store.succeeded(old, GOOD)
    long_ago = time.time() - KEPT_SECONDS - 60
    with db.write() as c:
        c.execute(update(t.delivery).where(t.delivery.c.id.in_([old.id, waiting.id])).values(created=long_ago))
        c.execute(update(t.outbox).values(at=long_ago))
    assert store.prune() == 1
    assert [one.event.tag for one in store.deliveries(webhook.id)] == ["3", "2"]
    with db.read() as c:
        assert c.execute(select(func.count()).select_from(t.outbox)).scalar_one() == 2
    store.remove(webhook.id)
    assert store.prune() == 0
    with db.read() as c:
        assert c.execute(select(func.count()).select_from(t.outbox)).scalar_one() == 0

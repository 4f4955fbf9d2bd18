"""Events, killed at every point of their way: from the push that they tell of to the receiver that has taken them."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.events import schedule
from boxwright.hub.events.addresses import AddressPolicy, parse_network
from boxwright.hub.events.dispatcher import Dispatcher
from boxwright.hub.events.store import DELIVERED, WebhookStore
from boxwright.hub.events.webhook import Webhook
from crash.crashing import MOST_POINTS, run_in_child, with_fault
from support.content import REPO, push
from support.hub_kit import BY
from support.webhook_receiver import Receiver, answering, receiving

LOOPBACK = AddressPolicy([parse_network("127.0.0.0/8")])
TAGS = ["1", "2"]


def push_all(root: Path) -> None:
    """Push what is not there yet."""
    with closing(Database(default_url(root))) as db:
        store = SQLMetadata(db)
        for tag in TAGS:
            if store.manifest(REPO, tag) is None:
                push(store, tag, tag)


def deliver_all(root: Path) -> None:
    """Deliver what waits, as a server does, until nothing is left."""
    with closing(Database(default_url(root))) as db:
        store = WebhookStore(db, BY)
        dispatcher = Dispatcher(store, LOOPBACK, timeout=5.0)
        while store.backlog():
            for number in store.due(1):
                dispatcher._take_turn(number)


def told(receiver: Receiver) -> list[str]:
    """The tags that the receiver was told of, in order; twice in a row counts once, since that may happen."""
    tags = [json.loads(message.body)["data"]["tag"] for message in receiver.messages]
    return [tag for at, tag in enumerate(tags) if at == 0 or tags[at - 1] != tag]


def killed_at(number: int, root: Path, prepared: Path) -> bool:
    """Kill a push and the deliveries after it at a point, let the next server go on, and look at what arrived."""
    shutil.copytree(prepared, root)
    # The first attempt fails, so that the points of a failure are among them.
    with receiving(answering(500)) as receiver, closing(Database(default_url(root))) as db:
        store = WebhookStore(db, BY)
        webhook = store.add(Webhook(0, "", receiver.url), "whsec_" + "x" * 32)

        def operate() -> None:
            push_all(root)
            deliver_all(root)

        died = run_in_child(lambda: with_fault(number, operate))
        pushed = SQLMetadata(db).tags(REPO, limit=9, last=None) if store.deliveries(webhook.id) else []
        assert len(store.deliveries(webhook.id)) == len(pushed), "an event and what it tells are one transaction"
        push_all(root)
        deliver_all(root)
        assert told(receiver) == TAGS
        assert {one.state for one in store.deliveries(webhook.id)} == {DELIVERED}
    shutil.rmtree(root)
    return died


@pytest.mark.slow
def test_every_point_from_a_push_to_its_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_DELAYS", (0.0,) * 11)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    Database(default_url(prepared)).close()
    deaths = 0
    while killed_at(deaths + 1, tmp_path / f"killed-at-{deaths + 1}", prepared):
        deaths += 1
        assert deaths < MOST_POINTS, "is there a loop?"
    assert deaths >= 20

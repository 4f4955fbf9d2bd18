"""Writes events in the transaction of what they tell: either both are there after it, or neither."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, bindparam, select

from boxwright.hub.db.tables import events as t
from boxwright.hub.events.event import Event
from boxwright.hub.events.webhook import Webhook, scopes_of

_silent: ContextVar[bool] = ContextVar("silent", default=False)

_INTERESTED = select(t.webhook.c.id, t.webhook.c.format, t.webhook.c.actions, t.webhook.c.tags).where(
    t.webhook.c.scope.in_(bindparam("scopes", expanding=True)), t.webhook.c.active
)


@contextmanager
def silently() -> Iterator[None]:
    """Let what is done in the block be told to nobody: copies of another registry that come and go are no pushes."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


def append(c: Connection, events: Iterable[Event]) -> None:
    """Let every webhook that wants one of `events` get it. All are of one repository.

    Call it while the repository is locked: then its events are delivered in the order in which they happened.
    """
    events = tuple(events)
    if not events or _silent.get():
        return
    webhooks = [
        Webhook(number, "", "", format, tuple(actions.split(",")), tags)
        for number, format, actions, tags in c.execute(_INTERESTED, {"scopes": scopes_of(events[0].repository)})
    ]
    for event in events:
        if wanting := [webhook.id for webhook in webhooks if webhook.wants(event)]:
            deliver_to(c, event, wanting)


def deliver_to(c: Connection, event: Event, webhooks: Iterable[int]) -> None:
    """Let these webhooks get an event, whether they want it or not."""
    stored = c.execute(
        t.outbox.insert().returning(t.outbox.c.id), {"event": event.id, "at": event.at, "body": event.to_json()}
    ).scalar_one()
    c.execute(
        t.delivery.insert(),
        [new_delivery(number, stored) for number in webhooks],
    )


def new_delivery(webhook: int, stored: int) -> dict[str, object]:
    """Return the row of a delivery that waits."""
    return {
        "webhook_id": webhook,
        "outbox_id": stored,
        "state": "pending",
        "attempts": 0,
        "created": time.time(),
        "answer": "",
    }

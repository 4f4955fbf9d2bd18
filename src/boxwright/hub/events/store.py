"""Webhooks and their deliveries in a `Database`.

A server delivers what waits for a webhook while it holds the webhook's lease, so that of any number of servers one
delivers, in order. A lease ends by itself when its holder died; then what it was delivering is delivered once more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, delete, exists, func, select, update

from boxwright.hub.db.audit import Actor, note
from boxwright.hub.db.database import Database, current_time, retried
from boxwright.hub.db.holders import is_gone
from boxwright.hub.db.tables import events as t
from boxwright.hub.events import outbox
from boxwright.hub.events.event import Event
from boxwright.hub.events.sending import Attempt
from boxwright.hub.events.webhook import Keys, Webhook, WebhookUnknown
from boxwright.values import NamedTuple

PENDING = "pending"
DELIVERED = "delivered"
FAILED = "failed"
"""Given up."""
REPEATED = "repeated"
"""Given up, and begun again as another delivery."""

OLD_SECRET_SECONDS = 86400.0
"""How long messages are signed with the secret before, too."""

KEPT_SECONDS = 30 * 86400.0
"""How long what was delivered, or given up, can be looked at and delivered again."""

_COLUMNS = tuple(
    t.webhook.c[name]
    for name in ("id", "scope", "url", "format", "actions", "tags", "active", "reason", "created", "failing_since")
)
_PRUNE = 1000


class Delivery(NamedTuple):
    """An event on its way to a webhook, with its last attempt."""

    id: int
    webhook: int
    event: Event
    state: str
    """PENDING, DELIVERED, FAILED or REPEATED."""
    attempts: int
    created: float
    tried: float | None
    """When the last attempt began."""
    took: float | None
    """Its seconds."""
    status: int | None
    """What it was answered; None when there was no answer."""
    answer: str
    """The beginning of that answer, or what went wrong."""


class WebhookStore:
    """Methods may be called from any thread; each is one transaction."""

    __slots__ = ("_by", "_db")

    def __init__(self, db: Database, by: Actor) -> None:
        """`by`: who makes changes through it, for the audit log."""
        self._db = db
        self._by = by

    # -- webhooks

    @retried
    def add(self, webhook: Webhook, secret: str) -> Webhook:
        """Store a webhook and return it with its number. The values have been checked by `webhook`'s functions."""
        now = time.time()
        row = {
            "scope": webhook.scope,
            "url": webhook.url,
            "format": webhook.format,
            "actions": ",".join(webhook.actions),
            "tags": webhook.tags,
            "secret": secret,
            "old_until": 0.0,
            "active": webhook.active,
            "reason": webhook.reason,
            "created": now,
            "resume_at": 0.0,
            "lease_owner": "",
            "lease_until": 0.0,
        }
        with self._db.write() as c:
            number = c.execute(t.webhook.insert().returning(t.webhook.c.id), row).scalar_one()
            self._note(c, "add", number, f"{webhook.scope_text}: {webhook.url}")
        return webhook._replace(id=number, created=now)

    @retried
    def webhooks(self) -> list[Webhook]:
        """Return all of them, by number."""
        with self._db.read() as c:
            return [_webhook(row) for row in c.execute(select(*_COLUMNS).order_by(t.webhook.c.id))]

    @retried
    def webhook(self, number: int) -> Webhook:
        """Raises WebhookUnknown."""
        with self._db.read() as c:
            row = c.execute(select(*_COLUMNS).where(t.webhook.c.id == number)).first()
        if row is None:
            raise WebhookUnknown(number)
        return _webhook(row)

    @retried
    def keys(self, number: int) -> Keys:
        """Return the secrets of a webhook. Raises WebhookUnknown."""
        columns = t.webhook.c.secret, t.webhook.c.old_secret, t.webhook.c.old_until
        with self._db.read() as c:
            row = c.execute(select(*columns).where(t.webhook.c.id == number)).first()
        if row is None:
            raise WebhookUnknown(number)
        return Keys(*row)

    @retried
    def rotate(self, number: int, secret: str) -> None:
        """Sign with another secret, and for a day with the one before, too. Raises WebhookUnknown."""
        values = {
            "secret": secret,
            "old_secret": t.webhook.c.secret,
            "old_until": time.time() + OLD_SECRET_SECONDS,
        }
        with self._db.write() as c:
            if not c.execute(update(t.webhook).where(t.webhook.c.id == number).values(values)).rowcount:
                raise WebhookUnknown(number)
            self._note(c, "rotate", number)

    @retried
    def set_active(self, number: int, active: bool, reason: str = "") -> None:
        """Go on delivering, or stop. What happens while it is stopped is not kept for it. Raises WebhookUnknown."""
        values = {"active": active, "reason": reason, "failing_since": None, "resume_at": 0.0}
        with self._db.write() as c:
            if not c.execute(update(t.webhook).where(t.webhook.c.id == number).values(values)).rowcount:
                raise WebhookUnknown(number)
            self._note(c, "enable" if active else "disable", number, reason)

    @retried
    def remove(self, number: int) -> None:
        """Forget a webhook and its deliveries. Raises WebhookUnknown."""
        with self._db.write() as c:
            if not c.execute(delete(t.webhook).where(t.webhook.c.id == number)).rowcount:
                raise WebhookUnknown(number)
            self._note(c, "rm", number)

    # -- looking, and delivering again

    @retried
    def deliveries(self, number: int, *, state: str | None = None, limit: int = 50) -> list[Delivery]:
        """Return the latest deliveries of a webhook, the last one first. Raises WebhookUnknown."""
        wanted = _deliveries().where(t.delivery.c.webhook_id == number)
        if state is not None:
            wanted = wanted.where(t.delivery.c.state == state)
        with self._db.read() as c:
            if c.execute(select(t.webhook.c.id).where(t.webhook.c.id == number)).first() is None:
                raise WebhookUnknown(number)
            return [_delivery(row) for row in c.execute(wanted.order_by(t.delivery.c.id.desc()).limit(limit))]

    @retried
    def send(self, number: int, event: Event) -> None:
        """Let a webhook get an event, whether it wants it or not. Raises WebhookUnknown."""
        with self._db.write() as c:
            if c.execute(select(t.webhook.c.id).where(t.webhook.c.id == number)).first() is None:
                raise WebhookUnknown(number)
            outbox.deliver_to(c, event, [number])

    @retried
    def redeliver(self, number: int, deliveries: Sequence[int] = ()) -> int:
        """Deliver events again, after what waits; return how many. Without `deliveries`, all that failed.

        The event keeps its id, by which a receiver knows that it had it. Raises WebhookUnknown.
        """
        wanted = select(t.delivery.c.id, t.delivery.c.outbox_id, t.delivery.c.state).where(
            t.delivery.c.webhook_id == number, t.delivery.c.state != PENDING
        )
        if deliveries:
            wanted = wanted.where(t.delivery.c.id.in_(deliveries))
        else:
            wanted = wanted.where(t.delivery.c.state == FAILED)
        with self._db.write() as c:
            if c.execute(select(t.webhook.c.id).where(t.webhook.c.id == number)).first() is None:
                raise WebhookUnknown(number)
            rows = c.execute(wanted.order_by(t.delivery.c.id)).all()
            if rows:
                failed = [row.id for row in rows if row.state == FAILED]
                c.execute(update(t.delivery).where(t.delivery.c.id.in_(failed)).values(state=REPEATED))
                c.execute(t.delivery.insert(), [outbox.new_delivery(number, row.outbox_id) for row in rows])
                self._note(c, "redeliver", number, f"{len(rows)} deliveries")
        return len(rows)

    # -- delivering

    @retried
    def due(self, limit: int) -> list[int]:
        """Return webhooks for which something waits and that nobody is delivering to: first who waits longest."""
        waits = exists(t.delivery.c.id).where(t.delivery.c.webhook_id == t.webhook.c.id, t.delivery.c.state == PENDING)
        columns = t.webhook.c.id, t.webhook.c.lease_owner, t.webhook.c.lease_until
        with self._db.read() as c:
            now = current_time(c)
            wanted = select(*columns).where(t.webhook.c.active, t.webhook.c.resume_at <= now, waits)
            rows = c.execute(wanted.order_by(t.webhook.c.lease_until, t.webhook.c.id)).all()
        return [number for number, owner, until in rows if _is_free(owner, until, now)][:limit]

    @retried
    def claim(self, number: int, owner: str, seconds: float) -> bool:
        """Take a webhook's lease; False when somebody else has it, or nothing is to be done."""
        columns = t.webhook.c.lease_owner, t.webhook.c.lease_until, t.webhook.c.resume_at
        one = select(*columns).where(t.webhook.c.id == number, t.webhook.c.active)
        with self._db.write(durable=False) as c:
            row = c.execute(one.with_for_update()).first()
            now = current_time(c)
            if row is None or not _is_free(row.lease_owner, row.lease_until, now) or row.resume_at > now:
                return False
            mine = {"lease_owner": owner, "lease_until": now + seconds}
            c.execute(update(t.webhook).where(t.webhook.c.id == number).values(mine))
            return True

    @retried
    def extend(self, number: int, owner: str, seconds: float) -> bool:
        """Keep a lease for so long from now on; False when it was lost."""
        held = t.webhook.c.id == number, t.webhook.c.lease_owner == owner, t.webhook.c.active
        with self._db.write(durable=False) as c:
            kept = c.execute(update(t.webhook).where(*held).values(lease_until=current_time(c) + seconds))
            return kept.rowcount > 0

    @retried
    def release(self, number: int, owner: str) -> None:
        """Give a lease back. Idempotent."""
        held = t.webhook.c.id == number, t.webhook.c.lease_owner == owner
        with self._db.write(durable=False) as c:
            # Not 0: who was served last comes last.
            c.execute(update(t.webhook).where(*held).values(lease_owner="", lease_until=current_time(c)))

    @retried
    def head(self, number: int) -> Delivery | None:
        """Return what waits longest for a webhook."""
        waiting = _deliveries().where(t.delivery.c.webhook_id == number, t.delivery.c.state == PENDING)
        with self._db.read() as c:
            row = c.execute(waiting.order_by(t.delivery.c.id).limit(1)).first()
        return _delivery(row) if row else None

    @retried
    def succeeded(self, delivery: Delivery, attempt: Attempt) -> None:
        """Note that a delivery has arrived. A power loss may forget it: then it arrives again."""
        with self._db.write(durable=False) as c:
            c.execute(_tried(delivery, attempt, DELIVERED, current_time(c)))
            healthy = t.webhook.c.id == delivery.webhook, t.webhook.c.failing_since.is_not(None)
            c.execute(update(t.webhook).where(*healthy).values(failing_since=None))

    @retried
    def failed(self, delivery: Delivery, attempt: Attempt, delay: float | None) -> float:
        """Note that an attempt failed, to be repeated after `delay` seconds, or never again.

        Return for how many seconds nothing has arrived at the webhook.
        """
        with self._db.write() as c:
            now = current_time(c)
            c.execute(_tried(delivery, attempt, PENDING if delay is not None else FAILED, now))
            values = {
                "failing_since": func.coalesce(t.webhook.c.failing_since, now),
                "resume_at": now + (delay or 0.0),
            }
            mine = update(t.webhook).where(t.webhook.c.id == delivery.webhook).values(values)
            since = c.execute(mine.returning(t.webhook.c.failing_since)).scalar()
        return now - since if since is not None else 0.0

    @retried
    def disable(self, number: int, reason: str) -> None:
        """Stop delivering to a webhook; what waits for it has failed."""
        waiting = t.delivery.c.webhook_id == number, t.delivery.c.state == PENDING
        with self._db.write() as c:
            c.execute(update(t.webhook).where(t.webhook.c.id == number).values(active=False, reason=reason))
            c.execute(update(t.delivery).where(*waiting).values(state=FAILED))
            self._note(c, "disable", number, reason)

    def _note(self, c: Connection, verb: str, number: int, detail: str = "") -> None:
        note(c, self._by, f"webhook.{verb}", f"webhook {number}", detail=detail)

    # -- the size of it

    @retried
    def backlog(self) -> int:
        """Return how many deliveries wait."""
        with self._db.read() as c:
            return c.execute(select(func.count()).where(t.delivery.c.state == PENDING)).scalar_one()

    @retried
    def prune(self) -> int:
        """Forget what was delivered or given up long ago; return how many deliveries. In small transactions."""
        before, gone = time.time() - KEPT_SECONDS, 0
        old = select(t.delivery.c.id).where(t.delivery.c.state != PENDING, t.delivery.c.created < before).limit(_PRUNE)
        unsent = ~exists(t.delivery.c.id).where(t.delivery.c.outbox_id == t.outbox.c.id)
        while True:
            with self._db.write(durable=False) as c:
                count = c.execute(delete(t.delivery).where(t.delivery.c.id.in_(old))).rowcount
            gone += count
            if count < _PRUNE:
                break
        with self._db.write(durable=False) as c:
            c.execute(delete(t.outbox).where(t.outbox.c.at < before, unsent))
        return gone


def _is_free(owner: str, until: float, now: float) -> bool:
    """Whether a lease can be taken: it was given back, or its holder is late or dead."""
    return not owner or until < now or is_gone(owner)


def _deliveries() -> Select[*tuple[Any, ...]]:
    columns = "id", "webhook_id", "state", "attempts", "created", "tried", "took", "status", "answer"
    return select(*(t.delivery.c[name] for name in columns), t.outbox.c.body).join(
        t.outbox, t.outbox.c.id == t.delivery.c.outbox_id
    )


def _tried(delivery: Delivery, attempt: Attempt, state: str, now: float) -> Update:
    values = {
        "state": state,
        "attempts": delivery.attempts + 1,
        "tried": now - attempt.seconds,
        "took": attempt.seconds,
        "status": attempt.status,
        "answer": attempt.answer,
    }
    return update(t.delivery).where(t.delivery.c.id == delivery.id).values(values)


def _webhook(row: Row[*tuple[Any, ...]]) -> Webhook:
    return Webhook(**row._asdict() | {"actions": tuple(row.actions.split(","))})


def _delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    number, webhook, state, attempts, created, tried, took, status, answer, body = row
    return Delivery(number, webhook, Event.from_json(body), state, attempts, created, tried, took, status, answer)

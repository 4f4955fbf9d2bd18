"""Events and their delivery.

    event ──< delivery >── webhook

An event is written in the transaction of what it tells, with a delivery for each webhook that wants it; an event that
nobody wants is not written.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from boxwright.hub.db.tables.base import Key, Name, Seconds, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Key, primary_key=True),
    Column("event", Name, nullable=False, unique=True),
    Column("at", Seconds, nullable=False, index=True),
    Column("body", Text, nullable=False),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Key, primary_key=True),
    # "" for everything, "ada/" for a namespace, "ada/tools" for a repository.
    Column("scope", Name, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("format", Name, nullable=False),
    Column("actions", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_until", Seconds, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", Seconds, nullable=False),
    Column("failing_since", Seconds),
    Column("resume_at", Seconds, nullable=False),
    Column("lease_owner", Name, nullable=False),
    Column("lease_until", Seconds, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Key, primary_key=True),
    Column("webhook_id", Key, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("outbox_id", Key, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state", Name, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Seconds, nullable=False),
    Column("tried", Seconds),
    Column("took", Seconds),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
    Index("delivery_webhook_id", "webhook_id", "id"),
)
_waits = text("state = 'pending'")
Index(
    "delivery_pending",
    delivery.c.webhook_id,
    delivery.c.id,
    sqlite_where=_waits,
    postgresql_where=_waits,
)

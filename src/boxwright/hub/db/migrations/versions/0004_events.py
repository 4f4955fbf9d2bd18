"""Webhooks, the outbox of events, and their delivery."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Key, Name, Seconds

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Key, primary_key=True),
        sa.Column("event", Name, nullable=False),
        sa.Column("at", Seconds, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("event"),
    )
    op.create_index("outbox_at", "outbox", ["at"])
    op.create_table(
        "webhook",
        sa.Column("id", Key, primary_key=True),
        sa.Column("scope", Name, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("format", Name, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_until", Seconds, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sa.Column("failing_since", Seconds),
        sa.Column("resume_at", Seconds, nullable=False),
        sa.Column("lease_owner", Name, nullable=False),
        sa.Column("lease_until", Seconds, nullable=False),
    )
    op.create_index("webhook_scope", "webhook", ["scope"])
    op.create_table(
        "delivery",
        sa.Column("id", Key, primary_key=True),
        sa.Column("webhook_id", Key, sa.ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
        sa.Column("outbox_id", Key, sa.ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", Name, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sa.Column("tried", Seconds),
        sa.Column("took", Seconds),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("delivery_outbox_id", "delivery", ["outbox_id"])
    op.create_index("delivery_webhook_id", "delivery", ["webhook_id", "id"])
    op.create_index(
        "delivery_pending",
        "delivery",
        ["webhook_id", "id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )

"""Tag history, rules for tags, quotas; how much each repository has, and when a manifest was pulled."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Key, Name, Seconds

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("manifest", sa.Column("pulled", Seconds))
    op.add_column("repository", sa.Column("bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE repository SET bytes = (SELECT coalesce(sum(b.size), 0) FROM repository_blob l "
        "JOIN blob b ON b.digest = l.digest WHERE l.repository_id = repository.id)"
    )
    op.create_table(
        "tag_history",
        sa.Column("id", Key, primary_key=True),
        sa.Column("repository_id", Key, sa.ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
        sa.Column("tag", Name, nullable=False),
        sa.Column("previous", Name),
        sa.Column("digest", Name),
        sa.Column("at", Seconds, nullable=False),
        sa.Column("actor", Name, nullable=False),
        sa.Column("action", Name, nullable=False),
        sa.Column("restored", Key),
    )
    op.create_index("tag_history_tag", "tag_history", ["repository_id", "tag", "id"])
    op.create_index("tag_history_previous", "tag_history", ["repository_id", "previous"])
    op.create_table(
        "immutable_rule",
        sa.Column("id", Key, primary_key=True),
        sa.Column("scope", Name, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.UniqueConstraint("scope", "tags"),
    )
    op.create_table(
        "retention_rule",
        sa.Column("id", Key, primary_key=True),
        sa.Column("scope", Name, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("last", sa.Integer),
        sa.Column("pushed", Seconds),
        sa.Column("pulled", Seconds),
        sa.Column("untagged", Seconds),
        sa.UniqueConstraint("scope", "tags"),
    )
    op.create_table(
        "quota",
        sa.Column("scope", Name, primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )

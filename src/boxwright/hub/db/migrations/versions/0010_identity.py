"""Who accounts are to an OpenID provider."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Key, Name, Seconds

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("issuer", Name, primary_key=True),
        sa.Column("subject", Name, primary_key=True),
        sa.Column("account_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("identity_account_id", "identity", ["account_id"])

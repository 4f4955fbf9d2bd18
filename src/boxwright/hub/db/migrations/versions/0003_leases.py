"""Several servers beside each other: who works on an upload, and whose turn a duty is."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Name, Seconds

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("upload", sa.Column("holder", Name))
    op.add_column("upload", sa.Column("held_until", Seconds))
    op.create_table(
        "lease",
        sa.Column("name", Name, primary_key=True),
        sa.Column("holder", Name),
        sa.Column("until", Seconds),
        sa.Column("done", Seconds),
        sqlite_with_rowid=False,
    )

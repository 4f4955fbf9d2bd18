"""What the storage knows of repositories and manifests, so that the database can be made again from it."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Name

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # All that was pushed so far is still to be recorded.
    op.add_column("repository", sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("repository", sa.Column("recorded", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("manifest", sa.Column("recorded", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("manifest_digest", "manifest", ["digest"])
    op.create_table(
        "stale_record",
        sa.Column("kind", Name, primary_key=True),
        sa.Column("name", Name, primary_key=True),
        sqlite_with_rowid=False,
    )

"""Notes on content from upstreams: when a tag was looked at, when a manifest was used."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Name, Seconds

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "upstream_tag",
        sa.Column("repository", Name, primary_key=True),
        sa.Column("name", Name, primary_key=True),
        sa.Column("checked", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "upstream_manifest",
        sa.Column("repository", Name, primary_key=True),
        sa.Column("digest", Name, primary_key=True),
        sa.Column("used", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("upstream_manifest_used", "upstream_manifest", ["used"])

"""Whose an upload counts as, so that nobody opens too many."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Name

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("upload", sa.Column("client", Name, nullable=False, server_default=""))
    op.create_index("upload_client", "upload", ["client"])

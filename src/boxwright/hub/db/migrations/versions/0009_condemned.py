"""Who destroys the bytes of a blob."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Name, Seconds

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("blob", sa.Column("condemned_by", Name))
    op.add_column("blob", sa.Column("condemned_until", Seconds))

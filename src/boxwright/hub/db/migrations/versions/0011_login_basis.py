"""What a login rests on beside its account: a password that is kept elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("account_token", sa.Column("basis", sa.Text))

"""Accounts, organisations, teams, grants, tokens, and the audit log."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.tables.base import Key, Name, Seconds

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _accounts()
    _permissions()
    _tokens()
    _audit()


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", Key, primary_key=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("kind", Name, nullable=False),
        sa.Column("owner_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE")),
        sa.Column("password", sa.Text),
        sa.Column("administrator", sa.Boolean, nullable=False),
        sa.Column("curator", sa.Boolean, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_index("account_owner_id", "account", ["owner_id"])
    op.create_table(
        "membership",
        sa.Column("organisation_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("account_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("owner", sa.Boolean, nullable=False),
    )
    op.create_index("membership_account_id", "membership", ["account_id"])
    op.create_table(
        "team",
        sa.Column("id", Key, primary_key=True),
        sa.Column("organisation_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.UniqueConstraint("organisation_id", "name"),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", Key, sa.ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("account_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("team_member_account_id", "team_member", ["account_id"])


def _permissions() -> None:
    op.create_table(
        "access_grant",
        sa.Column("id", Key, primary_key=True),
        sa.Column("account_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE")),
        sa.Column("team_id", Key, sa.ForeignKey("team.id", ondelete="CASCADE")),
        sa.Column("pattern", Name, nullable=False),
        sa.Column("role", sa.Integer, nullable=False),
        sa.UniqueConstraint("account_id", "pattern"),
        sa.UniqueConstraint("team_id", "pattern"),
    )
    op.create_index("access_grant_pattern", "access_grant", ["pattern"])
    op.create_table(
        "repository_profile",
        sa.Column("name", Name, primary_key=True),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created", Seconds, nullable=False),
    )


def _tokens() -> None:
    op.create_table(
        "account_token",
        sa.Column("id", Key, primary_key=True),
        sa.Column("account_id", Key, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", Name, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("fingerprint", Name, nullable=False),
        sa.Column("actions", sa.Text, nullable=False),
        sa.Column("patterns", sa.Text, nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sa.Column("expires", Seconds),
        sa.Column("used", Seconds),
        sa.Column("parent_id", Key, sa.ForeignKey("account_token.id", ondelete="CASCADE")),
        sa.UniqueConstraint("fingerprint"),
    )
    op.create_index("account_token_account_id", "account_token", ["account_id"])
    op.create_index("account_token_parent_id", "account_token", ["parent_id"])
    op.create_index(
        "account_token_name",
        "account_token",
        ["account_id", "name"],
        unique=True,
        sqlite_where=sa.text("kind = 'personal'"),
        postgresql_where=sa.text("kind = 'personal'"),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", Name, primary_key=True),
        sa.Column("jwk", sa.Text, nullable=False),
        sa.Column("created", Seconds, nullable=False),
    )
    op.create_table(
        "login_failure",
        sa.Column("subject", Name, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last", Seconds, nullable=False),
    )
    op.create_index("login_failure_last", "login_failure", ["last"])


def _audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", Key, primary_key=True),
        sa.Column("at", Seconds, nullable=False),
        sa.Column("actor", Name, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("action", Name, nullable=False),
        sa.Column("target", Name, nullable=False),
        sa.Column("outcome", Name, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("audit_entry_at", "audit_entry", ["at"])
    op.create_index("audit_entry_actor", "audit_entry", ["actor"])
    op.create_index("audit_entry_target", "audit_entry", ["target"])

"""The registry's content. Takes over the files that were written before alembic, of either version."""

import sqlalchemy as sa
from alembic import op

from boxwright.hub.db.migrations import MANAGED, raw_version
from boxwright.hub.db.tables.base import Key, Name, Seconds

revision = "0001"
down_revision = None


def upgrade() -> None:
    connection = op.get_bind()
    version = raw_version(connection) if connection.dialect.name == "sqlite" else 0
    if version == 0:
        _create()
    elif version == 1:
        op.execute("ALTER TABLE blob RENAME COLUMN created TO touched")
        op.execute("ALTER TABLE repository_blob RENAME COLUMN linked TO touched")
        op.create_index("blob_touched", "blob", ["touched"])
        op.create_index("repository_blob_touched", "repository_blob", ["touched"])
    if connection.dialect.name == "sqlite":
        op.execute(f"PRAGMA user_version = {MANAGED}")


def _create() -> None:
    op.create_table(
        "repository",
        sa.Column("id", Key, primary_key=True),
        sa.Column("name", Name, nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "blob",
        sa.Column("digest", Name, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("touched", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("blob_touched", "blob", ["touched"])
    op.create_table(
        "repository_blob",
        sa.Column("repository_id", Key, sa.ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("digest", Name, sa.ForeignKey("blob.digest"), primary_key=True),
        sa.Column("touched", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("repository_blob_digest", "repository_blob", ["digest"])
    op.create_index("repository_blob_touched", "repository_blob", ["touched"])
    op.create_table(
        "manifest",
        sa.Column("id", Key, primary_key=True),
        sa.Column("repository_id", Key, sa.ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
        sa.Column("digest", Name, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("artifact_type", sa.Text),
        sa.Column("subject", Name),
        sa.Column("annotations", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created", Seconds, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("repository_id", "digest"),
    )
    op.create_index(
        "manifest_subject",
        "manifest",
        ["repository_id", "subject", "digest"],
        sqlite_where=sa.text("subject IS NOT NULL"),
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_table(
        "manifest_reference",
        sa.Column("manifest_id", Key, sa.ForeignKey("manifest.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("digest", Name, primary_key=True),
        sa.Column("kind", Name, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("manifest_reference_digest", "manifest_reference", ["digest"])
    op.create_table(
        "tag",
        sa.Column("repository_id", Key, sa.ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", Name, primary_key=True),
        sa.Column("manifest_id", Key, sa.ForeignKey("manifest.id", ondelete="CASCADE"), nullable=False),
        sa.Column("updated", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tag_manifest", "tag", ["manifest_id"])
    op.create_table(
        "upload",
        sa.Column("id", Name, primary_key=True),
        sa.Column("repository", Name, nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("started", Seconds, nullable=False),
        sqlite_with_rowid=False,
    )

"""The registry's content.

repository ──< repository_blob >── blob              membership: who may see which bytes
    │
    ├──< manifest ──< manifest_reference             the exact bytes, and every digest they name
    │        │
    └──< tag ┘
upload                                               open uploads; they name their repository by text,
                                                     since it is created by its first content
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from boxwright.hub.db.tables.base import Key, Name, Seconds, metadata

repository = Table(
    "repository",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    # The sizes of its blobs together.
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    # Counts changes of manifests and tags, and of which the storage has a record.
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("recorded", BigInteger, nullable=False, server_default="0"),
)

blob = Table(
    "blob",
    metadata,
    Column("digest", Name, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("touched", Seconds, nullable=False, index=True),
    # Who destroys its bytes, and until when it is believed to.
    Column("condemned_by", Name),
    Column("condemned_until", Seconds),
    sqlite_with_rowid=False,
)

repository_blob = Table(
    "repository_blob",
    metadata,
    Column("repository_id", Key, ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    # Without a cascade: the row of a blob that a repository has cannot go.
    Column("digest", Name, ForeignKey("blob.digest"), primary_key=True, index=True),
    Column("touched", Seconds, nullable=False, index=True),
    sqlite_with_rowid=False,
)

manifest = Table(
    "manifest",
    metadata,
    Column("id", Key, primary_key=True),
    Column("repository_id", Key, ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
    Column("digest", Name, nullable=False, index=True),
    Column("media_type", Text, nullable=False),
    Column("artifact_type", Text),
    Column("subject", Name),
    Column("annotations", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", Seconds, nullable=False),
    Column("content", LargeBinary, nullable=False),
    # When somebody got it last, to the day.
    Column("pulled", Seconds),
    # Whether the storage has its bytes as well.
    Column("recorded", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("repository_id", "digest"),
)
Index(
    "manifest_subject",
    *(manifest.c.repository_id, manifest.c.subject, manifest.c.digest),
    sqlite_where=text("subject IS NOT NULL"),
    postgresql_where=text("subject IS NOT NULL"),
)

manifest_reference = Table(
    "manifest_reference",
    metadata,
    Column("manifest_id", Key, ForeignKey("manifest.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", Name, primary_key=True, index=True),
    Column("kind", Name, primary_key=True),
    sqlite_with_rowid=False,
)

tag = Table(
    "tag",
    metadata,
    Column("repository_id", Key, ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Name, primary_key=True),
    Column("manifest_id", Key, ForeignKey("manifest.id", ondelete="CASCADE"), nullable=False),
    Column("updated", Seconds, nullable=False),
    Index("tag_manifest", "manifest_id"),
    sqlite_with_rowid=False,
)

upload = Table(
    "upload",
    metadata,
    Column("id", Name, primary_key=True),
    Column("repository", Name, nullable=False),
    Column("owner", Name, nullable=False),
    Column("started", Seconds, nullable=False),
    # Who works on it, or did so last; until when, or None.
    Column("holder", Name),
    Column("held_until", Seconds),
    Column("client", Name, nullable=False, server_default=""),
    Index("upload_client", "client"),
    sqlite_with_rowid=False,
)

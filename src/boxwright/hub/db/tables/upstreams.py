"""What is to be remembered of content from upstreams, which is itself kept as any other.

Names and not keys: a note may outlive what it is about, and then is forgotten in its turn.
"""

from __future__ import annotations

from sqlalchemy import Column, Table

from boxwright.hub.db.tables.base import Name, Seconds, metadata

upstream_tag = Table(
    "upstream_tag",
    metadata,
    Column("repository", Name, primary_key=True),
    Column("name", Name, primary_key=True),
    # When the upstream was last asked what it names.
    Column("checked", Seconds, nullable=False),
    sqlite_with_rowid=False,
)

upstream_manifest = Table(
    "upstream_manifest",
    metadata,
    Column("repository", Name, primary_key=True),
    Column("digest", Name, primary_key=True),
    # When somebody last asked for it.
    Column("used", Seconds, nullable=False, index=True),
    sqlite_with_rowid=False,
)

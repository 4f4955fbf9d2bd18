"""Records in the storage that may be about what is there no more."""

from __future__ import annotations

from sqlalchemy import Column, Table

from boxwright.hub.db.tables.base import Name, metadata

stale_record = Table(
    "stale_record",
    metadata,
    Column("kind", Name, primary_key=True),
    # A digest, or the name of a repository.
    Column("name", Name, primary_key=True),
    sqlite_with_rowid=False,
)

"""Who did what, and who was refused: rows that are only ever added, and dropped when they are old."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from boxwright.hub.db.tables.base import Key, Name, Seconds, metadata

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Seconds, nullable=False, index=True),
    Column("actor", Name, nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("action", Name, nullable=False),
    Column("target", Name, nullable=False, index=True),
    Column("outcome", Name, nullable=False),
    Column("detail", Text, nullable=False),
)

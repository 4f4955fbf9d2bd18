"""Duties that one of all servers does at a time, and when each was done last."""

from __future__ import annotations

from sqlalchemy import Column, Table

from boxwright.hub.db.tables.base import Name, Seconds, metadata

lease = Table(
    "lease",
    metadata,
    Column("name", Name, primary_key=True),
    # Who does it, and until when that is to be believed; None when nobody does.
    Column("holder", Name),
    Column("until", Seconds),
    Column("done", Seconds),
    sqlite_with_rowid=False,
)

"""What has changed since the storage recorded it last: parts of transactions that change content."""

from __future__ import annotations

from sqlalchemy import Connection, update

from boxwright.hub.db.database import insert
from boxwright.hub.db.tables import registry as t
from boxwright.hub.db.tables.records import stale_record

MANIFEST, REPOSITORY = "manifest", "repository"
"""Kinds of records."""


def note_change(c: Connection, known: int) -> None:
    """Note that the manifests or tags of a repository are others than recorded."""
    c.execute(update(t.repository).where(t.repository.c.id == known).values(revision=t.repository.c.revision + 1))


def note_gone(c: Connection, kind: str, name: str) -> None:
    """Note that a manifest left a repository, or that a repository was removed: perhaps its record is to go."""
    c.execute(insert(c, stale_record).values(kind=kind, name=name).on_conflict_do_nothing())

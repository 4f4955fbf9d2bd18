"""What happens to content over time: where tags pointed, what may not move, what goes, and how much there may be.

A rule applies to a scope: "" is everything, ``ada/`` what is below that namespace, ``ada/tools`` one repository.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from boxwright.hub.db.tables.base import Key, Name, Seconds, metadata

tag_history = Table(
    "tag_history",
    metadata,
    Column("id", Key, primary_key=True),
    Column("repository_id", Key, ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Name, nullable=False),
    # Where it pointed before and after; None where there was no such tag.
    Column("previous", Name),
    Column("digest", Name),
    Column("at", Seconds, nullable=False),
    Column("actor", Name, nullable=False),
    Column("action", Name, nullable=False),
    # Of an undo: the change after which everything was as it is again; 0: before the first one.
    Column("restored", Key),
    Index("tag_history_tag", "repository_id", "tag", "id"),
    Index("tag_history_previous", "repository_id", "previous"),
)

immutable_rule = Table(
    "immutable_rule",
    metadata,
    Column("id", Key, primary_key=True),
    Column("scope", Name, nullable=False),
    Column("tags", Text, nullable=False),
    UniqueConstraint("scope", "tags"),
)

retention_rule = Table(
    "retention_rule",
    metadata,
    Column("id", Key, primary_key=True),
    Column("scope", Name, nullable=False),
    Column("tags", Text, nullable=False),
    Column("last", Integer),
    Column("pushed", Seconds),
    Column("pulled", Seconds),
    Column("untagged", Seconds),
    UniqueConstraint("scope", "tags"),
)

quota = Table(
    "quota",
    metadata,
    Column("scope", Name, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)

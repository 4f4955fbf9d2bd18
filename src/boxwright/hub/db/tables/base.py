"""What all tables share: one `MetaData`, and the types of columns that behave alike in SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        # A migration of PostgreSQL drops a constraint by its name.
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "%(table_name)s_%(column_0_name)s",
    }
)

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared and sorted by its bytes, whatever the database's locale: names, tags, digests."""

Key = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives out; in SQLite the rowid."""

Seconds: Double[float] = Double()
"""A time in seconds since the epoch, or a duration."""

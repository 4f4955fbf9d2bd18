"""Databases for the contracts that SQLite and PostgreSQL have to keep alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.sql import SQLMetadata


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database with the hub's tables."""
    if request.param == "sqlite":
        with closing(Database(default_url(tmp_path))) as opened:
            yield opened
    else:
        with request.getfixturevalue("postgres").database() as url, closing(Database(url)) as opened:
            yield opened


@pytest.fixture
def store(db: Database) -> SQLMetadata:
    """The content of `db`."""
    return SQLMetadata(db)

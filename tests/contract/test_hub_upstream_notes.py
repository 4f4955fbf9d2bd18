"""One suite for every store of notes on content from upstreams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.upstream_notes import SQLNotes
from boxwright.hub.upstream.notes import MemoryNotes, Notes
from boxwright.oci.digest import Digest

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Notes]:
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryNotes()
            return
        url = (
            default_url(tmp_path)
            if request.param == "sqlite"
            else stack.enter_context(request.getfixturevalue("postgres").database())
        )
        database = Database(url)
        stack.callback(database.close)
        yield SQLNotes(database)


def test_a_tag_s_last_look(notes: Notes) -> None:
    assert notes.checked("a", "v1") is None
    notes.check("a", "v1", 10.0)
    notes.check("a", "v1", 20.5)
    notes.check("b", "v1", 30.0)
    assert notes.checked("a", "v1") == 20.5
    notes.forget_tag("a", "v1")
    notes.forget_tag("a", "v1")
    assert (notes.checked("a", "v1"), notes.checked("b", "v1")) == (None, 30.0)


def test_the_longest_unused_come_first(notes: Notes) -> None:
    notes.use("a", ONE, 100.0, older=50.0)
    notes.use("a", ONE, 120.0, older=50.0)  # noted lately
    notes.use("a", TWO, 90.0, older=50.0)
    notes.use("b", ONE, 500.0, older=50.0)
    assert notes.unused(200.0, limit=10) == [("a", TWO, 90.0), ("a", ONE, 100.0)]
    assert notes.unused(200.0, limit=1) == [("a", TWO, 90.0)]
    assert notes.unused(90.0, limit=10) == []
    notes.use("a", ONE, 151.0, older=50.0)
    assert notes.unused(200.0, limit=10)[1] == ("a", ONE, 151.0)


def test_only_what_is_unused_still_is_forgotten(notes: Notes) -> None:
    notes.use("a", ONE, 100.0, older=1.0)
    assert not notes.forget("a", ONE, 100.0)
    assert notes.forget("a", ONE, 100.5)
    assert not notes.forget("a", ONE, 100.5)
    assert notes.unused(1e9, limit=10) == []

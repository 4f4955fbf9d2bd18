"""Uploads that pushes have open: whose they are, and who may take them up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.store.store import Store
from boxwright.store.uploads import OpenUpload


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def _upload(store: Store, content: str = "sha256:1") -> OpenUpload:
    return OpenUpload(store.database, "registry.test/ada/web", content)


def _noted(store: Store) -> list[str]:
    return [row[0] for row in store.database.rows("SELECT url FROM open_uploads ORDER BY url")]


def test_an_upload_is_its_process_es_while_that_lives(store: Store) -> None:
    _upload(store).keep("https://registry.test/1")
    assert _upload(store).claim() is None
    store.database.run("UPDATE open_uploads SET started = 'another life'")
    assert _upload(store).claim() == "https://registry.test/1"
    assert _upload(store).claim() is None, "it has been claimed"


def test_an_upload_that_was_left_is_claimed_once(store: Store) -> None:
    first = _upload(store)
    first.keep("https://registry.test/1")
    first.leave()
    assert _upload(store, "sha256:2").claim() is None
    second = _upload(store)
    assert second.claim() == "https://registry.test/1"
    second.forget()
    assert _noted(store) == []


def test_nobody_forgets_what_another_one_began(store: Store) -> None:
    first, second = _upload(store), _upload(store)
    first.keep("https://registry.test/1")
    second.keep("https://registry.test/2")
    first.leave()
    first.forget()
    assert _noted(store) == ["https://registry.test/2"]
    assert _upload(store).claim() is None


def test_what_nobody_came_back_to_for_a_week_is_dropped(store: Store) -> None:
    _upload(store, "sha256:1").keep("https://registry.test/1")
    store.database.run("UPDATE open_uploads SET begun = begun - 700000")
    _upload(store, "sha256:2").keep("https://registry.test/2")
    assert _noted(store) == ["https://registry.test/2"]

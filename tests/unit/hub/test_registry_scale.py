"""What a page of a list costs does not depend on how much there is before it, or behind it.

The cost is counted in instructions of SQLite's machine, which are the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import insert

from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.db.tables import registry as t
from boxwright.oci.digest import Digest

_COUNT = 20_000
_PAGE = 100
_STEP = 10  # instructions

Page = Callable[[SQLMetadata, str | None], list[str]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One repository with 20,000 tags, and 20,000 repositories with a manifest each."""
    made = Database(default_url(tmp_path_factory.mktemp("scale")))
    try:
        with made.write() as c:
            c.execute(insert(t.repository), [{"id": n, "name": f"r/{n:06}"} for n in range(1, _COUNT + 1)])
            manifests = [
                {
                    "id": n,
                    "repository_id": n,
                    "digest": Digest.of(str(n).encode()),
                    "media_type": "application/x",
                    "annotations": "{}",
                    "size": 1,
                    "created": 0.0,
                    "content": b"x",
                }
                for n in range(1, _COUNT + 1)
            ]
            c.execute(insert(t.manifest), manifests)
            tags = [{"repository_id": 1, "name": f"v{n:06}", "manifest_id": 1, "updated": 0.0} for n in range(_COUNT)]
            c.execute(insert(t.tag), tags)
        yield made
    finally:
        made.close()


def catalog(metadata: SQLMetadata, last: str | None) -> list[str]:
    return metadata.repositories(limit=_PAGE, last=last)


def tags(metadata: SQLMetadata, last: str | None) -> list[str]:
    return metadata.tags("r/000001", limit=_PAGE, last=last)


@pytest.mark.parametrize(("page", "late"), [(catalog, f"r/{_COUNT - _PAGE:06}"), (tags, f"v{_COUNT - _PAGE - 1:06}")])
def test_the_last_page_costs_what_the_first_one_does(database: Database, page: Page, late: str) -> None:
    metadata = SQLMetadata(database)

    def cost(last: str | None) -> int:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        page(metadata, last)  # statements are made once
        with database.read() as c:
            driver = c.connection.dbapi_connection
            assert driver is not None
            driver.set_progress_handler(count, _STEP)
            try:
                assert len(page(metadata, last)) == _PAGE
            finally:
                driver.set_progress_handler(None, 0)
        return steps

    first, last = cost(None), cost(late)
    assert last <= first * 1.1
    assert first * _STEP < 100 * _PAGE  # and far less than one instruction for each row that there is

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.store.store import Store
from support.building import Workbench


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "root") as opened:
        yield opened


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Workbench:
    return Workbench(store, tmp_path / "context")

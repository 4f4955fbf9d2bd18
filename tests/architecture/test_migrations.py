"""The migrations of the hub are one chain: two that were written at once, side by side, are found before they meet."""

from __future__ import annotations

import re
from pathlib import Path

VERSIONS = Path(__file__).parents[2] / "src" / "boxwright" / "hub" / "db" / "migrations" / "versions"


def test_migrations_are_numbered_one_after_the_other() -> None:
    paths = sorted(VERSIONS.glob("[0-9]*.py"))
    assert [path.name[:4] for path in paths] == [f"{number:04}" for number in range(1, len(paths) + 1)]
    for number, path in enumerate(paths):
        text = path.read_text()
        assert re.search(rf'^revision = "{number + 1:04}"$', text, re.MULTILINE), path.name
        before = f'"{number:04}"' if number else "None"
        assert re.search(rf"^down_revision = {before}$", text, re.MULTILINE), path.name

"""The tutorial and the recipes do what they say: every block is typed into a shell, and what is promised looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documents import DOCS, check

pytestmark = [pytest.mark.root, pytest.mark.runtime]

PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    check(page, tmp_path)

"""Every test is run: pytest passes over folders of some names, and says nothing."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    patterns: list[str] = pytestconfig.getini("norecursedirs")
    files = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")]
    assert len({file.parent for file in files}) > 20
    passed_over = [
        str(file) for file in files if any(fnmatch(part, name) for part in file.parts[:-1] for name in patterns)
    ]
    assert passed_over == []

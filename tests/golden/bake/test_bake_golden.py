"""Bake files as people write them: what ``--print`` shows is in the golden file beside each, and is what buildx shows.

UPDATE_GOLDEN=1 writes the files anew; tests/compat/test_bake_peer.py compares with buildx.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from boxwright.cli import main

CASES = sorted(path.name for path in Path(__file__).parent.iterdir() if (path / "expected.json").exists())


def arguments(case: Path) -> list[str]:
    """Return what stands behind ``bake --print``."""
    path = case / "arguments.json"
    found: list[str] = json.loads(path.read_text()) if path.exists() else []
    return found


@pytest.mark.parametrize("name", CASES)
def test_bake_files(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    case = Path(__file__).parent / name
    monkeypatch.chdir(case)
    monkeypatch.setenv("TOKEN", "t")
    for variable in ("SOURCE_DATE_EPOCH", "BUILDX_BAKE_FILE"):
        monkeypatch.delenv(variable, raising=False)
    code = main.main(["bake", "--print", *arguments(case)])
    shown, errors = capsys.readouterr()
    assert (code, errors) == (0, "")
    if os.environ.get("UPDATE_GOLDEN"):
        (case / "expected.json").write_text(shown)
    assert shown == (case / "expected.json").read_text()

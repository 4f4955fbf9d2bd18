"""What ``bake --print`` shows is what buildx shows, of the same files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.requirements import require_program

pytestmark = pytest.mark.peer

GOLDEN = Path(__file__).parents[1] / "golden/bake"
_PLUGINS = ("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins", "/usr/local/lib/docker/cli-plugins")


@pytest.fixture(scope="session")
def buildx() -> str:
    """The path of buildx, by itself or where docker has it."""
    return require_program("buildx", "docker-buildx", *(f"{folder}/docker-buildx" for folder in _PLUGINS))


def sorted_groups(shown: str) -> Any:
    """Return what is shown; the order in which a matrix is counted through is buildx's own, and never the same."""
    found = json.loads(shown)
    for group in found.get("group", {}).values():
        group["targets"].sort()
    return found


@pytest.mark.parametrize(
    "name", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name[0] != "_")
)
def test_golden_files(buildx: str, name: str) -> None:
    case = GOLDEN / name
    arguments = case / "arguments.json"
    more = json.loads(arguments.read_text()) if arguments.exists() else []
    done = subprocess.run(
        [buildx, "bake", "--print", *more], cwd=case, capture_output=True, text=True, env={**os.environ, "TOKEN": "t"}
    )
    assert done.returncode == 0, done.stderr
    assert sorted_groups(done.stdout) == sorted_groups((case / "expected.json").read_text())

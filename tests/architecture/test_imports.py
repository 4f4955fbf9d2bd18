"""Arrows between the rooms point one way, and the start of the command stays light."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What a start without work must not pay for.
HEAVY = {
    "asyncio",
    "ctypes",
    "dataclasses",
    "email",
    "http",
    "inspect",
    "json",
    "logging",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "urllib3",
}


def loaded_by(code: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_rooms_import_in_one_direction() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--config", ROOT / "pyproject.toml"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("verb", ["--help", "--version"])
def test_help_and_version_import_nothing_heavy(verb: str) -> None:
    loaded = loaded_by(f"from boxwright.cli.main import main\nmain([{verb!r}])")
    assert not {name for name in loaded if name.partition(".")[0] in HEAVY}
    assert not {name for name in loaded if name.startswith(("boxwright.oci", "boxwright.engine", "boxwright.store"))}


def test_importing_the_package_imports_no_room() -> None:
    loaded = {name for name in loaded_by("import boxwright") if name.startswith("boxwright.")}
    assert loaded == {"boxwright._version"}


def test_help_starts_nearly_as_fast_as_argparse_alone() -> None:
    command = [sys.executable, "-c", "import sys; from boxwright.cli.main import main; sys.exit(main(['--help']))"]
    bare = [sys.executable, "-c", "import argparse"]

    def once(argv: list[str]) -> float:
        started = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    for argv in (command, bare):
        once(argv)
    ours, theirs = [], []
    for _ in range(15):
        ours.append(once(command))
        theirs.append(once(bare))
    assert statistics.median(ours) < 1.6 * statistics.median(theirs)

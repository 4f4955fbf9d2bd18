"""The reference of the commands is made from the code, and says what the code does today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_reference_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "reference.py", "--check"], cwd=ROOT)
    assert done.returncode == 0, "make docs writes it anew"

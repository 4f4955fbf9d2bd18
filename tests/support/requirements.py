"""What a test needs of its host. Without it the test is skipped, with the reason; where CI is set, it fails instead."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from boxwright.host import process


def missing(reason: str) -> NoReturn:
    """End the test for want of something: skip it, or fail where everything is promised to be there (CI=true)."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_peer(name: str) -> str:
    """Return the path of a program to compare with."""
    path = process.find(name)
    if path is None:
        missing(f"{name} is not installed")
    return path


def require_program(name: str, *others: str) -> str:
    """Return the path of a program, or of another one that is as good, which Debian doesn't have: or skip the test."""
    for one in (name, *others):
        path = process.find(one)
        if path is not None:
            return path
    pytest.skip(f"needs {name}: Debian does not have it")


def require_root() -> None:
    if os.geteuid():
        missing("needs root")


def require_runtime() -> None:
    """Require what containers need: root, an OCI runtime, conmon."""
    require_root()
    if not any(process.find(name) for name in ("crun", "runc")):
        missing("neither crun nor runc is installed")
    require_peer("conmon")

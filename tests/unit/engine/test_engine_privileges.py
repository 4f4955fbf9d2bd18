"""What needs root says so."""

from __future__ import annotations

import os

import pytest

from boxwright.engine.privileges import NeedsRoot, require_root


def test_root_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    require_root("a build")


def test_another_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NeedsRoot, match=r"^a build needs root$") as caught:
        require_root("a build")
    assert caught.value.hint is not None
    assert "sudo" in caught.value.hint

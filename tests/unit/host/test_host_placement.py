"""Hints to the file system."""

from __future__ import annotations

from boxwright.host.placement import spread_children


def test_spreading_is_a_hint_that_may_be_given_again(tmp_path):
    answer = spread_children(tmp_path)
    assert spread_children(tmp_path) is answer
    (tmp_path / "child").mkdir()

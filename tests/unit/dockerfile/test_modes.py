"""Symbolic modes; the expected ones are those of chmod with a umask of 022."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.modes import change_mode, is_mode


@pytest.mark.parametrize(
    ("text", "mode", "directory", "expected"),
    [
        ("go-w", 0o666, False, 0o644),
        ("u=rw,g=r,o=r", 0o666, False, 0o644),
        ("a+X", 0o666, False, 0o666),
        ("a+X", 0o124, True, 0o135),
        ("a+X", 0o744, False, 0o755),
        ("go-w", 0o124, True, 0o104),
        ("u+rw,g+r,o-x,o+w", 0o124, True, 0o766),
        ("u+rwX,go=rX", 0o600, False, 0o644),
        ("u+rwX,go=rX", 0o700, True, 0o755),
        ("u+x", 0o644, False, 0o744),
        ("+x", 0o644, False, 0o755),
        ("+w", 0o444, False, 0o666),
        ("=r", 0o777, False, 0o444),
        ("a=", 0o7777, False, 0),
        ("go=", 0o755, True, 0o700),
        ("g=u", 0o740, False, 0o770),
        ("o=g-w", 0o770, False, 0o775),
        ("u+s,g+s", 0o755, False, 0o6755),
        ("u-s", 0o4755, False, 0o755),
        ("+t", 0o777, True, 0o1777),
        ("o+t", 0o777, True, 0o777),
        ("a+t", 0o777, True, 0o1777),
        ("u+t", 0o777, True, 0o777),
        ("u-x+X", 0o744, False, 0o744),
        ("ug+rw-x", 0o711, False, 0o661),
    ],
)
def test_change(text: str, mode: int, directory: bool, expected: int) -> None:
    assert is_mode(text)
    assert oct(change_mode(text, mode, directory=directory)) == oct(expected)


@pytest.mark.parametrize("text", ["", "u", "u+q", "x+u+", "644", "u+x,", "u +x", "+rwu", "8"])
def test_what_is_no_mode(text: str) -> None:
    assert not is_mode(text)

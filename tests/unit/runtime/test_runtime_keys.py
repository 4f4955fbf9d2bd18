"""The keys that leave a container."""

from __future__ import annotations

import pytest

from boxwright.runtime.keys import DEFAULT, InvalidKeys, KeyWatch, parse_keys


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        (DEFAULT, b"\x10\x11"),
        ("ctrl-a,d", b"\x01d"),
        ("ctrl-@,ctrl-[", b"\x00\x1b"),
        ("ctrl-A", b"\x01"),
        ("q", b"q"),
        ("", b""),
    ],
)
def test_parses(text, sequence):
    assert parse_keys(text) == sequence


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "ctrl-p,", ",", "é", "ctrl-é"])
def test_refuses(text):
    with pytest.raises(InvalidKeys):
        parse_keys(text)


@pytest.mark.parametrize(
    ("typed", "passed", "found"),
    [
        ([b"abc"], b"abc", False),
        ([b"\x10\x11"], b"", True),
        ([b"ab\x10\x11cd"], b"ab", True),
        ([b"\x10", b"\x11"], b"", True),
        ([b"\x10", b"x"], b"\x10x", False),
        ([b"\x10\x10\x11"], b"\x10", True),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
        ([b"\x10"], b"", False),
        ([b""], b"", False),
    ],
)
def test_watches(typed, passed, found):
    watch = KeyWatch(b"\x10\x11")
    seen, result = b"", False
    for data in typed:
        through, result = watch.feed(data)
        seen += through
    assert (seen, result) == (passed, found)


def test_without_keys_everything_passes():
    assert KeyWatch(b"").feed(b"\x10\x11") == (b"\x10\x11", False)

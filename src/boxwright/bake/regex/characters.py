"""Which characters a piece of a pattern takes: sets, and what stands behind a backslash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Test: TypeAlias = Callable[[str], bool]
"""Whether a character is one of them."""

_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = _UPPER.lower()
WORD = frozenset(_DIGITS + _UPPER + _LOWER + "_")
"""What words are made of, for ``\\b``."""
SETS = {
    "d": frozenset(_DIGITS),
    "w": WORD,
    "s": frozenset("\t\n\f\r "),
    "alnum": frozenset(_DIGITS + _UPPER + _LOWER),
    "alpha": frozenset(_UPPER + _LOWER),
    "ascii": frozenset(map(chr, range(128))),
    "blank": frozenset("\t "),
    "cntrl": frozenset([*map(chr, range(32)), "\x7f"]),
    "digit": frozenset(_DIGITS),
    "graph": frozenset(map(chr, range(33, 127))),
    "lower": frozenset(_LOWER),
    "print": frozenset(map(chr, range(32, 127))),
    "punct": frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": frozenset("\t\n\v\f\r "),
    "upper": frozenset(_UPPER),
    "word": WORD,
    "xdigit": frozenset(_DIGITS + "abcdefABCDEF"),
}
ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
PROPERTIES: dict[str, Test] = {
    "L": str.isalpha,
    "Lu": str.isupper,
    "Ll": str.islower,
    "N": str.isnumeric,
    "Nd": str.isdecimal,
    "Z": str.isspace,
}


def between(low: str, high: str) -> Test:
    """Return the test of a range, both ends within."""
    return lambda char: low <= char <= high


def folded(test: Test) -> Test:
    """Return a test that takes upper and lower case for the same."""
    return lambda char: test(char) or test(char.lower()) or test(char.upper())

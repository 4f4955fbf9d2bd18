"""Regular expressions of bake files. The matches are those that Go finds."""

from __future__ import annotations

import random

import pytest

from boxwright.bake.regex.machine import Pattern
from boxwright.bake.regex.program import PatternError


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("", "ab", [(0, 0), (1, 1), (2, 2)]),
        ("b", "abcb", [(1, 2), (3, 4)]),
        ("a|ab", "ab", [(0, 1)]),
        ("(?:a|ab)$", "ab", [(0, 2)]),
        ("a|b|c", "xcba", [(1, 2), (2, 3), (3, 4)]),
        ("a*", "baac", [(0, 0), (1, 3), (4, 4)]),
        ("a+?", "aaa", [(0, 1), (1, 2), (2, 3)]),
        ("a??b", "aab", [(1, 3)]),
        ("a{2}", "aaaaa", [(0, 2), (2, 4)]),
        ("a{2,}", "aaaaa", [(0, 5)]),
        ("a{1,2}?b", "aab", [(0, 3)]),
        ("a{,2}", "a{,2}", [(0, 5)]),
        ("x{", "x{", [(0, 2)]),
        (".", "a\nb", [(0, 1), (2, 3)]),
        ("(?s).", "a\nb", [(0, 1), (1, 2), (2, 3)]),
        ("^.", "a\nb", [(0, 1)]),
        ("(?m)^.$", "a\nb", [(0, 1), (2, 3)]),
        (r"\Aa|b\z", "ab", [(0, 1), (1, 2)]),
        (r"\bb\B", "b bc", [(2, 3)]),
        ("[a-c]+", "xabcd", [(1, 4)]),
        ("[^a-c]+", "abxyc", [(2, 4)]),
        ("[]a]+", "a]b", [(0, 2)]),
        ("[a-]+", "-ab", [(0, 2)]),
        (r"[\w.-]+", "a.b-c d", [(0, 5), (6, 7)]),
        ("[[:alpha:]]+", "1ab", [(1, 3)]),
        ("[[:^alpha:]]+", "1ab", [(0, 1)]),
        (r"[\]\-\x41-\x{43}]+", "]-ABCD", [(0, 5)]),
        (r"\d+\s\D\S\W\w", "12 ab-c", [(0, 7)]),
        (r"\x41\x{e9}\101\t\.", "AéA\t.", [(0, 5)]),
        (r"\pL+\p{Nd}\P{L}", "é1!", [(0, 3)]),
        (r"\Qa.b\E+", "a.bb a.b", [(0, 4), (5, 8)]),
        ("(?i)aB[c]", "AbC", [(0, 3)]),
        ("(?i:[^a])", "Ab", [(1, 2)]),
        ("a(?i)b|c(?-i)d", "aB Cd", [(0, 2), (3, 5)]),
        ("(?U)a+", "aa", [(0, 1), (1, 2)]),
        ("(?U:a+?)", "aa", [(0, 2)]),
    ],
)
def test_matches(pattern: str, text: str, found: list[tuple[int, int]]) -> None:
    assert [(match.start, match.end) for match in Pattern(pattern).matches(text)] == found


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        ("(a)(b)?", "a", ["a", None]),
        ("(a|b)*", "aab", ["b"]),
        ("(a*)*", "b", [""]),
        ("((a)|(b))+", "ab", ["b", "a", "b"]),
        ("(?P<x>a)(?<y>b)", "ab", ["a", "b"]),
        ("(.*)(.*)", "ab", ["ab", ""]),
        ("(.*?)(.*)", "ab", ["", "ab"]),
        ("(?:a)(b)", "ab", ["b"]),
    ],
)
def test_groups(pattern: str, text: str, groups: list[str | None]) -> None:
    match = Pattern(pattern).search(text)
    assert match is not None
    assert match.groups() == groups


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "[", "[a", "[]", "[b-a]", "[[:what:]]", "*", "a**", "a{2}{2}", "a{2,1}", "a{1001}", "(?<a"),
        *(
            "(?P<a>x)(?P<a>y)",
            "(?P<1>x)",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?P=a)",
            "(?x)",
            "(?i",
            "\\",
            r"\8",
            r"\y",
            r"\x",
        ),
        *(r"\xg0", r"\x{110000}", r"\p{What}", r"\p{", r"[\d-z]", "(" * 100, "(a{1000}){1000}", "a" * 20_000),
    ],
)
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(PatternError, match="is no regular expression"):
        Pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a+a+)+b", "(.*)(.*)(.*)b$"])
def test_nothing_is_tried_again(pattern: str) -> None:
    assert Pattern(pattern).search("a" * 5000 + "c") is None


def test_what_would_take_too_long_is_given_up() -> None:
    with pytest.raises(PatternError, match="takes too long"):
        Pattern("a{0,1000}a{0,1000}c").search("a" * 3000)


def test_random_patterns_are_answered() -> None:
    chance = random.Random(3)
    for _ in range(3000):
        pattern = "".join(chance.choices("ab.()[]|*+?{}^$\\-:,2PQpdixAz<>", k=chance.randint(1, 12)))
        try:
            list(Pattern(pattern).matches("ab2-ab"))
        except PatternError:
            pass  # a refusal is an answer

"""Wildcards of one name, by the rules of Go's filepath.Match."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.pattern import BadPattern, has_wildcards, match, parse_component


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("*", "", True),
        ("*", "anything", True),
        ("*", "a/b", False),
        ("*.go", "main.go", True),
        ("*.go", ".go", True),
        ("*.go", "main.goo", False),
        ("f*.go", "foo.go", True),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("*ab", "aab", True),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "aab", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("**", "ab", True),
        ("**", "a/b", False),
        ("?", "a", True),
        ("?", "☺", True),
        ("?", "", False),
        ("?", "ab", False),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a-c]x", "dx", True),
        ("[^a-c]x", "bx", False),
        ("[!a]", "!", True),
        ("[!a]", "b", False),
        ("[abc]", "c", True),
        ("[a-cx-z0]", "0", True),
        ("[a-ζ]", "α", True),
        ("[c-a]", "b", False),
        ("[^c-a]", "b", True),
        ("[\\]]", "]", True),
        ("[\\-x]", "-", True),
        ("[x\\-z]", "y", False),
        ("[\\\\]", "\\", True),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("[.]", "a", False),
        ("[&&||~~]", "&", True),
        ("arr[[]0].txt", "arr[0].txt", True),
        ("arr[[]0].txt", "arr0.txt", False),
        ("a]", "a]", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("\\a", "a", True),
        ("a+b(c)|$^.", "a+b(c)|$^.", True),
        ("a.c", "abc", False),
        ("a\nb", "a\nb", True),
        ("a*b", "a\n\nb", True),
        ("sub/*/foo", "sub/x/foo", True),
        ("sub/*/foo", "sub/x/y/foo", False),
        ("sub/*", "sub", False),
        ("日本*", "日本語", True),
    ],
)
def test_match(pattern: str, path: str, matches: bool) -> None:
    assert match(pattern, path) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "[",
        "[]",
        "[]a]",
        "[^]",
        "[a",
        "[a-",
        "[a-]",
        "[-]",
        "[-x]",
        "[x-]",
        "[a-b-c]",
        "[^bc",
        "a[",
        "\\",
        "a\\",
        "[\\",
        "[a\\",
    ],
)
def test_bad_pattern(pattern: str) -> None:
    with pytest.raises(BadPattern):
        parse_component(pattern)


@pytest.mark.parametrize(
    ("text", "wild"),
    [
        ("a", False),
        ("a*", True),
        ("a?", True),
        ("a[b]", True),
        ("a\\*", False),
        ("a\\\\*", True),
        ("a]", False),
        ("\\", False),
    ],
)
def test_wildcards_are_noticed(text: str, wild: bool) -> None:
    assert has_wildcards(text) is wild


@pytest.mark.parametrize(
    ("pattern", "literal"), [("abc", "abc"), ("a\\*b", "a*b"), ("a*", None), ("[a]", None), ("?", None), ("a]", "a]")]
)
def test_a_pattern_without_wildcards_is_one_name(pattern: str, literal: str | None) -> None:
    assert parse_component(pattern).literal == literal


def test_a_hostile_pattern_is_quick() -> None:
    assert not match("*a" * 60 + "b", "a" * 250)

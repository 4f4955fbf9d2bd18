"""IgnoreRules against a slow, literal reading of how Docker matches: one regular expression a pattern, parents too."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.ignore_scope import IgnoreScope
from boxwright.dockerfile.source import DockerfileError, Source


def reference_expression(pattern: str) -> str:
    """Translate one clean pattern as Docker does, ``**`` being ``(.*/)?`` wherever it stands."""
    if pattern.startswith("**") and not re.search(r"[*?\[\]\\]", pattern[2:]):
        tail = pattern[2:]
        return f"(.*/)?{re.escape(tail[1:])}" if tail.startswith("/") else f".*{re.escape(tail)}"
    expression = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**", position):
            position += 2
            if pattern.startswith("/", position):
                position += 1
            expression += "(.*/)?" if position < len(pattern) else ".*"
            continue
        position += 1
        if char == "*":
            expression += "[^/]*"
        elif char == "?":
            expression += "[^/]"
        elif char == "[":
            end = pattern.index("]", position)
            inside = pattern[position:end]
            expression += f"(?!/)[{'^' if inside[0] == '^' else ''}{inside.lstrip('^')}]"
            position = end + 1
        elif char == "\\":
            expression += re.escape(pattern[position])
            position += 1
        else:
            expression += re.escape(char)
    return expression


def reference_matches(patterns: list[str], path: str) -> bool:
    names = path.split("/")
    prefixes = ["/".join(names[: end + 1]) for end in range(len(names))]
    excluded = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        expression = reference_expression(pattern.removeprefix("!"))
        if any(re.fullmatch(expression, prefix, re.DOTALL) for prefix in prefixes):
            excluded = not negated
    return excluded


names = st.text(alphabet="abc.", min_size=1, max_size=4).filter(lambda name: name.strip("."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
pieces = st.sampled_from(["a", "b", "c", ".", "*", "**", "?", "[ab]", "[^a]", "\\*", "\\a", "ab"])
components = st.lists(pieces, min_size=1, max_size=4).map("".join).filter(lambda text: text.strip("."))
patterns = st.builds(
    lambda negated, parts: negated + "/".join(parts),
    st.sampled_from(["", "", "!"]),
    st.lists(components, min_size=1, max_size=4),
)


@settings(max_examples=600)
@given(st.lists(patterns, max_size=5), st.lists(paths, min_size=1, max_size=8))
@example(["**a", "!a/**"], ["b/xa", "a/b", "a"])
@example(["a**b"], ["ab", "axb", "ax/b", "a/b", "a/x/b"])
@example(["a**"], ["a", "ab", "ab/c", "b"])
@example(["**/**", "!a*"], ["a", "b", "ab/c"])
@example(["a***b"], ["ab", "axb", "ax/yb"])
def test_matches_as_the_reference_does(lines: list[str], candidates: list[str]) -> None:
    rules = IgnoreRules.parse(Source(".dockerignore", "\n".join(lines)))
    for path in candidates:
        assert rules.matches(path) is reference_matches(lines, path), (lines, path)
        decisive = rules.decisive(path)
        assert (decisive is not None and decisive.excludes) is rules.matches(path)


def walk(tree: set[str], scope: IgnoreScope, directory: str) -> set[str]:
    """Collect the kept paths as a context does, trusting every promise of the scopes."""
    kept = set()
    members = {path[len(directory) :].split("/")[0] for path in tree if path.startswith(directory)}
    for name in members:
        path = directory + name
        if any(other.startswith(path + "/") for other in tree):
            below = scope.enter(name)
            assert below.excluded is scope.excludes(name)
            if below.prunable:
                continue
            inside = {other for other in tree if other.startswith(path + "/")} if below.keeps_all else None
            kept |= inside if inside is not None else walk(tree, below, path + "/")
        elif not scope.excludes(name):
            kept.add(path)
    return kept


@settings(max_examples=400)
@given(st.lists(patterns, max_size=5), st.sets(paths, max_size=12))
def test_a_walk_that_prunes_keeps_the_same_files(lines: list[str], tree: set[str]) -> None:
    files = {path for path in tree if not any(other.startswith(path + "/") for other in tree)}
    rules = IgnoreRules.parse(Source(".dockerignore", "\n".join(lines)))
    assert walk(files, rules.root, "") == {path for path in files if not reference_matches(lines, path)}


@given(st.text())
def test_any_text_is_rules_or_a_mistake_with_its_place(text: str) -> None:
    place = ".dockerignore:"
    try:
        IgnoreRules.parse(Source(".dockerignore", text)).matches("a/b")
    except DockerfileError as error:
        place = error.detail[0]
    assert place.startswith(".dockerignore:")


@pytest.mark.parametrize("pattern", ["a*" * 30 + "b", "**/" + "a*" * 40 + "b", "[ab]*" * 30 + "c"])
def test_no_pattern_takes_long(pattern: str) -> None:
    assert not IgnoreRules.parse(Source(".dockerignore", pattern)).matches("a" * 250)

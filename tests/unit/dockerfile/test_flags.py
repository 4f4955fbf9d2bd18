"""Flags: with a value, with several, and without one."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.flags import Flags, FlagSet, parse_flags
from boxwright.dockerfile.parser import parse_lines
from boxwright.dockerfile.source import DockerfileError, Source

KNOWN = FlagSet(frozenset({"from"}), repeated=frozenset({"mount"}), switches=frozenset({"link"}))


def flags(text: str) -> Flags:
    (node,) = parse_lines(Source("Dockerfile", f"COPY {text} a b")).nodes
    return parse_flags(node, KNOWN)


def test_a_flag_has_the_values_that_it_was_given() -> None:
    given = flags("--mount=a --from=x --mount=b=c")
    assert given.get("from") == "x"
    assert given.all("mount") == ("a", "b=c")
    assert given.switch("link") is None
    assert (flags("").get("from"), flags("").all("mount")) == (None, ())


@pytest.mark.parametrize(("text", "on"), [("--link", True), ("--link=TRUE", True), ("--link=false", False)])
def test_a_switch_is_on_unless_it_says_otherwise(text: str, on: bool) -> None:
    assert flags(text).switch("link") is on


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--link --link", "duplicate flag specified: link"),
        ("--from=a --from=b", "duplicate flag specified: from"),
        ("--link=", "expected boolean value for flag link, not ''"),
        ("--link=yes", "expected boolean value for flag link, not 'yes'"),
        ("--mount", "missing a value on flag: mount"),
        ("--form=a", "unknown flag: --form (did you mean --from?)"),
    ],
)
def test_a_flag_that_is_given_wrongly_is_an_error(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        flags(text)
    assert caught.value.message == message

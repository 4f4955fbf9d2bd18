"""The comments at the top that mean something."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.directives import Check, Directives, read_directives
from boxwright.dockerfile.parser import parse_lines
from boxwright.dockerfile.source import DockerfileError, Source


def read(text: str) -> Directives:
    return read_directives(Source("Dockerfile", text))


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("", "\\"),
        ("# escape=`\nFROM a", "`"),
        ("#escape=`", "`"),
        ("  #   EsCaPe  =  `  ", "`"),
        ("# escape=\\", "\\"),
        ("# syntax=a\n# escape=`", "`"),
        ("\ufeff# escape=`", "`"),
        ("# escape=`\r\n", "`"),
        ("# hello\n# escape=`", "\\"),
        ("\n# escape=`", "\\"),
        ("FROM a\n# escape=`", "\\"),
        ("# unknown=value\n# escape=`", "\\"),
        ("# escape\n", "\\"),
        ("# escape=\n", "\\"),
        ("#! /bin/sh\n# escape=`", "\\"),
    ],
)
def test_escape_is_read_only_from_the_very_top(text: str, escape: str) -> None:
    assert read(text).escape == escape


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("# syntax=docker/dockerfile:1", "docker/dockerfile:1"),
        ("# escape=`\n# syntax = a/b", "a/b"),
        ("#!/usr/bin/env build\n# syntax=a", "a"),
        ("// syntax=a\nFROM b", "a"),
        ("#!/usr/bin/env build\n// syntax=a", "a"),
        ("# hello\n# syntax=a", None),
        ("FROM a", None),
    ],
)
def test_syntax_is_kept_for_show(text: str, syntax: str | None) -> None:
    assert read(text).syntax == syntax


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("# check=skip=all", Check(skip_all=True)),
        ("# check=skip=A,B", Check(frozenset({"a", "b"}))),
        ("# check=skip=A , B;error=true", Check(frozenset({"a", "b"}), error=True)),
        ("# check=error=false", Check()),
        ("# check=error=TRUE;", Check(error=True)),
        ("# check=experimental=all", Check(experimental_all=True)),
        ("# check=experimental=A;skip=B", Check(frozenset({"b"}), experimental=frozenset({"a"}))),
    ],
)
def test_check_says_which_warnings_are_not_wanted(text: str, check: Check) -> None:
    assert read(text).check == check


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("# escape=`\n# escape=`", "only one escape parser directive can be used", 2),
        ("# syntax=a\n# escape=`\n# SYNTAX=b", "only one syntax parser directive can be used", 3),
        ("# escape=x", "invalid escape token 'x' does not match ` or \\", 1),
        ("# escape=``", "invalid escape token '``' does not match ` or \\", 1),
        ("# check=foo=bar", "invalid check option 'foo=bar'", 1),
        ("# check=skip", "invalid check option 'skip'", 1),
        ("# syntax=a\n# check=error=maybe", "check option error must be true or false, not 'maybe'", 2),
    ],
)
def test_a_directive_without_sense_is_refused(text: str, message: str, line: int) -> None:
    with pytest.raises(DockerfileError) as caught:
        read(text)
    assert (caught.value.message, caught.value.span.first) == (message, line)


def test_a_backtick_continues_lines_and_a_backslash_is_text() -> None:
    lines = parse_lines(Source("Dockerfile", "# escape=`\nFROM a\nCOPY x c:\\\nRUN dir `\n c:\\\nENV a=b` c\n"))
    assert [node.arguments for node in lines.nodes] == [("a",), ("x", "c:\\"), ("dir  c:\\",), ("a", "b` c")]

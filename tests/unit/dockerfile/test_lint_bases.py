"""Rules about FROM: names of stages, platforms, defaults, versions, descriptions."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.lint.rule import Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import load


def lines(text: str, rule: str) -> list[int]:
    found = lint(Subject(load(Source("Dockerfile", text))), Check(experimental_all=True), asked=True)
    return [warning.span.first for warning in found if warning.rule == rule]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG V\nFROM a:$V", [2]),
        ("ARG V=\nFROM a:${V}", [2]),
        ("ARG I\nFROM $I", [2]),
        ("ARG I=UPPER\nFROM $I", [2]),
        ("ARG I='a b'\nFROM $I", [2]),
        ("ARG R=\nFROM $R/a", [2]),
        ("ARG V\nFROM a:1\nFROM b:$V", [3]),
        ("ARG V=1\nFROM a:$V", []),
        ("ARG V\nFROM a:${V:-1}", []),
        ("ARG V\nFROM a${V:+:$V}", []),
        ("ARG A=a\nARG B=$A:1\nFROM $B", []),
        ("ARG R=localhost:5000/\nFROM ${R}a/b:1", []),
        ("FROM a AS x-amd64\nFROM x-$TARGETARCH", []),
        ("FROM a:$UNDECLARED", []),
        ("ARG V=${X:?none}\nFROM a:$V", []),
        ("ARG S=scratch\nFROM $S", []),
    ],
)
def test_defaults_that_name_no_image(text: str, expected: list[int]) -> None:
    assert lines(text, "InvalidDefaultArgInFrom") == expected


@pytest.mark.parametrize(
    ("platform", "name", "rule"),
    [
        ("linux/amd64", "build", "FromPlatformFlagConstDisallowed"),
        ("linux/arm/v7", "build", "FromPlatformFlagConstDisallowed"),
        ("linux/amd64", "build-amd64", None),
        ("linux/amd64", "for-linux", None),
        ("$BUILDPLATFORM", "build", None),
        ("linux/$TARGETARCH", "build", None),
        ("$TARGETPLATFORM", "build", "RedundantTargetPlatform"),
        ("${TARGETPLATFORM}", "build", "RedundantTargetPlatform"),
        ("${TARGETPLATFORM:-linux/amd64}", "build", None),
    ],
)
def test_platforms(platform: str, name: str, rule: str | None) -> None:
    dockerfile = load(Source("Dockerfile", f"FROM --platform={platform} a:1 AS {name}\n"))
    assert [warning.rule for warning in lint(Subject(dockerfile), Check(), asked=True)] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("a", True),
        ("a:latest", True),
        ("localhost:5000/a", True),
        ("localhost:5000/a:latest", True),
        ("a:1", False),
        ("localhost:5000/a:1", False),
        ("a@sha256:" + 64 * "0", False),
        ("$IMAGE", False),
        ("scratch", False),
    ],
)
def test_unpinned_bases(image: str, found: bool) -> None:
    assert bool(lines(f"FROM {image}", "UnpinnedBase")) is found


def test_a_stage_is_no_unpinned_base() -> None:
    assert lines("FROM a:1 AS Base\nFROM base", "UnpinnedBase") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a:1 AS b\nWORKDIR x\nFROM b\nWORKDIR y", [2]),
        ("FROM a:1 AS b\nWORKDIR /x\nFROM b\nWORKDIR y", []),
        ("FROM a:1 AS b\nFROM b\nWORKDIR y", [3]),
        ('FROM a:1\nWORKDIR "/x"\nWORKDIR y', []),
        ("FROM a:1\nWORKDIR ${X}/y", []),
    ],
)
def test_relative_directories(text: str, expected: list[int]) -> None:
    assert lines(text, "WorkdirRelativePath") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# b is it\nFROM a:1 AS b", []),
        ("# what\nFROM a:1 AS b", [2]),
        ("# what\nFROM a:1", []),
        ("# what\n\nFROM a:1 AS b", []),
        ("# what\n#\nFROM a:1 AS b", []),
        ("# what\n# b is it\nFROM a:1 AS b", []),
        ("# y is\nARG x y\nFROM a:1", []),
        ("# z is\nARG x y\nFROM a:1", [2]),
        ("# syntax=docker/dockerfile:1\nFROM a:1 AS b", []),
        ("FROM a:1 AS b\n# what\nRUN c", []),
    ],
)
def test_descriptions(text: str, expected: list[int]) -> None:
    assert lines(text, "InvalidDefinitionDescription") == expected

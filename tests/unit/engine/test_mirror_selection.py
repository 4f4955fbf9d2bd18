"""Which tags a mirror takes: versions, their ranges and order, patterns."""

from __future__ import annotations

import pytest

from boxwright.engine.mirroring.selection import TagSelection
from boxwright.engine.mirroring.versions import InvalidRange, Range, Version


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


def test_the_order_of_versions() -> None:
    # The specification's own examples, and what tags leave out.
    texts = [
        *("1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"),
        *("1.0.0-rc.1", "v1.0.0", "1.0.1", "1.2", "1.10", "2", "10.0.0"),
    ]
    assert sorted(sorted(texts), key=version) == texts
    assert version("1.2") == version("v1.2.0+build") == version("1.2.0")
    assert len({version("1"), version("1.0"), version("1.0.0-rc")}) == 2


@pytest.mark.parametrize("text", ["latest", "1.2.3.4", "", "1.", "v", "-1", "1.2-", "a1"])
def test_what_is_no_version(text: str) -> None:
    assert Version.parse(text) is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=1.2 <2", "1.2 1.2.0 1.9.9", "1.1.9 2 2.0.0-rc.1 1.2.0-rc.1"),
        (">=1.2, <2", "1.5", "2"),
        ("1.2.3", "1.2.3 v1.2.3", "1.2.4 1.2.3-rc"),
        ("=1.2", "1.2 1.2.9", "1.3 1.1.9"),
        ("1.x", "1.0 1.99.1", "2.0 0.9"),
        ("1.2.*", "1.2.0 1.2.7", "1.3.0"),
        ("*", "0.0.1 99", "1.0-rc"),
        ("^1.4", "1.4 1.99", "1.3.9 2.0"),
        ("^0.4.2", "0.4.2 0.4.9", "0.5 0.4.1"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0", "0.0.1 0.9", "1.0"),
        ("~1.4.2", "1.4.2 1.4.9", "1.5 1.4.1"),
        ("~1", "1.0 1.9", "2.0"),
        (">1.2", "1.3.0", "1.2.9 1.2.0"),
        (">1.2.3", "1.2.4", "1.2.3"),
        ("<=1.2", "1.2.9 1.1", "1.3.0"),
        ("<=1.2.3", "1.2.3", "1.2.4"),
        ("<1.2", "1.1.9", "1.2.0 1.2.0-rc.1"),
        ("1.2 || 1.4", "1.2.1 1.4.0", "1.3.0"),
        (">=1.2.0-rc.1", "1.2.0-rc.1 1.2.0-rc.2 1.2.0 1.3", "1.2.0-beta 1.3.0-rc.1"),
    ],
)
def test_ranges(text: str, inside: str, outside: str) -> None:
    wanted = Range(text)
    assert [one for one in inside.split() if not wanted.holds(version(one))] == []
    assert [one for one in outside.split() if wanted.holds(version(one))] == []


@pytest.mark.parametrize("text", ["", "||", "1 ||", "latest", ">=", "1.2.3.4", "!1", ">= latest"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(InvalidRange):
        Range(text)


TAGS = [
    "1.27",
    "1.27-alpine",
    "1.9",
    "2.0.0-rc.1",
    "2.0.0",
    "latest",
    "dev",
    f"sha256-{'0' * 64}.sig",
    f"sha256-{'0' * 64}",
]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (TagSelection(), "1.27 1.27-alpine 1.9 2.0.0-rc.1 2.0.0 latest dev"),
        (TagSelection(include=("1.*", "latest")), "1.27 1.27-alpine 1.9 latest"),
        (TagSelection(include=("1.*",), exclude=("*-alpine",)), "1.27 1.9"),
        (TagSelection(exclude=("*",)), ""),
        (TagSelection(versions=Range(">=1.10")), "1.27 2.0.0"),
        (TagSelection(newest=2), "2.0.0-rc.1 2.0.0"),
        (TagSelection(newest=2, exclude=("*-*",)), "1.27 2.0.0"),
        (TagSelection(newest=0), ""),
        (TagSelection(include=("sha256-*",)), ""),
    ],
)
def test_tags_that_are_meant(selection: TagSelection, expected: str) -> None:
    assert selection.choose(TAGS) == expected.split()

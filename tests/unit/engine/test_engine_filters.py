from __future__ import annotations

import pytest

from boxwright.engine import filters
from boxwright.engine.filters import InvalidFilter
from boxwright.engine.images import ImageRow, list_images, matches
from boxwright.host.clock import parse_rfc3339_ns
from boxwright.store.images import ImageNotFound
from boxwright.store.store import Store
from support.images import add_image

NOW = parse_rfc3339_ns("2026-06-15T12:00:00Z")


@pytest.mark.parametrize(
    ("values", "said"),
    [((), None), (("true",), True), (("0",), False), (("FALSE", "1"), True)],
)
def test_yes_or_no(values: tuple[str, ...], said: bool | None) -> None:
    assert filters.boolean("dangling", values) is said


def test_neither_yes_nor_no() -> None:
    with pytest.raises(InvalidFilter, match="invalid filter dangling=maybe: it takes true or false"):
        filters.boolean("dangling", ["maybe"])


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ((), True),
        (("a",), True),
        (("a=1",), True),
        (("a=2",), False),
        (("a=",), False),
        (("empty=",), True),
        (("a", "b=x=y"), True),
        (("a", "c"), False),
    ],
)
def test_labels(wanted: tuple[str, ...], match: bool) -> None:
    assert filters.labels_match({"a": "1", "b": "x=y", "empty": ""}, wanted) is match


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1h", "2026-06-15T11:00:00Z"),
        ("1h30m10s", "2026-06-15T10:29:50Z"),
        ("2d", "2026-06-13T12:00:00Z"),
        ("0s", "2026-06-15T12:00:00Z"),
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T10:20:30", "2026-01-31T10:20:30Z"),
        ("2026-01-31T10:20:30.123456789Z", "2026-01-31T10:20:30.123456789Z"),
        ("2026-01-31T10:20:30+02:00", "2026-01-31T08:20:30Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("1700000000.000000001", "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    assert filters.moment(text, NOW) == parse_rfc3339_ns(moment)


@pytest.mark.parametrize("text", ["", "soon", "1x", "h", "1h soon", "2026-13-01", "2026-01-31T", "-5", "1e5"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError):
        filters.moment(text, NOW)
    with pytest.raises(InvalidFilter, match="invalid filter until="):
        filters.until([text], 0)


def test_unknown_filters_are_named_with_those_there_are() -> None:
    with pytest.raises(InvalidFilter) as caught:
        filters.check({"odd": ["1"]}, ("b", "a"))
    assert (caught.value.message, caught.value.hint) == ("invalid filter 'odd'", "filters here are a, b")


@pytest.mark.parametrize(
    ("name", "pattern", "match"),
    [
        ("web:1", "web", True),
        ("web:1", "web:1", True),
        ("web:1", "web:2", False),
        ("web:1", "w*", True),
        ("web:1", "web:*", True),
        ("web:1", "*:1", True),
        ("web:1", "?eb", True),
        ("web:1", "[v-x]eb", True),
        ("ada/web:1", "web", False),
        ("ada/web:1", "ada", False),
        ("ada/web:1", "*", False),  # a wildcard stops at a slash
        ("ada/web:1", "*/*", True),
        ("ada/web:1", "ada/*:1", True),
        ("ada/web:1", "docker.io/ada/web", True),
        ("web:1", "docker.io/library/web", True),
        ("host:5000/web:1", "host:5000/web", True),
        ("host:5000/web:1", "host:5000/*:1", True),
        ("<none>:<none>", "web", False),
    ],
)
def test_patterns_of_images(store: Store, name: str, pattern: str, match: bool) -> None:
    repository, _, tag = name.rpartition(":")
    row = ImageRow(add_image(store), repository, tag, "<none>", {})
    assert matches(row, [pattern]) is match
    assert matches(row, ["nothing", pattern]) is match


def test_lists_of_images(store: Store) -> None:
    old = add_image(store, "old:1", "old:2", created="2026-01-01T00:00:00Z", labels={"a": "1"})
    bare = add_image(store, created="2026-01-02T00:00:00Z")
    new = add_image(store, "ada/new", created="2026-01-03T00:00:00Z", labels={"a": "2"}, parent=old.id)

    def names(**found: list[str]) -> list[str]:
        return [f"{row.repository}:{row.tag}" for row in list_images(store, filters=found)]

    assert names() == ["ada/new:latest", "<none>:<none>", "old:1", "old:2"]
    assert names(dangling=["true"]) == ["<none>:<none>"]
    assert names(dangling=["false"]) == ["ada/new:latest", "old:1", "old:2"]
    assert names(label=["a"]) == ["ada/new:latest", "old:1", "old:2"]
    assert names(label=["a=2"]) == ["ada/new:latest"]
    assert names(before=[bare.id.short]) == ["old:1", "old:2"]
    assert names(since=["old:1"]) == ["ada/new:latest", "<none>:<none>"]
    assert names(reference=["old:2", "ada/*"]) == ["ada/new:latest", "old:2"]
    assert names(until=["2026-01-02T12:00:00Z"]) == ["<none>:<none>", "old:1", "old:2"]
    assert [row.record.id for row in list_images(store, "old:2")] == [old.id]
    assert [row.record.id for row in list_images(store, "new")] == []
    assert new.parent == old.id
    with pytest.raises(ImageNotFound):
        names(since=["nowhere"])
    with pytest.raises(InvalidFilter):
        names(odd=["1"])

"""Tables, lists and the words for sizes and spans: docker's, since scripts read them."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest

from boxwright.cli import human, listing, table
from boxwright.cli.template import TemplateError
from boxwright.host.clock import rfc3339

ROWS: list[dict[str, Any]] = [
    {"ID": "1a", "Names": "web", "CreatedSince": "now", "Label": {"a": "b"}.get},
    {"ID": "2b", "Names": "a longer name", "CreatedSince": "then", "Label": {}.get},
]
COLUMNS = {"CONTAINER ID": "ID", "NAMES": "Names"}


def listed(form: str | None, rows: list[dict[str, Any]] = ROWS) -> str:
    out = io.StringIO()
    listing.write(out, rows, COLUMNS, form)
    return out.getvalue()


def test_columns_are_three_spaces_apart_and_ten_wide_at_least() -> None:
    out = io.StringIO()
    table.write(out, ["A", "B", "C"], [["x", "a long cell", ""], ["y", "z", "last  "]])
    assert out.getvalue() == (
        "A         B             C\n"  # as docker pads them
        "x         a long cell   \n"
        "y         z             last\n"
    )


def test_a_table_without_rows_is_its_heading() -> None:
    out = io.StringIO()
    table.write(out, ["A"], [])
    assert out.getvalue() == "A\n"


@pytest.mark.parametrize("form", [None, "", "table"])
def test_a_table_is_the_default(form: str | None) -> None:
    assert listed(form) == "CONTAINER ID   NAMES\n1a             web\n2b             a longer name\n"


def test_json_lines_have_sorted_keys_and_no_functions() -> None:
    first = '{"CreatedSince":"now","ID":"1a","Names":"web"}'
    assert listed("json").splitlines()[0] == first
    assert listed("{{json .}}").splitlines()[0] == first


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{{.ID}}", "1a\n2b\n"),
        (r"{{.ID}}\t{{.Names}}", "1a\tweb\n2b\ta longer name\n"),
        ("table {{.ID}}", "CONTAINER ID\n1a\n2b\n"),
        (r"table {{.Names}}\t{{.ID}}", "NAMES           CONTAINER ID\nweb             1a\na longer name   2b\n"),
        (r"table {{.ID}}\t{{.CreatedSince}}", "CONTAINER ID   CREATED\n1a             now\n2b             then\n"),
        (r'table {{.ID}}\t{{.Label "a"}}', "CONTAINER ID   a\n1a             b\n2b             <no value>\n"),
    ],
)
def test_lists_through_a_template(form: str, text: str) -> None:
    assert listed(form) == text


def test_a_field_that_is_not_there() -> None:
    with pytest.raises(TemplateError, match="there is no field Nope"):
        listed("{{.Nope}}")
    assert listed("{{.Nope}}", []) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (27, "27B"),
        (999, "999B"),
        (1000, "1kB"),
        (1984473, "1.98MB"),
        (181_900_000, "182MB"),
        (999_999, "1e+03kB"),  # Go's %.3g rounds so, too
        (62_400_000_000, "62.4GB"),
        (5e18, "5EB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert human.size(count, 3) == text


def test_sizes_in_running_text() -> None:
    assert human.spaced_size(62_400_000) == "62.4 MB"
    assert human.spaced_size(5) == "5 B"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"),
        (700 * 86400, "23 months"),
        (731 * 86400, "2 years"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert human.duration(seconds) == text


def test_how_long_ago() -> None:
    assert human.ago(rfc3339(time.time() - 7200)) == "2 hours ago"
    assert human.ago(rfc3339(time.time() + 60)) == "Less than a second ago"  # a clock that runs ahead
    assert [human.ago(text) for text in ("", "0001-01-01T00:00:00Z", "nonsense")] == ["N/A"] * 3


def test_measured_times() -> None:
    assert [human.seconds(span) for span in (0.04, 11.84, 60, 124)] == ["0.0s", "11.8s", "1m00s", "2m04s"]


def test_timestamps_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        for zone, text in (("UTC", "2026-01-31 12:00:00 +0000 UTC"), ("XYZ-2", "2026-01-31 14:00:00 +0200 XYZ")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert human.timestamp("2026-01-31T12:00:00.123456789Z") == text
        assert human.timestamp("") == "N/A"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_long_texts_are_cut() -> None:
    assert [human.shortened(text, 5) for text in ("12345", "123456")] == ["12345", "1234…"]

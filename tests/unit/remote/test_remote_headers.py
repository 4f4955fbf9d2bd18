"""Locations, links and ranges, as registries write them."""

from __future__ import annotations

import pytest

from boxwright.remote.headers import (
    ContentRange,
    content_range,
    next_link,
    origin_of,
    resolve,
    retry_after,
    upload_offset,
    warnings,
    with_query,
)


@pytest.mark.parametrize(
    ("location", "request_url", "expected"),
    [
        pytest.param(
            "/v2/a/blobs/uploads/1?_state=x%3D%3D",
            "https://h/v2/",
            "https://h/v2/a/blobs/uploads/1?_state=x%3D%3D",
            id="relative",
        ),
        pytest.param("https://h/u?x=1&y", "https://h/v2/", "https://h/u?x=1&y", id="absolute, its query untouched"),
        pytest.param("uploads/7", "http://h/v2/a/blobs/", "http://h/v2/a/blobs/uploads/7", id="relative to the path"),
        pytest.param("http://h/u", "https://h/v2/", "https://h/u", id="TLS stays TLS on the same host"),
        pytest.param("http://h:5000/u", "https://h:5000/v2/", "https://h:5000/u", id="and port"),
        pytest.param("http://h:81/u", "https://h/v2/", "http://h:81/u", id="another port is another server"),
        pytest.param("https://storage/u", "https://h/v2/", "https://storage/u", id="another host"),
        pytest.param("//storage/u", "https://h/v2/", "https://storage/u", id="another host, the same scheme"),
        pytest.param("https://h/u#fragment", "https://h/v2/", "https://h/u", id="no fragment"),
        pytest.param("https://user:pass@h/u", "https://h/v2/", None, id="credentials"),
        pytest.param("ftp://h/u", "https://h/v2/", None, id="another protocol"),
        pytest.param("file:///etc/passwd", "https://h/v2/", None, id="a file"),
        pytest.param("https://h/a b", "https://h/v2/", None, id="a blank"),
        pytest.param("https://h/a\r\nX: y", "https://h/v2/", None, id="a line break"),
        pytest.param("https://[::1/u", "https://h/v2/", None, id="a broken host"),
        pytest.param("https://h:99999/u", "https://h/v2/", None, id="a broken port"),
    ],
)
def test_a_location_is_resolved(location: str, request_url: str, expected: str | None) -> None:
    assert resolve(location, request_url) == expected


def test_a_query_is_appended_to_an_opaque_one() -> None:
    assert with_query("https://h/u?_state=a%3D", digest="sha256:0a") == "https://h/u?_state=a%3D&digest=sha256%3A0a"
    assert with_query("https://h/u", mount="m", **{"from": "a/b"}) == "https://h/u?mount=m&from=a%2Fb"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (['</v2/_catalog?n=2&last=b>; rel="next"'], "https://h/v2/_catalog?n=2&last=b"),
        (["<https://h/v2/_catalog?last=b>; rel=next"], "https://h/v2/_catalog?last=b"),
        (['<https://h/p>; rel="prev", <https://h/n>; rel="next"'], "https://h/n"),
        (['<https://h/p>; rel="prev"', '<https://h/n>; title="x"; REL="last next"'], "https://h/n"),
        (['<https://evil/n>; rel="next"'], None),
        (['<http://h:81/n>; rel="next"'], None),
        (['<https://h/n>; rel="nextish"'], None),
        (['<https://h/n>; rel="prev"; rel="next"'], None),
        (['<https://h/n>; title="; rel=next"'], None),
        (["<https://h/n> ; rel = next"], "https://h/n"),
        (["<https://h/n>; rel=" + " " * 65_000 + "x"], None),  # in time
        (["<https://h/n>" + "; rel=" * 10_000], None),
        (["nonsense"], None),
        ([], None),
    ],
)
def test_the_next_page_is_found_on_the_same_origin(values: list[str], expected: str | None) -> None:
    assert next_link(values, "https://h/v2/_catalog") == expected


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        ("0-1048575", 1048576),
        ("bytes=0-9", 10),
        (" 0-9 ", 10),
        ("0-0", None),  # an empty upload, or one byte: it doesn't say
        ("0--1", None),
        ("5-9", None),
        ("9", None),
        ("", None),
        (None, None),
        ("0-" + "9" * 30, None),
    ],
)
def test_how_much_of_an_upload_is_there(value: str | None, offset: int | None) -> None:
    assert upload_offset(value) == offset


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        ("bytes 5-9/*", ContentRange(5, 9, None)),
        ("bytes */10", None),
        ("5-9/10", None),
        (None, None),
    ],
)
def test_a_content_range_is_read(value: str | None, expected: ContentRange | None) -> None:
    assert content_range(value) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:16:40 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:17:10 GMT", 30.0),
        ("soon", None),
        ("9999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wish_to_wait_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=1000.0) == seconds


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        (['299 - "deprecated"', '299 - "moves \\\\ \\"soon\\""'], ["deprecated", 'moves \\ "soon"']),
        (['199 - "other"', "299 - bare", '299 host "text"', '299 - ""', '299 - " "'], []),
        (['299 - "\x1b[31mred\x07"'], ["[31mred"]),
        (['299 - "' + "x" * 4096 + '"'], []),
    ],
)
def test_warnings_are_read_and_fit_for_a_terminal(values: list[str], expected: list[str]) -> None:
    assert warnings(values) == expected


def test_origins_know_the_default_ports() -> None:
    assert origin_of("https://H/x") == origin_of("https://h:443/")
    assert origin_of("http://h/") != origin_of("https://h/")
    assert origin_of("http://[::1]:5000/") == ("http", "::1", 5000)
    assert origin_of("unix:///run/x") is None

"""Where a call came from: what proxies say, and who is believed."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from boxwright.hub.edge.origins import InvalidProxy, InvalidPublicURL, Origins, PublicURL, plain_address
from boxwright.hub.registry.access import Origin

PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


class Row(NamedTuple):
    name: str
    headers: list[tuple[str, str]]
    expected: Origin
    peer: str = "10.0.0.1"
    proxies: tuple[str, ...] = PROXIES


def came(address: str, scheme: str = "http", host: str = "reg:5000") -> Origin:
    return Origin(address, scheme, host)


ROWS = [
    Row("no proxy at all", [], came("203.0.113.7"), peer="203.0.113.7"),
    Row("a proxy that says nothing", [], came("10.0.0.1")),
    Row("the client", [("X-Forwarded-For", "203.0.113.7")], came("203.0.113.7")),
    Row("a stranger is not believed", [("X-Forwarded-For", "1.1.1.1")], came("203.0.113.7"), peer="203.0.113.7"),
    Row("nobody is believed when none is named", [("X-Forwarded-For", "1.1.1.1")], came("10.0.0.1"), proxies=()),
    Row("what a client wrote before", [("X-Forwarded-For", "6.6.6.6, 203.0.113.7")], came("203.0.113.7")),
    Row("two of our proxies", [("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.0.0.2")], came("203.0.113.7")),
    Row(
        "a header for each hop",
        [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-For", "10.2.0.1")],
        came("203.0.113.7"),
    ),
    Row("only proxies", [("X-Forwarded-For", "10.0.0.3, 10.0.0.2")], came("10.0.0.3")),
    Row("an address of IPv6", [("X-Forwarded-For", "2001:DB8::7")], came("2001:db8::7"), peer="fd00::1"),
    Row("with a port", [("X-Forwarded-For", "203.0.113.7:5555")], came("203.0.113.7")),
    Row("IPv6 with a port", [("X-Forwarded-For", "[2001:db8::7]:5555")], came("2001:db8::7")),
    Row(
        "a peer of IPv4 on a socket of IPv6", [("X-Forwarded-For", "1.2.3.4")], came("1.2.3.4"), peer="::ffff:10.0.0.1"
    ),
    Row("an address that is none", [("X-Forwarded-For", "7, evil")], came("10.0.0.1")),
    Row(
        "scheme and host",
        [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "hub.example")],
        came("10.0.0.1", "https", "hub.example"),
    ),
    Row(
        "scheme and host for each hop",
        [
            ("X-Forwarded-For", "203.0.113.7, 10.0.0.2"),
            ("X-Forwarded-Proto", "https, http"),
            ("X-Forwarded-Host", "hub.example, inner"),
        ],
        came("203.0.113.7", "https", "hub.example"),
    ),
    Row("a scheme that is none", [("X-Forwarded-Proto", "gopher")], came("10.0.0.1")),
    Row("a host that would end a quoted text", [("X-Forwarded-Host", 'a"b')], came("10.0.0.1", host="")),
    Row(
        "Forwarded",
        [("Forwarded", "for=203.0.113.7;proto=https;host=hub.example")],
        came("203.0.113.7", "https", "hub.example"),
    ),
    Row(
        "Forwarded by two",
        [("Forwarded", 'for=6.6.6.6, for="[2001:db8::7]:80";proto=https, for=10.0.0.2;proto=http')],
        came("2001:db8::7", "https"),
    ),
    Row("Forwarded with a quoted comma", [("Forwarded", 'for=203.0.113.7;host="a,b"')], came("203.0.113.7", host="")),
    Row(
        "Forwarded hides the client", [("Forwarded", "for=6.6.6.6, for=_secret;proto=https")], came("10.0.0.1", "https")
    ),
    Row("Forwarded that is none", [("Forwarded", 'for="203.0.113.7')], came("10.0.0.1")),
    Row(
        "X-Forwarded goes first",
        [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "203.0.113.7")],
        came("203.0.113.7"),
    ),
    Row("a proxy on the socket", [("X-Forwarded-For", "203.0.113.7")], came("203.0.113.7"), peer="", proxies=("unix",)),
    Row("a stranger on the socket", [("X-Forwarded-For", "203.0.113.7")], came(""), peer=""),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_origins(row: Row) -> None:
    headers = CIMultiDict([("Host", "reg:5000"), *row.headers])
    assert Origins(row.proxies).origin(row.peer, "http", headers) == row.expected


def test_a_certificate_is_the_clients_only_without_a_proxy() -> None:
    origins = Origins(PROXIES)
    assert origins.origin("203.0.113.7", "https", {}, user="ada").user == "ada"
    assert origins.origin("10.0.0.1", "https", {}, user="nginx").user == ""


def test_the_public_url_is_what_clients_are_told() -> None:
    origins = Origins(PROXIES, PublicURL.parse("https://hub.example:8443"))
    origin = origins.origin("203.0.113.7", "http", {"Host": "inner:5000"})
    assert origin.base == "https://hub.example:8443"
    assert origins.absolute("/v2/a") == "https://hub.example:8443/v2/a"
    assert Origins().absolute("/v2/a") == "/v2/a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hub.example",
        "ftp://hub.example",
        "https://",
        "https://hub.example/v2",
        "https://a?x",
        "https://u@h",
        "https://h:x",
        "https://[::1",
    ],
)
def test_urls_that_are_no_public_ones(text: str) -> None:
    with pytest.raises(InvalidPublicURL):
        PublicURL.parse(text)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "proxy", "", "10.0.0.1:80"])
def test_networks_that_are_none(text: str) -> None:
    with pytest.raises(InvalidProxy):
        Origins([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", "127.0.0.1"), ("::ffff:127.0.0.1", "127.0.0.1"), ("fe80::1%eth0", "fe80::1"), ("x", ""), ("", "")],
)
def test_addresses_have_one_form(text: str, expected: str) -> None:
    assert plain_address(text) == expected


@given(st.sampled_from(["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]), st.text(max_size=80))
def test_whatever_a_header_says_the_origin_is_one(name: str, value: str) -> None:
    origin = Origins(PROXIES).origin("10.0.0.1", "http", {name: value})
    assert origin.scheme in ("http", "https")
    assert origin.address == plain_address(origin.address) != ""

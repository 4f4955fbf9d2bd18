from __future__ import annotations

import pytest

from boxwright.errors import InvalidError, UnsupportedError
from boxwright.network.ports import (
    InvalidPort,
    PortSpec,
    UnsupportedProtocol,
    parse_exposed,
    parse_publish,
    parse_publishes,
    publish_exposed,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", PortSpec(80)),
        ("80/tcp", PortSpec(80)),
        ("80/udp", PortSpec(80, "udp")),
        ("80/UDP", PortSpec(80, "udp")),
        ("8080:80", PortSpec(80, "tcp", "", 8080, 8080)),
        ("8080:80/udp", PortSpec(80, "udp", "", 8080, 8080)),
        (":80", PortSpec(80)),
        ("0:80", PortSpec(80)),
        (":8080:80", PortSpec(80, "tcp", "", 8080, 8080)),
        ("127.0.0.1:8080:80", PortSpec(80, "tcp", "127.0.0.1", 8080, 8080)),
        ("127.0.0.1::80", PortSpec(80, "tcp", "127.0.0.1")),
        ("0.0.0.0:8080:80", PortSpec(80, "tcp", "0.0.0.0", 8080, 8080)),
        ("[::1]:8080:80", PortSpec(80, "tcp", "::1", 8080, 8080)),
        ("[::1]::80/udp", PortSpec(80, "udp", "::1")),
        ("[0:0:0:0:0:0:0:1]:8080:80", PortSpec(80, "tcp", "::1", 8080, 8080)),
        ("[::]:8080:80", PortSpec(80, "tcp", "::", 8080, 8080)),
        ("8000-8010:80", PortSpec(80, "tcp", "", 8000, 8010)),
        ("127.0.0.1:8000-8010:80", PortSpec(80, "tcp", "127.0.0.1", 8000, 8010)),
        ("65535:65535", PortSpec(65535, "tcp", "", 65535, 65535)),
        ("00080:0080", PortSpec(80, "tcp", "", 80, 80)),
    ],
)
def test_one_port_is_understood(text: str, expected: PortSpec) -> None:
    assert parse_publish(text) == [expected]


def test_ranges_lead_one_to_one() -> None:
    assert parse_publish("8000-8002:80-82") == [
        PortSpec(80, "tcp", "", 8000, 8000),
        PortSpec(81, "tcp", "", 8001, 8001),
        PortSpec(82, "tcp", "", 8002, 8002),
    ]
    assert parse_publish("80-81/udp") == [PortSpec(80, "udp"), PortSpec(81, "udp")]
    assert parse_publish("[::1]::80-81") == [PortSpec(80, "tcp", "::1"), PortSpec(81, "tcp", "::1")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no port of the container"),
        (":", "no port of the container"),
        ("8080:", "no port of the container"),
        ("0", "port 0 of a container does not exist"),
        ("8080:0", "port 0 of a container does not exist"),
        ("http", "'http' is no port number"),
        ("65536", "'65536' is no port number"),
        ("-1", "'' is no port number"),
        ("80-", "'' is no port number"),
        ("+80", "'+80' is no port number"),
        (" 80", "' 80' is no port number"),
        ("8_0", "'8_0' is no port number"),
        ("٨٠", "'٨٠' is no port number"),
        ("8080:80:", "'8080' is no IP address"),
        ("81-80", "the range 81-80 ends before it begins"),
        ("0-5:80", "a range cannot begin with port 0"),
        ("8000-8002:80-81", "the host's range has 3 ports, the container's 2"),
        ("8000:80-81", "one port of the host cannot lead to 2"),
        ("localhost:8080:80", "'localhost' is no IP address"),
        ("127.0.1:8080:80", "'127.0.1' is no IP address"),
        ("127.0.0.1:80", "after an address come two ports"),
        ("[::1]:80", "after an address come two ports"),
        ("[::1]80", "the address in brackets does not end with ]:"),
        ("[::1:8080:80", "the address in brackets does not end with ]:"),
        ("[::g]:8080:80", "'::g' is no IP address"),
        ("[127.0.0.1]:8080:80/x", "'x' is no protocol"),
        ("::1:8080:80", "too many colons"),
        ("80/", "'' is no protocol"),
        ("80/tcp/udp", "'tcp/udp' is no protocol"),
        ("\0.0.0.0:1:2", "is no IP address"),
    ],
)
def test_a_mistake_is_named(text: str, reason: str) -> None:
    with pytest.raises(InvalidPort) as caught:
        parse_publish(text)
    assert reason in str(caught.value)
    assert caught.value.text == text
    assert caught.value.hint
    assert isinstance(caught.value, InvalidError)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("127.0.0.1:80", "write 127.0.0.1::80"),
        ("[::1]:80", "write [::1]::80"),
        ("::1:8080:80", "an IPv6 address is written in brackets: [::1]:8080:80"),
        ("80/icmp", "write /tcp or /udp"),
    ],
)
def test_a_mistake_that_is_understood_gets_its_own_hint(text: str, hint: str) -> None:
    with pytest.raises(InvalidPort) as caught:
        parse_publish(text)
    assert caught.value.hint == hint


def test_sctp_is_understood_and_unsupported() -> None:
    with pytest.raises(UnsupportedProtocol) as caught:
        parse_publish("80:80/sctp")
    assert caught.value.protocol == "sctp"
    assert isinstance(caught.value, UnsupportedError)


def test_a_long_text_does_not_make_a_long_message() -> None:
    with pytest.raises(InvalidPort) as caught:
        parse_publish("x" * 10_000)
    assert len(str(caught.value)) < 250


def test_the_same_publishing_counts_once() -> None:
    assert parse_publishes(["80", "8080:80", "80/tcp", "8080:80"]) == [
        PortSpec(80),
        PortSpec(80, "tcp", "", 8080, 8080),
    ]


def test_one_port_of_the_host_cannot_lead_to_two() -> None:
    with pytest.raises(InvalidPort, match="port 8080 leads to 80 already") as caught:
        parse_publishes(["8080:80", "8080:81"])
    assert caught.value.hint == "publish another port: -p 8081:81"


def test_one_port_leads_to_two_by_two_addresses_or_protocols() -> None:
    assert len(parse_publishes(["127.0.0.1:53:53", "127.0.0.2:53:54", "127.0.0.1:53:53/udp"])) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [(80, "tcp")]),
        ("53/udp", [(53, "udp")]),
        ("80-82/tcp", [(80, "tcp"), (81, "tcp"), (82, "tcp")]),
    ],
)
def test_exposed_ports(text: str, expected: list[tuple[int, str]]) -> None:
    assert parse_exposed(text) == expected


@pytest.mark.parametrize("text", ["0", "", "x", "8080:80", "80/x"])
def test_exposed_ports_are_only_ports(text: str) -> None:
    with pytest.raises(InvalidPort):
        parse_exposed(text)


def test_every_exposed_port_that_is_not_published_is() -> None:
    specs = publish_exposed(["443/tcp", "80", "53/udp", "53", "80/tcp"], [PortSpec(80, "tcp", "", 8080, 8080)])
    assert specs == [PortSpec(53, "tcp"), PortSpec(53, "udp"), PortSpec(443, "tcp")]


@pytest.mark.parametrize(
    "text", ["80", "8080:80", "127.0.0.1:8080:80", "[::1]:8080:80", "[::1]::80", "8000-8010:80/udp", "1.2.3.4::80/udp"]
)
def test_a_spec_is_written_as_it_is_read(text: str) -> None:
    (spec,) = parse_publish(text)
    assert str(spec) == text

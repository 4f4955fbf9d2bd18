"""Durations, signals, ports."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.durations import parse_duration
from boxwright.dockerfile.ports import PortRange, parse_port
from boxwright.dockerfile.signals import InvalidSignal, signal_number


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("2us", 2_000),
        ("2µs", 2_000),
        ("3ms", 3_000_000),
        ("1s", 10**9),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", 10**9),
        ("1h2m3s", 3_723 * 10**9),
        ("-1m", -60 * 10**9),
        ("+1m", 60 * 10**9),
        ("1.000000001s", 10**9 + 1),
    ],
)
def test_duration(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


_BAD = ["", "1", "1.5", "s", ".s", "1d", "1 s", "1s ", "--1s", "1s-1s", "١s", "1e3s", "9" * 40 + "h", "9" * 5000]


# The last one has more readings than anybody can try.
@pytest.mark.parametrize("text", [*_BAD, "12345678s" * 50 + "x"], ids=lambda text: text[:12])
def test_bad_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("64", 64),
        ("TERM", 15),
        ("SIGTERM", 15),
        ("sigusr1", 10),
        ("SIGRTMIN", 34),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
        ("RTMAX-30", 34),
    ],
)
def test_signal(text: str, number: int) -> None:
    assert signal_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "65", "-1", "SIG", "SIGSIGTERM", "FOO", "RTMIN+31", "RTMIN-1", "RTMIN+", "TERM+1", "٩", "9" * 5000],
)
def test_bad_signal(text: str) -> None:
    with pytest.raises(InvalidSignal):
        signal_number(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", PortRange(80, 80, "tcp")),
        ("80/", PortRange(80, 80, "tcp")),
        ("0", PortRange(0, 0, "tcp")),
        ("00080", PortRange(80, 80, "tcp")),
        ("65535/UDP", PortRange(65535, 65535, "udp")),
        ("1-3/sctp", PortRange(1, 3, "sctp")),
        ("8080:80", PortRange(80, 80, "tcp", "8080")),
        (":80", PortRange(80, 80, "tcp")),
        ("::80", PortRange(80, 80, "tcp", ":")),
        ("[::1]:1:80", PortRange(80, 80, "tcp", "[::1]:1")),
    ],
)
def test_port(text: str, expected: PortRange) -> None:
    assert parse_port(text) == expected


@pytest.mark.parametrize("text", ["", "-", "1-", "-1", "a", "80/x", "70000", "²", "9" * 5000, "1:2:3:4:x", "[::1:1:80"])
def test_bad_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|no port"):
        parse_port(text)

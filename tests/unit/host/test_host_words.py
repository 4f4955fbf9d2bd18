"""Times, signals and other programs."""

from __future__ import annotations

import signal
import sys

import pytest

from boxwright.errors import UnavailableError
from boxwright.host import process
from boxwright.host.clock import parse_rfc3339, parse_rfc3339_ns, rfc3339
from boxwright.host.process import CommandFailed, CommandNotFound
from boxwright.host.signals import UnknownSignal, signal_number


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1_795_575_880_123_456_789, "2026-11-25T03:04:40.123456789Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_times_there_and_back(nanoseconds: int, text: str) -> None:
    assert rfc3339(nanoseconds=nanoseconds) == text
    assert parse_rfc3339_ns(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01t00:00:01z", 1.0),
        ("1970-01-01 01:00:00+01:00", 0.0),
        ("1970-01-01T00:00:00-0130", 5400.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
        ("1970-01-01T00:00:00.1234567891234Z", 0.123456789),
        ("0001-01-01T00:00:00Z", -62135596800.0),
    ],
)
def test_times_of_others(text: str, seconds: float) -> None:
    assert parse_rfc3339(text) == seconds


@pytest.mark.parametrize("text", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1T1:1:1Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_seconds_now_and_then() -> None:
    assert rfc3339(0.25) == "1970-01-01T00:00:00.25Z"
    assert rfc3339().startswith("20")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("TERM", 15),
        ("SIGTERM", 15),
        ("sigterm", 15),
        (" hup ", 1),
        ("9", 9),
        ("RTMIN", signal.SIGRTMIN),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("RTMAX-2", signal.SIGRTMAX - 2),
        ("64", 64),
    ],
)
def test_signals(text: str, number: int) -> None:
    assert signal_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-9", "ODD", "SIG", "SIG_IGN", "RTMIN+99", "RTMAX+1", "RTMIN+", "TERM+1", "_DFL", "1.5"]
)
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(UnknownSignal):
        signal_number(text)


def test_a_program_and_what_it_said() -> None:
    done = process.run(
        [sys.executable, "-c", "import sys; print(sys.stdin.read()); sys.stderr.write('e')"], stdin=b"in"
    )
    assert done[1:] == (0, b"in\n", b"e")
    done = process.run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read())); sys.exit(3)"], check=False)
    assert done[1:3] == (3, b"''\n")


def test_a_program_that_fails_shows_its_last_words() -> None:
    with pytest.raises(CommandFailed) as caught:
        process.run(["sh", "-c", "echo out; seq 30 >&2; exit 7"])
    assert caught.value.message == "sh exited with 7"
    assert caught.value.detail == tuple(map(str, range(11, 31)))
    with pytest.raises(CommandFailed) as caught:
        process.run(["sh", "-c", "echo only here; exit 1"])
    assert caught.value.detail == ("only here",)


def test_programs_that_are_not_there() -> None:
    assert process.find("sh") is not None
    assert process.find("/bin/sh") == "/bin/sh"
    assert process.find("no-such-program") is process.find("/etc/passwd") is None
    with pytest.raises(CommandNotFound) as caught:
        process.require("no-such-program")
    assert caught.value.hint == "install it: apt-get install no-such-program"
    with pytest.raises(CommandNotFound):
        process.run(["no-such-program"])
    with pytest.raises(FileNotFoundError):
        process.run(["sh"], cwd="/nowhere")


def test_a_program_that_takes_too_long() -> None:
    with pytest.raises(UnavailableError, match="did not end within"):
        process.run(["sleep", "30"], timeout=0.05)

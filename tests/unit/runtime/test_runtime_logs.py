"""The log that conmon keeps, read back."""

from __future__ import annotations

import os
import threading

import pytest

from boxwright.runtime.logs import format_time, parse_time, read_log

T = b"2026-11-25T02:37:53.85646%04d+00:00"


def record(number: int, text: bytes, stream: bytes = b"stdout", tag: bytes = b"F") -> bytes:
    return b" ".join((T % number, stream, tag, text)) + b"\n"


def texts(path, **options):
    return [line.text for line in read_log(str(path), **options)]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_lines_come_with_their_stream_and_line_feed(log):
    log.write_bytes(record(1, b"out") + record(2, b"err", b"stderr") + record(3, b""))
    assert [(line.stream, line.text) for line in read_log(str(log))] == [
        ("stdout", b"out\n"),
        ("stderr", b"err\n"),
        ("stdout", b"\n"),
    ]


def test_parts_are_put_together_each_streams_own(log):
    log.write_bytes(
        record(1, b"one ", tag=b"P") + record(2, b"E", b"stderr", b"P") + record(3, b"two") + record(4, b"!", b"stderr")
    )
    lines = list(read_log(str(log)))
    assert [(line.stream, line.text) for line in lines] == [("stdout", b"one two\n"), ("stderr", b"E!\n")]
    assert lines[0].time == T % 1


def test_an_end_in_the_middle_of_a_line_has_no_line_feed(log):
    log.write_bytes(record(1, b"a") + record(2, b"prompt> ", tag=b"P"))
    assert texts(log) == [b"a\n", b"prompt> "]


def test_any_bytes_pass(log):
    log.write_bytes(record(1, b"\xff\x00\r F stdout \xc3"))
    assert texts(log) == [b"\xff\x00\r F stdout \xc3\n"]


def test_damaged_lines_are_skipped(log):
    log.write_bytes(b"\n" + b"garbage\n" + record(1, b"good") + b"2026 stdout F x\n" + T % 2 + b" stdout F cut")
    assert texts(log) == [b"good\n"]
    assert texts(log, since=0) == [b"good\n"]


def test_no_log_yet_is_no_lines(log):
    assert texts(log) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 3000, 5000])
def test_tail_counts_whole_lines(log, count):
    lines = [b"line %d " % n + b"x" * (n % 90) for n in range(4000)]
    log.write_bytes(b"".join(record(n, text) for n, text in enumerate(lines)))
    assert texts(log, tail=count) == [text + b"\n" for text in lines[len(lines) - min(count, 4000) :]]


def test_tail_counts_parts_as_one(log):
    log.write_bytes(
        record(1, b"a")
        + record(2, b"b", tag=b"P")
        + record(3, b"c", tag=b"P")
        + record(4, b"d")
        + record(5, b"e", tag=b"P")
    )
    assert texts(log, tail=1) == [b"e"]
    assert texts(log, tail=2) == [b"bcd\n", b"e"]
    assert texts(log, tail=3) == [b"a\n", b"bcd\n", b"e"]
    assert texts(log, tail=9) == [b"a\n", b"bcd\n", b"e"]


def test_tail_counts_streams_together(log):
    log.write_bytes(record(1, b"a") + record(2, b"open", tag=b"P") + record(3, b"E", b"stderr"))
    assert texts(log, tail=1) == [b"open"]
    assert texts(log, tail=2) == [b"E\n", b"open"]


def test_since_and_until(log):
    log.write_bytes(b"".join(record(n, b"%d" % n) for n in range(5)))
    assert texts(log, since=parse_time(T % 2)) == [b"2\n", b"3\n", b"4\n"]
    assert texts(log, until=parse_time(T % 2)) == [b"0\n", b"1\n", b"2\n"]
    assert texts(log, tail=3, since=parse_time(T % 1), until=parse_time(T % 3)) == [b"2\n", b"3\n"]


def test_following_sees_what_comes_until_the_end(log):
    log.write_bytes(record(1, b"first"))
    ended = threading.Event()
    lines = read_log(str(log), follow=lambda: not ended.is_set())
    assert next(lines).text == b"first\n"
    with log.open("ab") as stream:
        stream.write(record(2, b"second")[:-3])
        stream.flush()
        stream.write(record(2, b"second")[-3:])
    assert next(lines).text == b"second\n"
    with log.open("ab") as stream:
        stream.write(record(3, b"last"))
    ended.set()
    assert [line.text for line in lines] == [b"last\n"]


def test_following_goes_over_to_a_log_that_took_the_place(log, tmp_path):
    log.write_bytes(record(1, b"old"))
    ended = threading.Event()
    lines = read_log(str(log), follow=lambda: not ended.is_set())
    assert next(lines).text == b"old\n"
    with log.open("ab") as stream:
        stream.write(record(2, b"unread"))
    (tmp_path / "log.tmp").write_bytes(record(3, b"new"))
    os.rename(tmp_path / "log.tmp", log)
    ended.set()
    assert [line.text for line in lines] == [b"unread\n", b"new\n"]


def test_following_waits_for_a_log(log):
    asked = []

    def follow():
        asked.append(1)
        if len(asked) == 1:
            log.write_bytes(record(1, b"x"))
        return len(asked) < 3

    assert texts(log, follow=follow) == [b"x\n"]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1970-01-01T00:00:00Z", 0),
        (b"1970-01-01T00:00:00.000000001+00:00", 1),
        (b"2026-11-25T02:37:53.856462687+00:00", 1795574273856462687),
        (b"2026-11-25T04:37:53.856462687+02:00", 1795574273856462687),
        (b"2026-11-24T21:07:53.856462687-05:30", 1795574273856462687),
        (b"2024-02-29T12:00:00.5Z", 1709208000500000000),
        (b"2000-03-01T00:00:00Z", 951868800000000000),
        (b"1969-12-31T23:59:59Z", -1000000000),
    ],
)
def test_times(text, nanoseconds):
    assert parse_time(text) == nanoseconds


def test_times_are_shown_with_nine_digits():
    assert format_time(1795574273856462687) == "2026-11-25T02:37:53.856462687Z"
    assert format_time(0) == "1970-01-01T00:00:00.000000000Z"

"""Lines of the log: what is in them, and that nothing in them can pass for another line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from boxwright.hub.observe import request as observed
from boxwright.hub.observe.access import AccessLog, Outcome
from boxwright.hub.observe.logs import Logging, Output, printable, timestamp
from boxwright.hub.observe.request import Request, request_id
from boxwright.hub.observe.settings import LogSettings

HOSTILE = "a\n\x1b[2J\u2028b\ud800"


@contextmanager
def logging_to(stream: io.StringIO, settings: LogSettings) -> Iterator[None]:
    logs = Logging(settings, stream)
    try:
        yield
    finally:
        observed.begin(None)
        logs.close()


def request(**more: str) -> Request:
    return Request("id-1", "GET", "/v2/a/tags/list", client="10.0.0.1", host="hub", agent=more.get("agent", "docker"))


def test_json_lines_are_objects() -> None:
    stream = io.StringIO()
    with logging_to(stream, LogSettings("json")):
        observed.begin(request())
        log = logging.getLogger("boxwright.test")
        log.info("said %s", HOSTILE, extra={"blobs": 3})
        try:
            raise OSError("disk\nfull")
        except OSError:
            log.exception("it failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    time = first.pop("time")
    assert time.endswith("Z")
    assert first == {
        **{"level": "info", "logger": "boxwright.test", "message": f"said {HOSTILE}", "request": "id-1", "blobs": 3}
    }
    assert second["level"] == "error"
    assert second["exception"].startswith("Traceback")
    assert second["exception"].endswith("OSError: disk\nfull")


def test_text_lines_are_one_line_each() -> None:
    stream = io.StringIO()
    with logging_to(stream, LogSettings("text")):
        observed.begin(request())
        logging.getLogger("boxwright.test").warning("said %s", HOSTILE, extra={"blobs": 3})
    (line,) = stream.getvalue().splitlines()
    assert line.partition(" ")[2] == r"warning said a\n\x1b[2J\u2028b\ud800 blobs=3 request=id-1"


def test_a_level_silences_what_is_below_it() -> None:
    stream = io.StringIO()
    before = list(logging.getLogger().handlers)
    with logging_to(stream, LogSettings("text", "warning")):
        logging.getLogger("boxwright.test").info("nothing")
    assert stream.getvalue() == ""
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("json_format", [True, False])
def test_lines_of_the_access_log(json_format: bool) -> None:
    stream = io.StringIO()
    output = Output(stream)
    asked = request(agent=f'"{HOSTILE}')
    asked.route, asked.repository, asked.user, asked.path = "tags", "a", "ada", f"/v2/{HOSTILE}"
    log = AccessLog(output, json=json_format)

    async def main() -> None:
        log.log(asked, Outcome(200, 1, 22, 0.5))
        log.log(asked, Outcome(0, 0, 0, 0.25))
        assert stream.getvalue() == ""
        output.flush()

    asyncio.run(main())
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    if json_format:
        value = json.loads(lines[0])
        assert value.pop("time").endswith("Z")
        assert value == {
            **{"level": "info", "logger": "boxwright.access", "message": "request", "request": "id-1"},
            **{"method": "GET", "path": f"/v2/{HOSTILE}", "route": "tags", "repository": "a", "status": 200},
            **{"received": 1, "sent": 22, "seconds": 0.5, "user": "ada", "client": "10.0.0.1", "agent": f'"{HOSTILE}'},
        }
        assert json.loads(lines[1])["status"] == 0
    else:
        path = r"/v2/a\n\x1b[2J\u2028b\ud800"
        told = f"info    GET {path} 200 in=1 out=22 500.0ms user=ada client=10.0.0.1 request=id-1"
        assert lines[0].partition(" ")[2] == told
        assert f"GET {path} aborted in=0" in lines[1]


def test_a_line_that_waits_is_written_before_a_later_one() -> None:
    stream = io.StringIO()
    output = Output(stream)
    assert output.hold("first")
    assert not output.hold("second")
    output.write("third")
    assert stream.getvalue() == "first\nsecond\nthird\n"
    assert not output.hold("x" * 100_000), "too much to wait"
    assert stream.getvalue().endswith("x\n")


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    Output(stream).write("lost")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a1b2-c3", True),
        ("1-67891233-abcdef012345678912345678", True),
        ("", False),
        (None, False),
        ("a b", False),
        ("x\ny", False),
        ("x" * 129, False),
        ('"', False),
    ],
)
def test_ids_that_are_taken_over(sent: str | None, kept: bool) -> None:
    made = request_id(sent)
    assert (made == sent) is kept
    assert kept or len(made) == 20


def test_times_and_texts() -> None:
    assert timestamp(1_700_000_000.5) == "2023-11-14T22:13:20.500Z"
    assert timestamp(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"
    assert printable("größe ✓") == "größe ✓"

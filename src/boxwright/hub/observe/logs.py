"""Logs: a line each, as a JSON object or as text. Both go through one output, so that lines stay whole and in order."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from typing import TextIO

from boxwright.hub.observe.request import current
from boxwright.hub.observe.settings import LogSettings

_FLUSH_BYTES = 64 << 10
_OWN = frozenset(vars(logging.makeLogRecord({})))


class Output:
    """A stream that lines are written to, from any thread."""

    __slots__ = ("_held", "_lock", "_size", "_stream")

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._held: list[str] = []
        self._size = 0

    def hold(self, line: str) -> bool:
        """Take a line that may wait for the next `write` or `flush`; return whether it is the first that waits."""
        with self._lock:
            self._held.append(line)
            self._size += len(line)
            if self._size > _FLUSH_BYTES:
                self._drain()
            return len(self._held) == 1

    def write(self, line: str) -> None:
        """Write a line, after those that wait."""
        with self._lock:
            self._held.append(line)
            self._drain()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            if self._held:
                self._drain()

    def _drain(self) -> None:
        text = "\n".join(self._held) + "\n"
        self._held.clear()
        self._size = 0
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The reader of the log is gone. A registry that went on pushing and pulling is worth more than its log.
            pass


class _Handler(logging.Handler):
    def __init__(self, output: Output, formatter: logging.Formatter) -> None:
        super().__init__()
        self._output = output
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.write(self.format(record))
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, the request, ``extra=``'s fields, the exception."""

    def format(self, record: logging.LogRecord) -> str:
        value: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = current()
        if request is not None:
            value["request"] = request.id
        value.update({name: one for name, one in vars(record).items() if name not in _OWN and name not in value})
        if record.exc_info:
            value["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return json.dumps(value, default=str)


class TextFormatter(logging.Formatter):
    """``time level message key=value …``; an exception's trace follows in lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        words = [timestamp(record.created), f"{record.levelname.lower():<7}", printable(record.getMessage())]
        words += [f"{name}={printable(str(one))}" for name, one in vars(record).items() if name not in _OWN]
        request = current()
        if request is not None:
            words.append(f"request={request.id}")
        line = " ".join(words)
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


class _StrangersMistakes(logging.Filter):
    """Turns what aiohttp reports as an error of the server, with its trace, into a line about the client's mistake."""

    def filter(self, record: logging.LogRecord) -> bool:
        from aiohttp.http_exceptions import HttpProcessingError

        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        record.msg, record.args = "not HTTP: %s", (error.message.strip().partition("\n")[0],)
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.exc_info = None
        return logging.getLogger().isEnabledFor(logging.INFO)


class Logging:
    """Everything that is logged in this process goes to one stream until `close`, and nothing anywhere else."""

    __slots__ = ("_before", "output")

    def __init__(self, settings: LogSettings, stream: TextIO | None = None) -> None:
        """`stream` None is stderr."""
        self.output = Output(stream or sys.stderr)
        root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
        self._before = list(root.handlers), root.level, list(server.filters)
        root.handlers[:] = [_Handler(self.output, JsonFormatter() if settings.format == "json" else TextFormatter())]
        root.setLevel(settings.level.upper())
        server.filters[:] = [_StrangersMistakes()]

    def close(self) -> None:
        """Write what waits; log as before."""
        self.output.flush()
        root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
        root.handlers[:], level, server.filters[:] = self._before
        root.setLevel(level)


_second = (0, "")


def timestamp(seconds: float) -> str:
    """Return a point in time as RFC 3339, in UTC, to the millisecond."""
    global _second
    whole = int(seconds)
    known, text = _second
    if known != whole:  # most lines are of the second of the line before
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        _second = whole, text
    return f"{text}.{int((seconds - whole) * 1000):03d}Z"


def printable(text: str) -> str:
    """Return `text` as one line that can neither forge another one nor move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text)

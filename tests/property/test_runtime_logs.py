"""Whatever a program writes, in whatever pieces, the log gives back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from boxwright.runtime.logs import format_time, parse_time, read_log

_WRITES = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=40).map(lambda b: b.replace(b"\r", b"\n")))
)


def _log(writes: list[tuple[str, bytes]]) -> bytes:
    """Write as conmon does: every line of every read on its own, P where it has no end."""
    records = []
    for number, (stream, data) in enumerate(writes):
        time = f"2026-01-01T00:00:00.{number:09d}+00:00"
        *whole, last = data.split(b"\n")
        for text, tag in [(text, "F") for text in whole] + ([(last, "P")] if last else []):
            records.append(f"{time} {stream} {tag} ".encode() + text + b"\n")
    return b"".join(records)


def _read(content: bytes, tail: int | None = None) -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        path.write_bytes(content)
        return [(line.stream, line.text) for line in read_log(str(path), tail=tail)]


@given(_WRITES)
def test_each_stream_comes_back_whole(writes):
    lines = _read(_log(writes))
    for stream in ("stdout", "stderr"):
        assert b"".join(text for name, text in lines if name == stream) == b"".join(
            data for name, data in writes if name == stream
        )
    assert all(text.count(b"\n") <= 1 for _, text in lines)


@given(_WRITES, st.integers(0, 8))
def test_a_tail_of_one_stream_is_the_end_of_the_whole(writes, count):
    content = _log([("stdout", data) for _, data in writes])
    whole = _read(content)
    assert _read(content, count) == whole[max(0, len(whole) - count) :]


@given(st.binary(max_size=300), st.integers(0, 5))
def test_no_content_breaks_it(content, count):
    _read(content)
    _read(content, count)


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_times_come_back(nanoseconds):
    assert parse_time(format_time(nanoseconds).encode()) == nanoseconds

"""Programs that are started and lived with."""

from __future__ import annotations

import os
import signal

import pytest

from boxwright.host import spawn
from boxwright.host.pids import Process
from boxwright.host.spawn import SpawnFailed
from boxwright.host.streams import read_some, write_all


def test_streams_go_to_their_places_even_when_they_are_low_numbers(tmp_path):
    reader, writer = os.pipe()
    kept = [os.dup(fd) for fd in (0, 1, 2)]
    try:
        # Our own standard streams, the wrong way round.
        os.dup2(writer, 0)
        pid = spawn.spawn(["/bin/sh", "-c", "echo out; echo err >&2"], env={}, stdout=0, stderr=0)
    finally:
        for place, fd in enumerate(kept):
            os.dup2(fd, place)
            os.close(fd)
    os.close(writer)
    assert spawn.wait(pid) == 0
    with open(reader, "rb") as stream:
        assert stream.read() == b"out\nerr\n"


def test_the_environment_is_only_what_is_given():
    assert spawn.capture(["/usr/bin/env"], env={"A": "1"}) == (0, "A=1\n")


def test_passed_descriptors_keep_their_numbers():
    reader, writer = os.pipe()
    pid = spawn.spawn(["/bin/sh", "-c", f"echo x > /proc/self/fd/{writer}"], env={}, pass_fds=(writer,))
    os.close(writer)
    assert spawn.wait(pid) == 0
    assert os.read(reader, 10) == b"x\n"
    os.close(reader)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_exit_codes_are_a_shells(script, code):
    assert spawn.wait(spawn.spawn(["/bin/sh", "-c", script], env={})) == code


def test_what_is_not_there_cannot_be_started():
    with pytest.raises(SpawnFailed):
        spawn.spawn(["/no/such/program"], env={})


def test_a_process_is_not_mistaken_for_a_later_one():
    pid = spawn.spawn(["/bin/sleep", "60"], env={})
    process = Process.of(pid)
    assert process is not None
    assert process.is_alive()
    assert not process.ends_within(0.01)
    assert not process._replace(started=process.started + 1).is_alive()
    os.kill(pid, signal.SIGKILL)
    assert process.ends_within(None)
    assert not process.is_alive()  # though nobody has waited for it yet
    spawn.wait(pid)
    assert Process.of(pid) is None
    assert process.open() is None


def test_a_reader_that_is_gone_is_told_not_raised():
    reader, writer = os.pipe()
    os.close(reader)
    assert not write_all(writer, b"x")
    os.close(writer)


def test_writing_waits_where_it_would_block():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    pid = spawn.spawn(["/usr/bin/wc", "-c"], env={}, stdin=reader)
    assert write_all(writer, bytes(1_000_000))
    os.close(writer)
    os.close(reader)
    assert spawn.wait(pid) == 0


def test_a_hung_up_terminal_reads_as_the_end():
    ours, far = os.openpty()
    os.close(far)
    assert read_some(ours, 10) == b""
    os.close(ours)

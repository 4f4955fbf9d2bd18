"""The streams of a container: nothing lost, nothing stuck, in both directions."""

from __future__ import annotations

import os
import pty
import signal
import threading
import time

import pytest

from boxwright.host import terminal
from boxwright.runtime import attach, container
from boxwright.runtime.attach import Attachment, NotAttachable
from boxwright.runtime.conmon import Monitoring

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def _forward(sandbox, tmp_path, stdin: bytes | None = None, **options):
    """Attach, start, forward to the end; return outcome, exit code, stdout, stderr."""
    source = None
    if stdin is not None:
        (tmp_path / "stdin").write_bytes(stdin)
        source = os.open(tmp_path / "stdin", os.O_RDONLY)
    with (
        Attachment(sandbox.bundle) as attachment,
        open(tmp_path / "o", "w+b") as out,
        open(tmp_path / "e", "w+b") as err,
    ):
        sandbox.start()
        outcome = attachment.forward(source, out.fileno(), err.fileno(), **options)
        code = container.wait(sandbox.bundle)
        out.seek(0)
        err.seek(0)
        result = outcome, code, out.read(), err.read()
    if source is not None:
        os.close(source)
    return result


def test_all_output_arrives_before_the_end(sandbox, tmp_path):
    sandbox.create("sh", "-c", "echo out; echo err >&2; exit 3")
    assert _forward(sandbox, tmp_path) == ("ended", 3, b"out\n", b"err\n")


def test_the_end_of_input_is_passed_on(sandbox, tmp_path):
    sandbox.create("sh", "-c", "wc -c; echo after", stdin=True)
    assert _forward(sandbox, tmp_path, b"hello") == ("ended", 0, b"5\nafter\n", b"")


def test_an_empty_input_ends_at_once(sandbox, tmp_path):
    sandbox.create("cat", stdin=True)
    assert _forward(sandbox, tmp_path, b"")[:2] == ("ended", 0)


def test_large_data_through_a_container_does_not_stick(sandbox, tmp_path):
    data = os.urandom(3_000_000)
    sandbox.create("cat", stdin=True)
    outcome, code, out, _ = _forward(sandbox, tmp_path, data)
    assert (outcome, code) == ("ended", 0)
    assert out == data


def test_input_that_nobody_reads_is_no_error(sandbox, tmp_path):
    sandbox.create("sh", "-c", "exit 4", stdin=True)
    assert _forward(sandbox, tmp_path, b"x" * 1_000_000)[:2] == ("ended", 4)


def test_without_stdin_the_program_has_an_empty_input(sandbox, tmp_path):
    sandbox.create("sh", "-c", "cat; echo done")
    assert _forward(sandbox, tmp_path)[2] == b"done\n"


def test_the_keys_detach_and_the_container_runs_on(sandbox, tmp_path):
    sandbox.create(
        "sh", "-c", "read line; echo got $line; exit 6", stdin=True, how=Monitoring(stdin=True, keep_stdin=True)
    )
    reader, writer = os.pipe()
    os.write(writer, b"\x10\x11")
    with Attachment(sandbox.bundle) as attachment:
        sandbox.start()
        assert attachment.forward(reader, None, None, detach_keys=b"\x10\x11") == "detached"
    assert container.process_of(sandbox.bundle) is not None
    os.write(writer, b"again\n")
    with Attachment(sandbox.bundle) as attachment, open(tmp_path / "out", "w+b") as out:
        assert attachment.forward(reader, out.fileno(), None) == "ended"
        out.seek(0)
        assert out.read() == b"got again\n"
    assert container.wait(sandbox.bundle) == 6
    os.close(reader)
    os.close(writer)


def test_a_reader_that_goes_away_is_told(sandbox):
    sandbox.create("sh", "-c", "yes")
    reader, writer = os.pipe()
    os.close(reader)
    with Attachment(sandbox.bundle) as attachment:
        sandbox.start()
        assert attachment.forward(None, writer, None) == "broken"
    os.close(writer)


def test_two_watch_at_once(sandbox, tmp_path):
    sandbox.create("sh", "-c", "echo both")
    texts = []

    def watch(attachment, name):
        with open(tmp_path / name, "w+b") as out:
            attachment.forward(None, out.fileno(), None)
            out.seek(0)
            texts.append(out.read())

    with Attachment(sandbox.bundle) as one, Attachment(sandbox.bundle) as two:
        threads = [threading.Thread(target=watch, args=pair) for pair in ((one, "one"), (two, "two"))]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        sandbox.start()
        for thread in threads:
            thread.join()
    assert texts == [b"both\n", b"both\n"]


def test_an_ended_container_cannot_be_attached_to(sandbox):
    sandbox.create("true")
    sandbox.start()
    container.wait(sandbox.bundle)
    with pytest.raises(NotAttachable):
        Attachment(sandbox.bundle)


def test_a_terminal_has_our_size_and_follows_it(sandbox, tmp_path):
    script = "stty size; tty; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"
    sandbox.create("sh", "-c", script, tty=True, stdin=True, console_size=(33, 77))
    ours, far = pty.openpty()
    terminal.resize(far, terminal.Size(33, 77))
    seen = bytearray()

    def collect():
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:
                return
            seen.extend(data)
            if b"ready" in seen and b"44 88" not in seen:
                terminal.resize(far, terminal.Size(44, 88))
                os.kill(os.getpid(), signal.SIGWINCH)

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    with terminal.raw(far), Attachment(sandbox.bundle) as attachment, attach.resized(sandbox.bundle, far):
        sandbox.start()
        assert attachment.forward(far, far, None) == "ended"
    os.close(far)
    thread.join()
    os.close(ours)
    assert b"/dev/pts/0" in seen
    assert b"33 77" in seen
    assert b"44 88" in seen


def test_signals_go_to_the_container_and_the_third_is_ours(sandbox, tmp_path):
    sandbox.create("sh", "-c", "trap 'echo term; exit 8' TERM; echo ready; while :; do sleep 0.05; done")
    process = container.require_process(sandbox.bundle)
    reader, writer = os.pipe()

    def press():
        assert os.read(reader, 100) == b"ready\n"
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=press)
    thread.start()
    with Attachment(sandbox.bundle) as attachment, attach.proxied(process):
        sandbox.start()
        assert attachment.forward(None, writer, None) == "ended"
    thread.join()
    assert container.wait(sandbox.bundle) == 8
    assert os.read(reader, 100) == b"term\n"
    os.close(reader)
    os.close(writer)


def test_a_deaf_program_does_not_hold_us(sandbox):
    sandbox.create("sleep", "60")
    process = container.require_process(sandbox.bundle)
    timer = threading.Timer(0.2, lambda: [(os.kill(os.getpid(), signal.SIGINT), time.sleep(0.05)) for _ in range(3)])
    timer.start()
    with Attachment(sandbox.bundle) as attachment, attach.proxied(process):
        sandbox.start()
        with pytest.raises(KeyboardInterrupt):
            attachment.forward(None, None, None)
    timer.join()
    assert process.is_alive()

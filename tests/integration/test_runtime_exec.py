"""Further programs in a running container."""

from __future__ import annotations

import os
import pty
import threading

import pytest

from boxwright.host import terminal
from boxwright.host.passwd import UnknownUser
from boxwright.runtime.execution import exec_detached, exec_foreground, exec_options, exec_terminal
from boxwright.runtime.failures import ExecutableNotFound, NotExecutable
from boxwright.runtime.oci_runtime import NotRunning
from boxwright.runtime.options import ContainerOptions

pytestmark = [pytest.mark.root, pytest.mark.runtime]

CONTAINER = ContainerOptions(("sleep", "60"), env=("OWN=1",), cwd="/tmp", hostname="box")


@pytest.fixture
def running(sandbox):
    sandbox.create(*CONTAINER.argv, env=CONTAINER.env, cwd=CONTAINER.cwd, hostname=CONTAINER.hostname)
    sandbox.start()
    return sandbox


def _run(sandbox, tmp_path, *argv, stdin: bytes = b"", **changes):
    (tmp_path / "in").write_bytes(stdin)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "w+b") as out:
        code = exec_foreground(
            sandbox.runtime,
            sandbox.mounts,
            sandbox.bundle,
            exec_options(CONTAINER, argv, **changes),
            stdin=source.fileno(),
            stdout=out.fileno(),
            stderr=out.fileno(),
        )
        out.seek(0)
        return code, out.read().decode()


def test_has_the_containers_surroundings(running, tmp_path):
    code, text = _run(running, tmp_path, "sh", "-c", "pwd; hostname; echo $OWN $HOME; id -u; exit 3")
    assert (code, text) == (3, "/tmp\nbox\n1 /root\n0\n")


def test_takes_its_own_user_directory_and_variables(running, tmp_path):
    script = "pwd; echo $OWN $NEW $HOME; id -u; id -G"
    code, text = _run(running, tmp_path, "sh", "-c", script, user="ada:wheel", cwd="/etc", env=("OWN=2", "NEW=3"))
    assert (code, text) == (0, "/etc\n2 3 /home/ada\n1000\n10\n")


def test_input_reaches_it(running, tmp_path):
    assert _run(running, tmp_path, "wc", "-c", stdin=b"12345") == (0, "5\n")


def test_a_killed_program_has_128_and_the_signal(running, tmp_path):
    assert _run(running, tmp_path, "sh", "-c", "kill -9 $$")[0] == 137


@pytest.mark.parametrize(
    ("argv", "error", "code"), [("nope", ExecutableNotFound, 127), ("/etc/passwd", NotExecutable, 126)]
)
def test_what_cannot_start_has_dockers_exit_codes(running, tmp_path, argv, error, code):
    with pytest.raises(error) as caught:
        _run(running, tmp_path, argv)
    assert caught.value.exit_code == code


def test_codes_of_the_program_are_not_mistaken_for_ours(running, tmp_path):
    for code in (1, 125, 126, 127, 255):
        assert _run(running, tmp_path, "sh", "-c", f"exit {code}") == (code, "")


def test_an_unknown_user_is_an_error(running, tmp_path):
    with pytest.raises(UnknownUser):
        _run(running, tmp_path, "true", user="eve")


def test_is_confined_like_the_container(running, tmp_path):
    code, text = _run(running, tmp_path, "sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true")
    assert "Seccomp:\t2\n" in text
    assert "not permitted" in text
    assert code == 1


def test_privileged_has_every_capability(running, tmp_path):
    _, usual = _run(running, tmp_path, "grep", "CapEff", "/proc/self/status")
    _, all_ = _run(running, tmp_path, "grep", "CapEff", "/proc/self/status", privileged=True)
    assert int(all_.split()[1], 16) > int(usual.split()[1], 16)


def test_needs_a_running_container(sandbox, tmp_path):
    with pytest.raises(NotRunning):
        _run(sandbox, tmp_path, "true")


def test_detached_runs_on(running, tmp_path):
    options = exec_options(CONTAINER, ("sh", "-c", "echo here > /note; sleep 60"))
    exec_detached(running.runtime, running.mounts, running.bundle, options)
    code, text = _run(
        running, tmp_path, "sh", "-c", "while [ ! -s /note ]; do sleep 0.01; done; cat /note; ps | grep -c 'sleep 6[0]'"
    )
    assert (code, text) == (0, "here\n2\n")


def test_detached_that_cannot_start_is_told(running):
    with pytest.raises(ExecutableNotFound):
        exec_detached(running.runtime, running.mounts, running.bundle, exec_options(CONTAINER, ("nope",)))


def test_on_a_terminal(running):
    ours, far = pty.openpty()
    terminal.resize(far, terminal.Size(30, 70))
    seen = bytearray()

    def talk():
        sent = False
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:
                return
            seen.extend(data)
            if b"ready" in seen and not sent:
                os.write(ours, b"hello\r")
                sent = True

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    options = exec_options(
        CONTAINER, ("sh", "-c", "tty; stty size; echo ready; read x; echo got $x $TERM; exit 4"), tty=True
    )
    with terminal.raw(far):
        code = exec_terminal(running.runtime, running.mounts, running.bundle, options, stdin=far, stdout=far)
    os.close(far)
    thread.join()
    os.close(ours)
    assert code == 4
    assert b"30 70" in seen
    assert b"got hello xterm" in seen


def test_a_terminal_without_one_in_front(running, tmp_path):
    with open(tmp_path / "out", "w+b") as out:
        options = exec_options(CONTAINER, ("sh", "-c", "test -t 1 && echo tty"), tty=True)
        code = exec_terminal(running.runtime, running.mounts, running.bundle, options, stdin=None, stdout=out.fileno())
        out.seek(0)
        assert (code, out.read()) == (0, b"tty\r\n")


def test_leaves_no_files(running, tmp_path):
    _run(running, tmp_path, "true")
    assert not [name for name in os.listdir(running.directory) if name.startswith("exec")]

"""Containers under conmon: from creation to the last trace, whatever happens to the one who made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boxwright.host.pids import Process
from boxwright.runtime import container, logs
from boxwright.runtime.conmon import Monitoring
from boxwright.runtime.container import AlreadyRunning, ExitLost
from boxwright.runtime.failures import ExecutableNotFound, NotExecutable
from boxwright.runtime.oci_runtime import NotRunning
from boxwright.runtime.options import Limits

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_lives_from_create_to_remove(sandbox):
    sandbox.create("sh", "-c", "echo out; echo err >&2; exit 3")
    assert container.process_of(sandbox.bundle) is not None
    assert container.exit_code(sandbox.bundle) is None
    sandbox.start()
    assert container.wait(sandbox.bundle) == 3
    assert container.process_of(sandbox.bundle) is None
    lines = [(line.stream, line.text) for line in logs.read_log(sandbox.bundle.path("log"))]
    assert sorted(lines) == [("stderr", b"err\n"), ("stdout", b"out\n")]
    container.remove(sandbox.runtime, sandbox.mounts, sandbox.bundle)
    container.remove(sandbox.runtime, sandbox.mounts, sandbox.bundle)
    assert not os.path.exists(f"{sandbox.runtime.state}/{sandbox.bundle.id}")


def test_process_one_waits_for_start_and_owns_its_network(sandbox):
    sandbox.create("sh", "-c", "cat /proc/net/dev | grep -c veth0")
    process = container.require_process(sandbox.bundle)
    namespace = f"/proc/{process.pid}/ns/net"
    assert os.readlink(namespace) != os.readlink("/proc/self/ns/net")
    # The network comes between create and start.
    subprocess.run(
        ["nsenter", f"--net={namespace}", "ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"],
        check=True,
    )
    sandbox.start()
    assert container.wait(sandbox.bundle) == 0


@pytest.mark.parametrize(("argv", "error"), [("nope", ExecutableNotFound), ("/etc/passwd", NotExecutable)])
def test_what_cannot_start_leaves_nothing(sandbox, argv, error):
    with pytest.raises(error):
        sandbox.create(argv)
    assert not os.path.exists(f"{sandbox.runtime.state}/{sandbox.bundle.id}")
    assert container.process_of(sandbox.bundle) is None


def test_a_signal_ends_it_with_128_and_its_number(sandbox):
    sandbox.create("sleep", "60")
    sandbox.start()
    container.send_signal(sandbox.bundle, signal.SIGKILL)
    assert container.wait(sandbox.bundle) == 137
    with pytest.raises(NotRunning):
        container.send_signal(sandbox.bundle, signal.SIGKILL)


def test_the_runtime_tells_its_status(sandbox):
    def status():
        return sandbox.runtime.status(sandbox.mounts, sandbox.bundle.id)

    assert status() is None
    sandbox.create("sleep", "60")
    assert status() == "created"
    sandbox.start()
    assert status() == "running"
    sandbox.runtime.pause(sandbox.mounts, sandbox.bundle.id)
    assert status() == "paused"
    sandbox.runtime.resume(sandbox.mounts, sandbox.bundle.id)
    sandbox.runtime.kill(sandbox.mounts, sandbox.bundle.id, signal.SIGKILL)
    container.wait(sandbox.bundle)
    assert status() == "stopped"
    container.remove(sandbox.runtime, sandbox.mounts, sandbox.bundle)
    assert status() is None


def test_an_interrupted_creation_leaves_nothing(sandbox, monkeypatch):
    waited = []

    def interrupt(pid):
        waited.append(os.waitpid(pid, 0))
        raise KeyboardInterrupt

    monkeypatch.setattr("boxwright.host.spawn.wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sandbox.create("sleep", "60")
    monkeypatch.undo()
    assert waited
    assert sandbox.runtime.status(sandbox.mounts, sandbox.bundle.id) is None
    assert container.process_of(sandbox.bundle) is None


def test_waiting_gives_up_in_time(sandbox):
    sandbox.create("sleep", "60")
    sandbox.start()
    assert container.wait(sandbox.bundle, 0.05) is None


def test_runs_again_with_what_it_wrote(sandbox):
    sandbox.create("sh", "-c", "cat /count 2>/dev/null; echo run >> /count")
    with pytest.raises(AlreadyRunning):
        sandbox.create("true")
    sandbox.start()
    assert container.wait(sandbox.bundle) == 0
    sandbox.create("sh", "-c", "cat /count; exit 4")
    assert container.exit_code(sandbox.bundle) is None
    sandbox.start()
    assert container.wait(sandbox.bundle) == 4
    assert "stdout F run" in sandbox.log()


def test_pause_and_resume(sandbox):
    sandbox.create("sh", "-c", "while :; do echo tick; sleep 0.01; done")
    sandbox.start()
    sandbox.runtime.pause(sandbox.mounts, sandbox.bundle.id)
    time.sleep(0.05)
    size = len(sandbox.log())
    time.sleep(0.1)
    assert len(sandbox.log()) == size
    sandbox.runtime.resume(sandbox.mounts, sandbox.bundle.id)
    deadline = time.monotonic() + 10
    while len(sandbox.log()) == size:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_exit_command_runs_after_the_end_with_the_code_in_place(sandbox, tmp_path):
    note = tmp_path / "note"
    script = f"cat {sandbox.bundle.path('exit')} > {note}.new; mv {note}.new {note}"
    how = Monitoring(exit_command=("/bin/sh", "-c", script))
    sandbox.create("sh", "-c", "exit 9", how=how)
    sandbox.start()
    assert container.wait(sandbox.bundle) == 9
    deadline = time.monotonic() + 10
    while not note.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert note.read_text().startswith("9")


def test_the_log_stays_small(sandbox):
    sandbox.create("sh", "-c", "yes | head -n 2000; echo last", how=Monitoring(log_size=20_000))
    sandbox.start()
    container.wait(sandbox.bundle)
    assert (sandbox.directory / "log").stat().st_size <= 20_000
    assert [line.text for line in logs.read_log(sandbox.bundle.path("log"), tail=1)] == [b"last\n"]


def test_following_a_log_to_the_end_over_a_new_start_of_the_file(sandbox):
    script = "for i in 1 2 3 4 5 6 7 8; do seq $i$i$i 1 $((i * 111 + 99)); sleep 0.03; done"
    sandbox.create("sh", "-c", script, how=Monitoring(log_size=30_000))
    sandbox.start()
    seen = [
        line.text
        for line in logs.read_log(
            sandbox.bundle.path("log"), follow=lambda: container.exit_code(sandbox.bundle) is None
        )
    ]
    expected = [f"{n}\n".encode() for i in range(1, 9) for n in range(i * 111, i * 111 + 100)]
    assert seen == expected


def test_want_of_memory_is_noted(sandbox):
    script = "head -c 100m /dev/zero | tail"
    sandbox.create("sh", "-c", script, limits=Limits(memory=16 * 1024 * 1024))
    sandbox.start()
    assert container.wait(sandbox.bundle) == 137
    assert container.was_out_of_memory(sandbox.bundle)
    sandbox.create("true")
    assert not container.was_out_of_memory(sandbox.bundle)


def test_a_lost_monitor_is_told(sandbox):
    sandbox.create("sleep", "60")
    sandbox.start()
    process = container.require_process(sandbox.bundle)
    os.kill(int(Path(sandbox.bundle.path("conmon.pid")).read_text()), signal.SIGKILL)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ExitLost):
        container.wait(sandbox.bundle)


_SCRIPT = """
import os, sys
from pathlib import Path
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle, Layers
from boxwright.runtime.conmon import Monitoring
from boxwright.runtime.files import Files
from boxwright.runtime.oci_runtime import OciRuntime
from boxwright.runtime.options import ContainerOptions
directory, rootfs, state, kind, id_ = sys.argv[1:]
runtime, mounts, bundle = OciRuntime.find(state, kind), PrivateMounts(), Bundle(directory, id_)
layers = Layers([rootfs], directory + "/upper", directory + "/work")
options = ContainerOptions(("sh", "-c", "echo before; sleep 0.5; cat /etc/passwd | wc -l; echo x > /left; exit 5"))
container.create(runtime, mounts, bundle, layers, options, Files(), Monitoring())
runtime.start(mounts, bundle.id)
os.kill(os.getpid(), 9)
"""


def test_a_container_outlives_the_killed_command_with_its_files_log_and_exit_code(sandbox, rootfs):
    arguments = [str(sandbox.directory), str(rootfs), sandbox.runtime.state, sandbox.runtime.kind, sandbox.bundle.id]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *arguments])
    assert done.returncode == -9
    assert container.process_of(sandbox.bundle) is not None
    assert container.wait(sandbox.bundle, 20) == 5
    assert [line.text for line in logs.read_log(sandbox.bundle.path("log"))] == [b"before\n", b"2\n"]
    assert (sandbox.upper / "left").read_text() == "x\n"


def test_scaffolding_is_remembered_over_runs_and_taken_down_once(sandbox):
    for _ in range(2):
        sandbox.create("true")
        sandbox.start()
        container.wait(sandbox.bundle)
        container.remove(sandbox.runtime, sandbox.mounts, sandbox.bundle)
    assert (sandbox.upper / "etc/hosts").exists()
    container.clear_scaffolding(sandbox.bundle, str(sandbox.upper))
    assert list(sandbox.upper.iterdir()) == []


def test_a_process_number_that_was_used_again_is_not_the_container(sandbox):
    Path(sandbox.bundle.path("init")).write_text(f"[{os.getpid()}, 1]")
    assert Process.of(os.getpid()) is not None
    assert container.process_of(sandbox.bundle) is None

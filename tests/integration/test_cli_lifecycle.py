"""From start to removal: states, signals, exit codes, and commands that get in each other's way."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.cli import Boxwright, eventually

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.usefixtures("no_containers")]

_POLITE = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
"""Ends with 5 when it is asked to."""


def detached(boxwright: Boxwright, *arguments: str) -> str:
    return boxwright.ok("run", "-d", "--network", "none", *arguments)


def polite(boxwright: Boxwright, *options: str) -> str:
    id = detached(boxwright, *options, "busybox", "sh", "-c", _POLITE)
    eventually(lambda: "ready" in boxwright.ok("logs", id))
    return id


def test_a_detached_container_outlives_the_command(boxwright: Boxwright) -> None:
    script = "while [ ! -e /go ]; do sleep 0.02; done; echo done; echo oops >&2; exit 42"
    id = detached(boxwright, "busybox", "sh", "-c", script)
    assert boxwright.state(id) == "running 0"
    boxwright.ok("exec", id, "touch", "/go")
    assert boxwright.ok("wait", id) == "42"
    assert boxwright.state(id) == "exited 42"
    result = boxwright("logs", id)
    assert (result.out, result.err) == ("done\n", "oops\n")
    state = boxwright.inspect(id)["State"]
    assert state["StartedAt"] < state["FinishedAt"]
    assert (state["Pid"], state["Running"], state["OOMKilled"]) == (0, False, False)


def test_the_end_of_a_detached_container_is_noted_without_any_command(boxwright: Boxwright) -> None:
    detached(boxwright, "--rm", "busybox", "true")
    # Nothing looks at it: its monitor has it removed, its folder included.
    eventually(lambda: not list((boxwright.root / "containers").iterdir()))


def test_stop_asks_first(boxwright: Boxwright) -> None:
    id = polite(boxwright)
    assert boxwright.ok("stop", id) == id
    assert boxwright.state(id) == "exited 5"
    assert boxwright.ok("logs", id).splitlines() == ["ready", "bye"]
    assert boxwright.ok("stop", id) == id  # and again: it is fine


def test_stop_kills_what_does_not_listen(boxwright: Boxwright) -> None:
    deaf = detached(boxwright, "busybox", "sleep", "1000")  # process 1 without a handler ignores SIGTERM
    boxwright.ok("stop", "-t", "0", deaf)
    assert boxwright.state(deaf) == "exited 137"


def test_stop_sends_the_containers_own_signal_or_the_one_that_is_named(boxwright: Boxwright) -> None:
    script = "trap 'exit 11' INT; trap 'exit 12' HUP; echo ready; while :; do sleep 0.05; done"
    for options, arguments, code in ((("--stop-signal", "INT"), (), 11), ((), ("-s", "HUP"), 12)):
        id = detached(boxwright, *options, "busybox", "sh", "-c", script)
        eventually(lambda id=id: "ready" in boxwright.ok("logs", id))
        boxwright.ok("stop", *arguments, id)
        assert boxwright.state(id) == f"exited {code}"


def test_the_containers_own_patience(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--stop-timeout", "0", "busybox", "sleep", "1000")
    boxwright.ok("stop", id, timeout=9)
    assert boxwright.state(id) == "exited 137"


def test_kill(boxwright: Boxwright) -> None:
    id = polite(boxwright)
    assert boxwright.fails("kill", "-s", "NONSENSE", id) == "unknown signal 'NONSENSE'"
    assert boxwright.ok("kill", "-s", "SIGTERM", id) == id
    assert boxwright.ok("wait", id) == "5"
    assert boxwright.fails("kill", id).endswith("it is not running")
    boxwright.ok("start", id)
    boxwright.ok("kill", id)
    assert boxwright.state(id) == "exited 137"


def test_start_again(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--name", "again", "busybox", "sh", "-c", "echo x >> /count; wc -l < /count")
    assert boxwright.ok("wait", id) == "0"
    assert boxwright.ok("start", "again") == "again"
    boxwright.ok("wait", id)
    assert boxwright("start", "-a", "again").out == "3\n"  # what it has written stays
    assert boxwright.ok("logs", id).split() == ["1", "2", "3"]


def test_start_attached_gives_the_exit_code(boxwright: Boxwright) -> None:
    id = boxwright.ok("create", "-i", "--network=none", "busybox", "sh", "-c", "cat; exit 9")
    assert boxwright("start", "-ai", id, input="typed\n") == (9, "typed\n", "")
    assert boxwright.state(id) == "exited 9"


def test_restart(boxwright: Boxwright) -> None:
    id = polite(boxwright)
    before = boxwright.inspect(id)["State"]
    assert boxwright.ok("restart", id) == id
    after = boxwright.inspect(id)["State"]
    assert after["Running"]
    assert after["Pid"] != before["Pid"]
    boxwright.ok("kill", id)
    boxwright.ok("restart", "-t", "0", id)
    assert boxwright.state(id) == "running 0"


def test_pause(boxwright: Boxwright) -> None:
    id = polite(boxwright, "--name", "ice")
    assert boxwright.ok("pause", "ice") == "ice"
    assert boxwright.state(id).split()[0] == "paused"
    assert boxwright.ok("ps", "--format", "{{.State}} {{.Status}}").startswith("paused Up ")
    assert boxwright.ok("ps", "--format", "{{.Status}}").endswith(" (Paused)")
    for verb, message in (
        (("pause", "ice"), "container ice is already paused"),
        (("exec", "ice", "true"), "container ice is paused"),
        (("attach", "ice"), "cannot attach to container ice: it is paused"),
        (("rm", "ice"), "cannot remove container ice: it is paused"),
    ):
        assert boxwright.fails(*verb) == message
    assert boxwright.ok("unpause", "ice") == "ice"
    assert boxwright.state(id) == "running 0"
    assert boxwright.fails("unpause", "ice") == "container ice is not paused"


@pytest.mark.parametrize(
    ("command", "state"),
    [(("stop", "-t", "5"), "exited 5"), (("kill",), "exited 137"), (("rm", "-f"), None), (("restart",), "running 0")],
)
def test_what_ends_a_paused_container(boxwright: Boxwright, command: tuple[str, ...], state: str | None) -> None:
    id = polite(boxwright)
    boxwright.ok("pause", id)
    boxwright.ok(*command, id)
    if state is None:
        assert boxwright.ok("ps", "-aq") == ""
    else:
        assert boxwright.state(id) == state


def test_remove(boxwright: Boxwright) -> None:
    id = polite(boxwright, "--name", "stays")
    assert boxwright.fails("rm", "stays") == "cannot remove container stays: it is running"
    result = boxwright("rm", "-f", "stays", "nowhere")
    assert (result.code, result.out) == (0, "stays\n")  # what isn't there is gone already, which was wanted
    assert "no such container: nowhere" in result.err
    result = boxwright("rm", id)
    assert (result.code, result.out) == (1, "")


def test_rename(boxwright: Boxwright) -> None:
    one, two = boxwright.ok("create", "--name", "one", "busybox"), boxwright.ok("create", "--name", "two", "busybox")
    assert (
        boxwright.fails("rename", "one", "two") == f'the container name "two" is already in use by container {two[:12]}'
    )
    assert boxwright.fails("rename", "one", "one") == "the container is called one already"
    assert boxwright.fails("rename", "one", "-x", code=125) == "unknown flag: -x"
    assert boxwright.fails("rename", "one", "x/y") == "invalid container name 'x/y'"
    assert boxwright.ok("rename", one[:8], "three") == ""
    assert boxwright.ok("inspect", "-f", "{{.Name}}", one) == "/three"


def test_wait_for_several(boxwright: Boxwright) -> None:
    ids = [detached(boxwright, "busybox", "sh", "-c", f"sleep 0.{n}; exit {n}") for n in (2, 1)]
    assert boxwright.ok("wait", *ids).split() == ["2", "1"]
    result = boxwright("wait", ids[0], "nowhere")
    assert (result.code, result.out) == (1, "2\n")


@pytest.mark.parametrize("verb", ["start", "stop", "kill", "restart", "pause", "unpause", "rm", "wait", "logs", "top"])
def test_a_container_that_is_not_there(boxwright: Boxwright, verb: str) -> None:
    assert boxwright.fails(verb, "nowhere") == "no such container: nowhere"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("kill",), "cannot kill container idle: it is not running"),
        (("pause",), "cannot pause container idle: it is not running"),
        (("unpause",), "cannot unpause container idle: it is not running"),
        (("attach",), "cannot attach to container idle: it is not running"),
        (("top",), "container idle is not running"),
        (("port", "80"), None),
    ],
)
def test_a_container_that_does_not_run(boxwright: Boxwright, command: tuple[str, ...], message: str | None) -> None:
    boxwright.ok("create", "--name", "idle", "busybox")
    verb, *rest = command
    expected = message or "no public port 80/tcp published for idle"
    assert boxwright.fails(verb, "idle", *rest) == expected
    assert boxwright.fails("exec", "idle", "true") == "container idle is not running"
    assert boxwright.ok("stop", "idle") == "idle"
    assert boxwright.ok("wait", "idle") == "0"
    assert boxwright.ok("logs", "idle") == ""


def test_containers_are_found_by_parts_of_their_id(boxwright: Boxwright) -> None:
    id = boxwright.ok("create", "--name", "whole", "busybox")
    for text in (id, id[:12], id[:4], "whole", "/whole"):
        assert boxwright.ok("inspect", "-f", "{{.Id}}", text) == id
    boxwright.ok("create", "--name", id[:6], "busybox")
    assert boxwright.ok("inspect", "-f", "{{.Name}}", id[:6]) == f"/{id[:6]}"  # a name beats the beginning of an ID


# ---- who is killed, and who gets in the way


def test_the_foreground_command_is_killed_and_the_container_runs_on(boxwright: Boxwright) -> None:
    with boxwright.popen("run", "--network=none", "--name", "orphan", "busybox", "sh", "-c", _POLITE) as command:
        eventually(lambda: boxwright("logs", "orphan").out == "ready\n")
        command.kill()
    assert boxwright.state("orphan") == "running 0"
    assert boxwright.ok("exec", "orphan", "echo", "alive") == "alive"
    boxwright.ok("stop", "orphan")
    assert boxwright.state("orphan") == "exited 5"
    assert boxwright.ok("logs", "orphan").splitlines() == ["ready", "bye"]


def test_the_end_of_an_orphan_is_noted_by_whoever_looks(boxwright: Boxwright) -> None:
    script = "echo ready; while [ ! -e /go ]; do sleep 0.02; done; exit 6"
    with boxwright.popen("run", "--network=none", "--name", "orphan", "busybox", "sh", "-c", script) as command:
        eventually(lambda: boxwright("logs", "orphan").out == "ready\n")
        command.kill()
    boxwright.ok("exec", "orphan", "touch", "/go")
    eventually(lambda: boxwright.ok("ps", "-a", "--format", "{{.Status}}").startswith("Exited (6) "))
    assert boxwright.state("orphan") == "exited 6"


def test_an_orphan_with_rm_goes_when_somebody_looks(boxwright: Boxwright) -> None:
    run = ("run", "--rm", "--network=none", "--name", "orphan", "busybox", "sh", "-c", _POLITE)
    with boxwright.popen(*run) as command:
        eventually(lambda: boxwright("logs", "orphan").out == "ready\n")
        command.kill()
    boxwright.ok("kill", "-s", "TERM", "orphan")
    eventually(lambda: boxwright.ok("ps", "-aq") == "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 5), (signal.SIGINT, 7)])
def test_signals_are_passed_on(boxwright: Boxwright, number: signal.Signals, code: int) -> None:
    script = "trap 'exit 7' INT; " + _POLITE
    with boxwright.popen("run", "--network=none", "--name", "front", "busybox", "sh", "-c", script) as command:
        eventually(lambda: boxwright("logs", "front").out == "ready\n")
        command.send_signal(number)
        assert command.wait(20) == code
    assert boxwright.state("front") == f"exited {code}"


def test_the_monitor_is_killed_too(boxwright: Boxwright) -> None:
    """Nobody saw how it ended then; it ended all the same, with docker's 137 or 255 for what isn't known."""
    import os

    id = detached(boxwright, "busybox", "sleep", "1000")
    monitor = int((boxwright.root / "containers" / id / "conmon.pid").read_text())
    os.kill(monitor, signal.SIGKILL)
    os.kill(boxwright.inspect(id)["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: boxwright.state(id).startswith("exited"))
    assert boxwright.state(id) in ("exited 255", "exited 137")
    boxwright.ok("start", id)
    assert boxwright.state(id) == "running 0"


def test_two_commands_at_once(boxwright: Boxwright) -> None:
    id = boxwright.ok("create", "--network=none", "busybox", "sh", "-c", _POLITE)
    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(lambda _: boxwright("start", id), range(4)))
        assert [result.code for result in started] == [0] * 4
        assert boxwright.state(id) == "running 0"
        eventually(lambda: "ready" in boxwright.ok("logs", id))
        stopped = list(pool.map(lambda _: boxwright("stop", id), range(4)))
        assert [result.code for result in stopped] == [0] * 4
        assert boxwright.state(id) == "exited 5"
        removed = list(pool.map(lambda _: boxwright("rm", id), range(4)))
        assert sorted(result.code for result in removed)[0] == 0
        assert all("no such container" in result.err for result in removed if result.code)
    assert boxwright.ok("ps", "-aq") == ""


def test_one_name_for_many(boxwright: Boxwright) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: boxwright("create", "--name", "only", "busybox"), range(4)))
    assert sorted(result.code for result in made) == [0, 1, 1, 1]
    assert len(boxwright.ok("ps", "-aq").split()) == 1


def test_run_and_remove_at_once(boxwright: Boxwright) -> None:
    """Whatever comes first, nothing hangs, and nothing is left but what `ps` shows."""
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(boxwright, "run", "--rm", "--network=none", "--name", "brief", "busybox", "true")
        for _ in range(10):
            pool.submit(boxwright, "rm", "-f", "brief")
            time.sleep(0.02)
        assert running.result(timeout=30).code in (0, 1, 125, 137)
    eventually(lambda: boxwright.ok("ps", "-aq") == "")
    assert boxwright.ok("fsck") == "the store is clean"


def test_inspect_shows_the_whole_container(boxwright: Boxwright) -> None:
    options = ("-m", "64m", "-p", "8080:80", "-v", "/tmp:/t:ro", "--cap-drop", "MKNOD", "-e", "A=1", "--dns", "9.9.9.9")
    id = boxwright.ok("create", *options, "--add-host", "a:1.2.3.4", "--rm", "busybox", "echo", "x")
    shown = json.loads(boxwright.ok("container", "inspect", id))[0]
    host = shown["HostConfig"]
    assert (host["Memory"], host["AutoRemove"], host["Binds"], host["CapDrop"]) == (
        64 << 20,
        True,
        ["/tmp:/t:ro"],
        ["MKNOD"],
    )
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert (host["Dns"], host["ExtraHosts"]) == (["9.9.9.9"], ["a:1.2.3.4"])
    assert "A=1" in shown["Config"]["Env"]
    assert (shown["Path"], shown["Args"], shown["State"]["Status"]) == ("echo", ["x"], "created")
    expected = {"Type": "bind", "Source": "/tmp", "Destination": "/t", "Mode": "ro", "RW": False}
    assert shown["Mounts"] == [{**expected, "Propagation": "rprivate", "Name": "", "Driver": ""}]
    assert shown["NetworkSettings"]["Ports"] == {}


# ---- restart policies


def restarts(boxwright: Boxwright, id: str) -> tuple[str, int]:
    container = boxwright.inspect(id)
    return container["State"]["Status"], container["RestartCount"]


def test_a_container_that_fails_is_started_again_so_often(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--restart", "on-failure:2", "busybox", "sh", "-c", "echo once; exit 3")
    eventually(lambda: restarts(boxwright, id) == ("exited", 2))
    assert boxwright.ok("logs", id) == "once\nonce\nonce"
    policy = boxwright.inspect(id)["HostConfig"]["RestartPolicy"]
    assert policy == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert detached(boxwright, "--restart", "on-failure", "--name", "well", "busybox", "true")
    assert boxwright.ok("wait", "well") == "0"
    assert restarts(boxwright, "well") == ("exited", 0)


def test_a_container_that_someone_stopped_stays_so(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--restart", "always", "--stop-timeout", "0", "busybox", "sleep", "1000")
    boxwright.ok("stop", id)
    assert restarts(boxwright, id) == ("exited", 0)
    boxwright.ok("start", id)
    os.kill(boxwright.inspect(id)["State"]["Pid"], signal.SIGKILL)  # not by boxwright: nobody meant to stop it
    eventually(lambda: restarts(boxwright, id) == ("running", 1))
    boxwright.ok("kill", id)
    assert restarts(boxwright, id) == ("exited", 1)


def test_while_the_next_start_is_awaited(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--restart", "unless-stopped", "busybox", "sh", "-c", "exit 4")
    eventually(lambda: restarts(boxwright, id) == ("restarting", 4))
    assert boxwright.ok("ps", "--format", "{{.Status}}").startswith("Restarting (4) ")
    assert boxwright.ok("ps", "-q", "--filter", "status=restarting") == id[:12]
    boxwright.ok("container", "prune", "-f")
    assert boxwright.ok("stop", id) == id
    assert restarts(boxwright, id) == ("exited", 4)
    assert boxwright.ok("container", "prune", "-f").splitlines()[1] == id


# ---- what they use, and may use


def test_limits_are_changed_while_it_runs(boxwright: Boxwright) -> None:
    id = detached(boxwright, "--name", "web", "busybox", "sleep", "1000")
    assert (
        boxwright.ok("update", "-m", "64m", "--cpus", "0.5", "--pids-limit", "20", "--restart", "always", "web")
        == "web"
    )
    host = boxwright.inspect(id)["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (64 << 20, 500_000_000, 20)
    assert host["RestartPolicy"]["Name"] == "always"
    boxwright.ok("update", "--restart", "no", "-m", "32m", "web")
    usage = json.loads(boxwright.ok("stats", "--no-stream", "--format", "json", "web"))
    assert (usage["Name"], usage["ID"], usage["PIDs"]) == ("web", id[:12], "1")
    assert usage["MemUsage"].endswith(" / 32MiB")
    assert re.fullmatch(r"\d+\.\d\d%", usage["CPUPerc"])
    assert boxwright("exec", id, "sh", "-c", "for i in $(seq 40); do sleep 5 & done").code != 0  # cannot fork
    assert boxwright.fails("update", "--cpus", "9999", "web").startswith("--cpus 9999 is out of range")
    assert boxwright.fails("update", "web") == "there is nothing to change"
    boxwright.ok("stop", "-t", "0", id)
    boxwright.ok("update", "--pids-limit", "30", id)
    boxwright.ok("start", id)
    assert boxwright.inspect(id)["HostConfig"]["PidsLimit"] == 30
    assert boxwright.ok("stats", "--no-stream").split("\n")[0].split()[:3] == ["CONTAINER", "ID", "NAME"]


# ---- health checks


def test_a_containers_health_is_looked_at_as_long_as_it_runs(boxwright: Boxwright) -> None:
    def health() -> tuple[str, int, str]:
        state = boxwright.inspect(id)["State"]["Health"]
        last = (state["Log"] or [{"ExitCode": None, "Output": ""}])[-1]
        return state["Status"], last["ExitCode"], last["Output"]

    often = ("--health-interval", "100ms", "--health-retries", "2", "--health-timeout", "300ms")
    check = "cat /well || exit 4; test ! -e /slow || sleep 60"
    id = detached(boxwright, *often, "--health-cmd", check, "busybox", "sleep", "1000")
    assert boxwright.inspect(id)["Config"]["Healthcheck"]["Test"] == ["CMD-SHELL", check]
    eventually(lambda: health() == ("unhealthy", 4, "cat: can't open '/well': No such file or directory\n"))
    boxwright.ok("exec", id, "sh", "-c", "echo yes > /well")
    eventually(lambda: health() == ("healthy", 0, "yes\n"))
    assert boxwright.ok("ps", "--format", "{{.Status}}").endswith(" (healthy)")
    assert boxwright.ok("ps", "-q", "--filter", "health=healthy") == id[:12]
    boxwright.ok("exec", id, "touch", "/slow")
    eventually(lambda: health() == ("unhealthy", -1, "Health check exceeded timeout (0.3s)"))
    boxwright.ok("stop", "-t", "0", id)
    eventually(lambda: not any(id.encode() in line for line in command_lines()))


def command_lines() -> Iterator[bytes]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield Path("/proc", name, "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked

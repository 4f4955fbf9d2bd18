"""Looking at containers: ps, logs, exec, top, inspect, and their formats and filters."""

from __future__ import annotations

import json
import re
import time
from typing import NamedTuple

import pytest

from support.cli import Boxwright, eventually

pytestmark = [pytest.mark.root, pytest.mark.runtime]


class Containers(NamedTuple):
    """One that runs, one that has ended and one that never began; nobody changes them."""

    running: str
    ended: str
    created: str


@pytest.fixture(scope="module")
def made(boxwright: Boxwright) -> Containers:
    script = "echo out; echo err >&2; echo 'a b' > /written; exec sleep 1000"
    created = boxwright.ok("create", "--name", "fresh", "-l", "tier=none", "-v", "shelf:/shelf", "busybox", "true")
    ended = boxwright.ok("run", "-d", "--network=none", "--name", "done", "busybox", "sh", "-c", "exit 7")
    running = boxwright.ok(
        *("run", "-d", "--name", "web", "-l", "tier=front", "-l", "app=web", "-e", "X=1", "-p", "81:80"),
        *("-v", "shelf:/shelf", "-v", "/tmp:/host", "--expose", "90", "busybox", "sh", "-c", script),
    )
    boxwright.ok("wait", ended)
    eventually(lambda: boxwright("logs", running).err == "err\n")
    return Containers(running, ended, created)


# ---- ps


def test_the_table(boxwright: Boxwright, made: Containers) -> None:
    lines = boxwright.ok("ps", "-a").splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == [
        *("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"),
    ]
    web = re.split(r"\s{3,}", lines[1])
    assert web[:3] == [made.running[:12], "busybox", '"sh -c \'echo out; ec…"']
    assert web[4].startswith("Up ")
    assert web[5:] == ["90/tcp, 0.0.0.0:81->80/tcp, [::]:81->80/tcp", "web"]
    assert [line.split()[-1] for line in lines[1:]] == ["web", "done", "fresh"]
    assert "Exited (7) " in lines[2]
    assert " Created " in lines[3]
    starts = [lines[0].index(word) for word in ("IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")]
    assert all(line[start - 1] == " " and line[start] != " " for line in lines[1:2] for start in starts)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), "web"),
        (("-a",), "web done fresh"),
        (("-n", "2"), "web done"),
        (("-l",), "web"),
        (("-a", "--filter", "name=e"), "web done fresh"),
        (("-a", "--filter", "name=^web$"), "web"),
        (("-a", "--filter", "name=we", "--filter", "name=fre"), "web fresh"),
        (("--filter", "status=exited"), "done"),
        (("--filter", "status=created", "--filter", "status=running"), "web fresh"),
        (("-a", "--filter", "exited=7"), "done"),
        (("-a", "--filter", "exited=0"), ""),
        (("-a", "--filter", "label=tier"), "web fresh"),
        (("-a", "--filter", "label=tier=front"), "web"),
        (("-a", "--filter", "label=tier", "--filter", "label=app"), "web"),
        (("-a", "--filter", "ancestor=busybox"), "web done fresh"),
        (("-a", "--filter", "ancestor=nowhere"), ""),
        (("-a", "--filter", "before=done"), "fresh"),
        (("-a", "--filter", "since=done"), "web"),
        (("-a", "--filter", "volume=shelf"), "web fresh"),
        (("-a", "--filter", "volume=/host"), "web"),
        (("-a", "--filter", "network=none"), "done"),
        (("-a", "--filter", "publish=81"), "web"),  # as docker: the port of the host
        (("-a", "--filter", "publish=80"), ""),
        (("-a", "--filter", "health=none", "--filter", "is-task=false"), "web done fresh"),
        (("-a", "--filter", "health=healthy"), ""),
        (("-a", "--filter", "expose=90/tcp"), "web"),
    ],
)
@pytest.mark.usefixtures("made")
def test_filters(boxwright: Boxwright, options: tuple[str, ...], names: str) -> None:
    assert boxwright.ok("ps", *options, "--format", "{{.Names}}").split() == names.split()


@pytest.mark.usefixtures("made")
def test_filters_that_make_no_sense(boxwright: Boxwright) -> None:
    assert boxwright.fails("ps", "--filter", "odd=1") == "invalid filter 'odd'"
    assert boxwright.fails("ps", "--filter", "status=odd") == "invalid filter status=odd"
    assert boxwright.fails("ps", "--filter", "odd", code=125) == "invalid filter 'odd'"
    assert boxwright.fails("ps", "--filter", "before=nowhere") == "no such container: nowhere"


def test_ps_formats(boxwright: Boxwright, made: Containers) -> None:
    assert boxwright.ok("ps", "-q") == made.running[:12]
    assert boxwright.ok("ps", "-q", "--no-trunc") == made.running
    form = '{{.ID}}|{{.Image}}|{{.State}}|{{.Networks}}|{{.Mounts}}|{{.LocalVolumes}}|{{.Label "tier"}}'
    assert boxwright.ok("ps", "--format", form) == f"{made.running[:12]}|busybox|running|bridge|shelf,/tmp|1|front"
    assert "app=web" in boxwright.ok("ps", "--format", "{{.Labels}}").split(",")
    table = boxwright.ok("ps", "-a", "--format", r"table {{.Names}}\t{{.State}}").splitlines()
    assert table == ["NAMES     STATE", "web       running", "done      exited", "fresh     created"]
    rows = [json.loads(line) for line in boxwright.ok("ps", "-a", "--format", "json").splitlines()]
    assert [row["Names"] for row in rows] == ["web", "done", "fresh"]
    assert list(rows[0]) == sorted(rows[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", rows[0]["CreatedAt"])
    sized = boxwright.ok("ps", "-s", "--format", "{{.Size}}")
    assert re.fullmatch(r"4B \(virtual [\d.]+MB\)", sized)
    assert boxwright.ok("ps", "--no-trunc", "--format", "{{.Command}}").endswith("exec sleep 1000'\"")
    assert "there is no field Nope" in boxwright.fails("ps", "--format", "{{.Nope}}")
    assert "unclosed action" in boxwright.fails("ps", "--format", "{{")
    assert boxwright.ok("container", "ls", "-q") == boxwright.ok("ps", "-q")


# ---- inspect


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("{{.State.Running}} {{.Name}} {{.Config.Image}}", "true /web busybox"),
        ('{{index .Config.Labels "app"}}', "web"),
        ("{{json .HostConfig.PortBindings}}", '{"80/tcp":[{"HostIp":"","HostPort":"81"}]}'),
        ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "81"),
        ("{{range $name, $net := .NetworkSettings.Networks}}{{$name}}{{end}}", "bridge"),
        ("{{range .Mounts}}{{.Type}}:{{.Destination}} {{end}}", "volume:/shelf bind:/host "),
        ("{{len .Mounts}}", "2"),
        ("{{if .State.Paused}}yes{{else}}no{{end}}", "no"),
        ("{{.HostConfig.NetworkMode}}", "default"),
        ('{{join .Config.Cmd " "}}', "sh -c echo out; echo err >&2; echo 'a b' > /written; exec sleep 1000"),
    ],
)
@pytest.mark.usefixtures("made")
def test_inspect_through_a_template(boxwright: Boxwright, form: str, expected: str) -> None:
    assert boxwright.ok("inspect", "-f", form, "web") == expected.rstrip("\n")


def test_inspect_knows_what_a_name_is(boxwright: Boxwright, made: Containers) -> None:
    both = json.loads(boxwright.ok("inspect", "web", "busybox", "shelf"))
    assert [value.get("Id", value.get("Name")) for value in both] == [
        made.running,
        boxwright.ok("images", "-q", "--no-trunc"),
        "shelf",
    ]
    result = boxwright("inspect", "web", "nowhere", "-f", "{{.Name}}")
    assert (result.code, result.out) == (1, "/web\n")
    assert "no such object: nowhere" in result.err
    assert boxwright.fails("inspect", "--type", "image", "web") == "no such image: web"
    assert boxwright.fails("image", "inspect", "web") == "no such image: web"
    assert boxwright.fails("container", "inspect", "busybox") == "no such container: busybox"
    assert boxwright.fails("volume", "inspect", "nowhere") == "no such volume: nowhere"
    assert "there is no field Odd" in boxwright.fails("inspect", "-f", "{{.Odd}}", "web")
    size = boxwright.ok("inspect", "-s", "-f", "{{.SizeRw}}", "web")
    assert size == "4"


# ---- logs


def test_logs_are_kept_apart_and_in_order(boxwright: Boxwright, made: Containers) -> None:
    result = boxwright("logs", made.running)
    assert (result.out, result.err) == ("out\n", "err\n")


def test_logs_of_a_part(boxwright: Boxwright) -> None:
    script = "for i in 1 2 3; do echo $i; done; sleep 1.1; echo 4; printf unfinished"
    id = boxwright.ok("run", "-d", "--network=none", "busybox", "sh", "-c", script)
    boxwright.ok("wait", id)
    assert boxwright.ok("logs", id) == "1\n2\n3\n4\nunfinished"
    assert boxwright.ok("logs", "--tail", "2", id) == "4\nunfinished"
    assert boxwright.ok("logs", "-n", "0", id) == ""
    assert boxwright.ok("logs", "--tail", "all", id).startswith("1\n")
    assert boxwright.fails("logs", "--tail", "x", id, code=125) == "invalid --tail 'x'"
    stamped = boxwright.ok("logs", "-t", id).splitlines()
    times = [line.split(" ")[0] for line in stamped]
    assert times == sorted(times)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamp) for stamp in times)
    assert boxwright.ok("logs", "--since", times[3], id) == "4\nunfinished"
    assert boxwright.ok("logs", "--until", times[2], id) == "1\n2\n3"
    assert boxwright.ok("logs", "--since", "1h", id).startswith("1")
    assert boxwright.ok("logs", "--since", "2100-01-01", id) == ""
    assert boxwright.fails("logs", "--since", "odd", id) == "invalid --since 'odd'"
    boxwright.ok("rm", id)


def test_logs_follow_to_the_end(boxwright: Boxwright) -> None:
    import subprocess

    script = "echo first; while [ ! -e /go ]; do sleep 0.02; done; echo last"
    id = boxwright.ok("run", "-d", "--network=none", "busybox", "sh", "-c", script)
    with boxwright.popen("logs", "-f", id, stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"first\n"
        boxwright.ok("exec", id, "touch", "/go")
        assert follower.stdout.read() == b"last\n"
        assert follower.wait(20) == 0
    boxwright.ok("rm", id)


# ---- exec and top


@pytest.mark.parametrize(
    ("options", "command", "result"),
    [
        ((), ("sh", "-c", "echo $X; exit 3"), (3, "1\n", "")),
        (("-e", "X=2", "-e", "Y=3"), ("sh", "-c", "echo $X$Y"), (0, "23\n", "")),
        (("-w", "/etc"), ("pwd",), (0, "/etc\n", "")),
        (("-u", "daemon"), ("id", "-un"), (0, "daemon\n", "")),
        (("-u", "5:6"), ("id",), (0, "uid=5 gid=6 groups=6\n", "")),
        (("-i",), ("cat",), (0, "input", "")),
        ((), ("cat",), (0, "", "")),
        (("-t",), ("tty",), (0, "/dev/pts/0\r\n", "")),
        ((), ("sh", "-c", "echo oops >&2"), (0, "", "oops\n")),
        (("--privileged",), ("sh", "-c", "grep -c CapEff:.*ffff /proc/self/status"), (0, "1\n", "")),
    ],
)
@pytest.mark.usefixtures("made")
def test_exec(
    boxwright: Boxwright, options: tuple[str, ...], command: tuple[str, ...], result: tuple[int, str, str]
) -> None:
    assert tuple(boxwright("exec", *options, "web", *command, input="input")) == result


@pytest.mark.parametrize(
    ("options", "command", "code", "message"),
    [
        ((), ("nonsense",), 127, "exec: 'nonsense': executable file not found in $PATH"),
        ((), ("/etc",), 126, "exec: '/etc': permission denied"),
        (("-u", "nobodyhere"), ("true",), 126, "no user 'nobodyhere' in the image's /etc/passwd"),
        (("-w", "relative"), ("true",), 1, "the working directory 'relative' needs to be an absolute path"),
        (("-w", "/nowhere"), ("pwd",), 126, "the container has no directory '/nowhere' to begin in"),
        ((), (), 1, "missing COMMAND"),
        (("-it",), ("sh",), 1, "the input device is not a TTY"),
    ],
)
@pytest.mark.usefixtures("made")
def test_exec_that_cannot(
    boxwright: Boxwright, options: tuple[str, ...], command: tuple[str, ...], code: int, message: str
) -> None:
    assert boxwright.fails("exec", *options, "web", *command, code=code) == message


@pytest.mark.usefixtures("made")
def test_exec_in_the_background(boxwright: Boxwright) -> None:
    assert boxwright.ok("exec", "-d", "web", "sh", "-c", "echo later > /tmp/later") == ""
    eventually(lambda: boxwright("exec", "web", "cat", "/tmp/later").out == "later\n")


@pytest.mark.usefixtures("made")
def test_top(boxwright: Boxwright) -> None:
    headings, *rows = [line.split() for line in boxwright.ok("top", "web").splitlines()]
    assert headings[:3] == ["UID", "PID", "PPID"]
    assert any(row[-2:] == ["sleep", "1000"] for row in rows)
    assert "sleep" in [line.split()[1] for line in boxwright.ok("top", "web", "-o", "pid,comm").splitlines()]
    assert "process ID is missing" in boxwright.fails("top", "web", "-o", "comm")


def test_a_process_in_the_background_is_no_obstacle(boxwright: Boxwright) -> None:
    """The command's end is the end, although something else holds its output open."""
    id = boxwright.ok("run", "-d", "--network=none", "busybox", "sleep", "1000")
    began = time.monotonic()
    assert boxwright("exec", id, "sh", "-c", "sleep 30 >/dev/null 2>&1 & echo done").out == "done\n"
    assert time.monotonic() - began < 25
    boxwright.ok("rm", "-f", id)

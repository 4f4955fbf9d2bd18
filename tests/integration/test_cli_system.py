"""The whole store and the whole machine: what takes space, what is cleaned up, and that everything comes down again."""

from __future__ import annotations

import json
import re
import signal

import pytest

from boxwright._version import __version__
from support.cli import Boxwright, eventually

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.usefixtures("no_containers")]


def test_version(boxwright: Boxwright) -> None:
    assert boxwright.ok("--version") == f"boxwright version {__version__}"
    assert __version__ in boxwright.ok("version")
    assert json.loads(boxwright.ok("version", "--format=json"))["Client"]["Version"] == __version__
    assert boxwright.ok("version", "-f", "{{.Server.Version}} {{.Client.Os}}") == f"{__version__} linux"


def test_info(boxwright: Boxwright) -> None:
    boxwright.ok("create", "busybox")
    facts = json.loads(boxwright.ok("info", "-f", "json"))
    assert (facts["Containers"], facts["ContainersStopped"], facts["Images"]) == (1, 1, 1)
    assert facts["BoxwrightRootDir"] == str(boxwright.root)
    assert boxwright.ok("system", "info", "-f", "{{.OSType}}") == "linux"
    assert re.search(r"^Containers: 1$", boxwright.ok("info"), re.MULTILINE)


def test_help(boxwright: Boxwright) -> None:
    shown = boxwright.ok("--help")
    for verb in ("build", "run", "push", "system"):
        assert re.search(rf"^  {verb} ", shown, re.MULTILINE)
    assert boxwright.ok("help", "run") == boxwright.ok("run", "--help")
    assert "--publish" in boxwright.ok("run", "--help")
    assert boxwright.fails("frobnicate", code=1) == "unknown command: frobnicate"
    assert boxwright("imges").err.splitlines()[1].strip() == "did you mean boxwright images?"


def test_disk_usage(boxwright: Boxwright) -> None:
    boxwright.ok("run", "--network=none", "-v", "/data", "busybox", "sh", "-c", "dd if=/dev/zero of=/x bs=1k count=64")
    rows = {row["Type"]: row for row in map(json.loads, boxwright.ok("system", "df", "--format", "json").splitlines())}
    assert list(rows) == ["Images", "Containers", "Local Volumes", "Build Cache"]
    assert (rows["Images"]["TotalCount"], rows["Images"]["Active"]) == ("1", "1")
    assert (rows["Containers"]["TotalCount"], rows["Containers"]["Active"]) == ("1", "0")
    assert rows["Containers"]["Reclaimable"].endswith("(100%)")
    assert rows["Local Volumes"]["TotalCount"] == "1"
    verbose = boxwright.ok("system", "df", "-v")
    assert re.search(r"^busybox +latest +[0-9a-f]{12} .* 1$", verbose, re.MULTILINE)
    assert re.findall(r"^\w.*usage: ?", verbose, re.MULTILINE) == [
        *("Images space usage:", "Containers space usage:", "Local Volumes space usage:", "Build cache usage: "),
    ]
    assert json.loads(boxwright.ok("system", "df", "-v", "--format", "json"))["Volumes"][0]["Links"] == "1"
    assert boxwright.ok("system", "df").splitlines()[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]


def test_prune_containers_and_volumes(boxwright: Boxwright) -> None:
    keeps = boxwright.ok("run", "-d", "--network=none", "-v", "/anonymous", "busybox", "sleep", "1000")
    gone = boxwright.ok("create", "-v", "/anonymous", "-v", "named:/n", "-l", "x=1", "busybox")
    assert boxwright.ok("container", "prune", "-f", "--filter", "label=x=2").startswith("Total reclaimed space: 0B")
    assert boxwright.ok("container", "prune", "-f", "--filter", "until=1h").startswith("Total reclaimed space: 0B")
    assert boxwright.fails("container", "prune", "-f", "--filter", "odd=1") == "invalid filter 'odd'"
    assert boxwright.ok("container", "prune", "-f").splitlines()[:2] == ["Deleted Containers:", gone]
    assert boxwright.ok("ps", "-aq", "--no-trunc") == keeps
    assert len(boxwright.ok("volume", "ls", "-q").split()) == 3
    assert boxwright.ok("volume", "prune", "-f").startswith("Deleted Volumes:\n")
    assert len(boxwright.ok("volume", "ls", "-q").split()) == 2  # the one in use, and the one with a name
    boxwright.ok("volume", "prune", "-af")
    assert len(boxwright.ok("volume", "ls", "-q").split()) == 1


def test_volumes(boxwright: Boxwright) -> None:
    assert boxwright.ok("volume", "create", "-l", "kind=shelf", "books") == "books"
    assert boxwright.ok("volume", "create", "books") == "books"
    unnamed = boxwright.ok("volume", "create")
    assert re.fullmatch("[0-9a-f]{64}", unnamed)
    assert boxwright.ok("volume", "ls", "--format", "{{.Driver}} {{.Name}}").split("\n") == sorted(
        ["local books", f"local {unnamed}"]
    )
    assert boxwright.ok("volume", "ls", "-q", "--filter", "label=kind=shelf") == "books"
    assert boxwright.ok("volume", "ls", "-q", "--filter", "name=oo") == "books"
    shown = json.loads(boxwright.ok("volume", "inspect", "books"))[0]
    assert (shown["Name"], shown["Driver"], shown["Labels"]) == ("books", "local", {"kind": "shelf"})
    assert boxwright.ok("volume", "inspect", "-f", "{{.Mountpoint}}", "books").startswith(str(boxwright.root))
    result = boxwright("volume", "rm", "books", "nowhere", unnamed)
    assert (result.code, result.out.split()) == (1, ["books", unnamed])
    assert boxwright.fails("volume", "rm", "x/y", code=1)
    assert boxwright("volume", "rm", "-f", "nowhere").code == 0
    assert boxwright.fails("volume", "create", "x/y").startswith("invalid volume name 'x/y'")


def test_system_prune(boxwright: Boxwright) -> None:
    boxwright.ok("build", "-q", "-t", "made", "-", input="FROM busybox\nRUN echo x > /x\n")
    boxwright.ok("create", "-v", "/anonymous", "busybox")
    boxwright.ok("rmi", "made")
    assert boxwright("system", "prune", input="no\n").code == 0
    assert boxwright.ok("ps", "-aq") != ""
    report = boxwright.ok("system", "prune", "-f", "--volumes")
    assert report.startswith("Deleted Containers:\n")
    assert "Total reclaimed space: " in report
    assert boxwright.ok("ps", "-aq") == boxwright.ok("volume", "ls", "-q") == ""
    assert boxwright.ok("images", "--format", "{{.Repository}}") == "busybox"
    assert boxwright.ok("builder", "du").splitlines()[1:] == ["Total:\t0B"]


def test_fsck_finds_and_repairs(boxwright: Boxwright) -> None:
    assert boxwright.ok("fsck", "--deep") == "the store is clean"
    stray = boxwright.root / "containers" / ("f" * 64)
    stray.mkdir()
    found = boxwright("fsck")
    assert (found.code, found.out.splitlines()[0]) == (0, f"garbage: containers/{stray.name} belongs to nothing")
    assert boxwright.ok("fsck", "--repair").endswith("put right")
    assert not stray.exists()
    assert boxwright.ok("fsck") == "the store is clean"


def test_everything_comes_down_again(boxwright: Boxwright) -> None:
    """Whatever containers there were and however they ended: no mount, process, interface or rule is left."""
    ids = [
        boxwright.ok("run", "-d", "-p", "80", "-v", "/data", "busybox", "httpd", "-f"),
        boxwright.ok("run", "-d", "--rm", "-p", "127.0.0.1::81/udp", "busybox", "sleep", "1000"),
        boxwright.ok("run", "-d", "-t", "--tmpfs", "/t", "--init", "busybox", "sleep", "1000"),
        boxwright.ok("run", "-d", "--network=host", "--pid=host", "busybox", "sleep", "1000"),
        boxwright.ok("create", "-p", "82", "busybox"),
    ]
    with boxwright.popen("run", "--rm", "-p", "83", "--name", "front", "busybox", "sleep", "1000") as command:
        eventually(lambda: boxwright("exec", "front", "true").code == 0)
        ids.append(boxwright.ok("inspect", "-f", "{{.Id}}", "front"))
        command.send_signal(signal.SIGKILL)
    boxwright.ok("pause", ids[2])
    boxwright.ok("exec", "-d", ids[0], "sleep", "1000")
    assert boxwright.traces(ids)
    assert boxwright.ok("network", "prune") == "the bridge is in use"
    boxwright.ok("kill", ids[1])
    boxwright.ok("stop", "-t", "0", ids[3])
    assert boxwright.take_down() == []
    assert boxwright.traces(ids) == []
    # And the machine is ready for the next one.
    assert boxwright.ok("run", "--rm", "-p", "80", "busybox", "echo", "again") == "again"

"""Files in and out of containers: cp, diff, export, commit."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.cli import Boxwright, eventually
from support.trees import nested

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.usefixtures("no_containers")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of the host with one of each."""
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("hello\n")
    (folder / "sub/deep").write_text("deep\n")
    (folder / "link").symlink_to("file")
    (folder / "dirlink").symlink_to("sub")
    os.chmod(folder / "file", 0o640)
    os.chown(folder / "file", 1000, 1001)
    os.utime(folder / "file", (1_600_000_000, 1_600_000_000))
    return folder


def members(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return sorted(archive.getnames())


def inside(boxwright: Boxwright, container: str, path: str) -> list[str]:
    """Return the names in an archive of `path`, as ``cp CONTAINER:PATH -`` gives it."""
    done = subprocess.run(
        [*boxwright.command, "cp", f"{container}:{path}", "-"], env=boxwright.env, capture_output=True, check=True
    )
    return members(done.stdout)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ---- cp: into a container


@pytest.mark.parametrize("running", [False, True])
def test_copying_into_a_container(boxwright: Boxwright, source: Path, running: bool) -> None:
    box = boxwright.ok("create", "--network=none", "busybox", "sleep", "1000")
    if running:
        boxwright.ok("start", box)
    whole = ["dirlink", "file", "link", "sub", "sub/deep"]
    for given, target, look, expected in (
        (source, "/new", "/new", ["new", *(f"new/{name}" for name in whole)]),  # nothing is there: its name
        (source, "/home", "/home/src", ["src", *(f"src/{name}" for name in whole)]),  # a folder takes it
        (f"{source}/.", "/root", "/root/.", [".", *(f"./{name}" for name in whole)]),  # only what is in it
        (f"{source}/.", "/fresh", "/fresh", ["fresh", *(f"fresh/{name}" for name in whole)]),
        (source / "file", "/tmp", "/tmp", ["tmp", "tmp/file"]),
        (source / "file", "/tmp/other", "/tmp/other", ["other"]),
        (source / "file", "/tmp/", "/tmp/file", ["file"]),
        (source / "link", "/l1", "/l1", ["l1"]),
        (source / "dirlink", "/l2", "/l2", ["l2"]),
        (f"{source}/dirlink/", "/l3", "/l3", ["l3", "l3/deep"]),
        (source / "file", "relative", "/relative", ["relative"]),
    ):
        assert boxwright.ok("cp", given, f"{box}:{target}") == ""
        assert inside(boxwright, box, look) == expected, (given, target)
    boxwright.ok("cp", "-L", source / "link", f"{box}:/followed")
    boxwright.ok("start", box)
    script = "stat -c '%a %u %g %Y' /new/file; cat /followed; readlink /l1; readlink /l2; cat /tmp/other"
    assert boxwright.ok("exec", box, "sh", "-c", script).splitlines() == [
        "640 1000 1001 1600000000",
        "hello",
        "file",
        "sub",
        "hello",
    ]


def test_links_in_a_container_lead_where_they_lead_inside(boxwright: Boxwright, source: Path) -> None:
    box = boxwright.ok("run", "-d", "--network=none", "busybox", "sleep", "1000")
    script = "mkdir /real; ln -s /real /link; ln -s /real/one /one; ln -s /nowhere/x /dangling; ln -s .. /real/up"
    boxwright.ok("exec", box, "sh", "-c", script)
    boxwright.ok("cp", source / "file", f"{box}:/link/")
    boxwright.ok("cp", source / "file", f"{box}:/one")
    assert boxwright.ok("exec", box, "ls", "/real").split() == ["file", "one", "up"]
    assert boxwright.ok("exec", box, "readlink", "/one") == "/real/one"
    assert not Path("/real").exists()
    assert boxwright.fails("cp", source / "file", f"{box}:/dangling").startswith("no such file or directory")
    boxwright.ok("cp", f"{box}:/link/one", source / "back")
    assert (source / "back").read_text() == "hello\n"


def test_what_does_not_fit(boxwright: Boxwright, source: Path) -> None:
    box = boxwright.ok("create", "--name", "box", "busybox")
    for arguments, message in (
        ((source / "nowhere", f"{box}:/"), f"no such file or directory on the host: {source}/nowhere"),
        ((source / "file", f"{box}:/nowhere/"), "no such file or directory in container box: /nowhere/"),
        ((source / "file", f"{box}:/nowhere/x"), "no such file or directory in container box: /nowhere"),
        ((source, f"{box}:/etc/passwd"), "cannot copy a folder onto the file /etc/passwd of container box"),
        ((f"{box}:/nowhere", source), "no such file or directory in container box: /nowhere"),
        ((f"{box}:/etc/passwd", source / "nowhere/x"), f"no such file or directory on the host: {source}/nowhere"),
        ((f"{box}:/etc/passwd", f"{source}/nowhere/"), f"no such file or directory on the host: {source}/nowhere/"),
        ((f"{box}:/etc", source / "file"), f"cannot copy a folder onto the file {source}/file"),
        (("nowhere:/x", source), "no such container: nowhere"),
    ):
        assert boxwright.fails("cp", *arguments) == message
    one_side = "one of SOURCE and TARGET is in a container, the other on the host"
    assert boxwright.fails("cp", source, source) == one_side
    assert boxwright.fails("cp", f"{box}:/a", f"{box}:/b") == one_side
    assert boxwright.fails("cp", f"{box}:", source, code=125) == f"{box}: has no path"


# ---- cp: out of a container


def test_copying_out_of_a_container(boxwright: Boxwright, source: Path, tmp_path: Path) -> None:
    box = boxwright.ok("create", "--network=none", "busybox")
    boxwright.ok("cp", source, f"{box}:/d")
    out = tmp_path / "out"
    whole = ["dirlink", "file", "link", "sub", "sub/deep"]
    for given, target, expected in (
        ("/d", "", ["d", *(f"d/{name}" for name in whole)]),
        ("/d", "new", ["new", *(f"new/{name}" for name in whole)]),
        ("/d/.", "", whole),
        ("/d/file", "", ["file"]),
        ("/d/file", "named", ["named"]),
        ("/d/sub/", "", ["sub", "sub/deep"]),
        ("/d/dirlink/.", "", ["deep"]),
        ("/d/link", "", ["link"]),
    ):
        out.mkdir()
        boxwright.ok("cp", f"{box}:{given}", f"{out}/{target}")
        assert tree(out) == expected, (given, target)
        import shutil

        shutil.rmtree(out)
    boxwright.ok("cp", "-L", f"{box}:/d/link", out)
    assert (out.read_text(), out.stat().st_uid, out.stat().st_mtime) == ("hello\n", 0, 1_600_000_000)
    boxwright.ok("cp", "-a", f"{box}:/d/file", tmp_path / "own")
    assert (tmp_path / "own").stat().st_uid == 1000


def test_a_tree_deeper_than_pythons_stack_goes_in_and_out(boxwright: Boxwright, deep: Path) -> None:
    id = boxwright.ok("create", "busybox")
    (nested(deep / "src", 1000) / "leaf").write_text("x")
    boxwright.ok("cp", deep / "src", f"{id}:/")
    boxwright.ok("cp", f"{id}:/src", deep / "copy")
    assert (deep / "copy" / ("n/" * 1000) / "leaf").read_text() == "x"


def test_copying_out_to_where_no_attributes_are_kept(boxwright: Boxwright, source: Path, tmp_path: Path) -> None:
    os.setxattr(source / "file", "user.note", b"x")
    id = boxwright.ok("create", "busybox")
    boxwright.ok("cp", source / "file", f"{id}:/file")
    (tmp_path / "bare").mkdir()
    subprocess.run(["mount", "-t", "ramfs", "ramfs", tmp_path / "bare"], check=True)
    try:
        boxwright.ok("cp", f"{id}:/file", tmp_path / "bare/file")
        assert (tmp_path / "bare/file").read_text() == "hello\n"
    finally:
        subprocess.run(["umount", tmp_path / "bare"], check=True)


def test_files_that_come_and_go_meanwhile(boxwright: Boxwright, tmp_path: Path) -> None:
    script = "mkdir /d; touch /d/kept; while :; do for i in $(seq 200); do : > /d/$i; done; rm /d/1*; done"
    id = boxwright.ok("run", "-d", "--network=none", "busybox", "sh", "-c", script)
    eventually(lambda: boxwright("exec", id, "test", "-e", "/d/kept").code == 0)
    for number in range(4):
        boxwright.ok("cp", f"{id}:/d", tmp_path / str(number))
        assert (tmp_path / str(number) / "kept").exists()
        assert "A /d/kept" in boxwright.ok("diff", id).splitlines()
        boxwright.ok("export", "-o", tmp_path / "files.tar", id)
        assert "d/kept" in members((tmp_path / "files.tar").read_bytes())


def test_archives_as_streams(boxwright: Boxwright, tmp_path: Path) -> None:
    box = boxwright.ok("create", "busybox")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        member = tarfile.TarInfo("folder/file")
        member.size, member.uid, member.mode = 3, 77, 0o600
        archive.addfile(member, io.BytesIO(b"abc"))
    boxwright.ok("cp", "-", f"{box}:/home", input=data.getvalue())
    assert inside(boxwright, box, "/home") == ["home", "home/folder", "home/folder/file"]
    boxwright.ok("cp", "-a", f"{box}:/home/folder/file", tmp_path / "file")
    assert (tmp_path / "file").stat().st_uid == 77
    assert boxwright.fails("cp", "-", f"{box}:/etc/passwd", input=data.getvalue()).endswith("/etc/passwd")
    assert "malformed tar" in boxwright.fails("cp", "-", f"{box}:/home", input=b"junk")


def test_hostile_archives_stay_inside(boxwright: Boxwright) -> None:
    box = boxwright.ok("create", "busybox")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
        archive.addfile(link)
        through = tarfile.TarInfo("out/escaped")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
    assert "leads out of" in boxwright.fails("cp", "-", f"{box}:/home", input=data.getvalue())
    assert not Path("/tmp/escaped").exists()


def test_a_volume_is_copied_to_and_from(boxwright: Boxwright, source: Path) -> None:
    box = boxwright.ok("run", "-d", "--network=none", "-v", "vol:/v", "busybox", "sleep", "1000")
    boxwright.ok("cp", source / "file", f"{box}:/v/")
    boxwright.ok("kill", box)
    assert inside(boxwright, box, "/v") == ["v", "v/file"]
    boxwright.ok("rm", box)
    assert boxwright.ok("run", "--rm", "--network=none", "-v", "vol:/x", "busybox", "cat", "/x/file") == "hello"
    boxwright.ok("volume", "rm", "vol")


# ---- diff and export


def test_diff_and_export(boxwright: Boxwright, tmp_path: Path) -> None:
    script = "echo x > /etc/motd; rm /bin/vi; echo x >> /etc/group; mkdir -p /opt/a; chmod 700 /home"
    box = boxwright.ok("run", "-d", "--network=none", "--tmpfs", "/run", "busybox", "sh", "-c", script)
    boxwright.ok("wait", box)
    assert boxwright.ok("diff", box).splitlines() == [
        "C /bin",
        "D /bin/vi",
        "C /etc",
        "C /etc/group",
        "A /etc/motd",
        "C /home",
        "A /opt",
        "A /opt/a",
    ]
    boxwright.ok("export", "-o", tmp_path / "all.tar", box)
    names = members((tmp_path / "all.tar").read_bytes())
    assert {"etc/motd", "opt/a", "bin/busybox", "etc/passwd"} <= set(names)
    # Neither what is gone nor what was only there to be mounted on.
    assert not {"bin/vi", "etc/hosts", "etc/resolv.conf", "run"} & set(names)
    id = boxwright.ok("import", tmp_path / "all.tar", "flat:1", "-c", "CMD cat /etc/motd", "-m", "flattened")
    assert boxwright.ok("run", "--rm", "--network=none", "flat:1") == "x"
    assert boxwright.ok("history", "--format", "{{.Comment}}", id) == "flattened"
    place = tmp_path / "all.tar/x"
    assert boxwright.fails("export", "-o", place, box) == f"cannot write {place}: there is no folder {place.parent}"
    boxwright.ok("rmi", "flat:1")


# ---- commit


def test_commit(boxwright: Boxwright) -> None:
    run = ("--network=none", "-e", "A=1", "-l", "colour=red", "-p", "81", "-w", "/etc")
    boxwright.ok("run", "--name", "work", *run, "busybox", "sh", "-c", "echo by hand > /etc/motd; rm /bin/vi")
    id = boxwright.ok(
        *("commit", "-m", "by hand", "-a", "Ada <ada@example.com>", "-c", "EXPOSE 80/tcp"),
        *("-c", 'CMD ["cat", "motd"]', "-c", "ENV B=$A", "work", "ada/work:1"),
    )
    assert id.startswith("sha256:")
    assert boxwright.ok("run", "--rm", "--network=none", "ada/work:1") == "by hand"
    shown = boxwright.inspect("ada/work:1")
    config = shown["Config"]
    assert (shown["Id"], shown["Author"], shown["Comment"]) == (id, "Ada <ada@example.com>", "by hand")
    assert (config["Cmd"], config["WorkingDir"], config["Labels"]["colour"]) == (["cat", "motd"], "/etc", "red")
    assert {"A=1", "B=1"} <= set(config["Env"])
    assert sorted(config["ExposedPorts"]) == ["80/tcp", "81/tcp"]
    assert shown["Parent"] == boxwright.inspect("busybox")["Id"]
    first, second = boxwright.ok(
        "history", "--format", "{{.Size}} {{.Comment}}|{{.CreatedBy}}", "ada/work:1"
    ).splitlines()
    assert first == "8B by hand|sh -c echo by hand > /etc/motd; rm /bin/vi"
    assert second.startswith("1.98MB") or "MB" in second
    assert boxwright.fails("run", "--rm", "--network=none", "ada/work:1", "vi", code=127)
    boxwright.ok("rm", "work")
    boxwright.ok("rmi", "ada/work:1")
    assert boxwright.ok("images", "-q", "--filter", "dangling=true") == ""


def test_commit_of_a_running_container(boxwright: Boxwright) -> None:
    script = "while :; do date >> /log; sleep 0.01; done"
    box = boxwright.ok("run", "-d", "--network=none", "busybox", "sh", "-c", script)
    for options in ((), ("--pause=false",), ("-p",)):
        id = boxwright.ok("commit", *options, box)
        assert boxwright.state(box) == "running 0"
        boxwright.ok("run", "--rm", "--network=none", id, "test", "-s", "/log")
        boxwright.ok("rmi", id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-c", "RUN x"), "RUN is not a change of the configuration"),
        (("-c", "nonsense"), "unknown instruction: nonsense"),
    ],
)
def test_commit_with_mistakes(boxwright: Boxwright, arguments: tuple[str, ...], message: str) -> None:
    box = boxwright.ok("create", "busybox")
    assert boxwright.fails("commit", *arguments, box) == message
    assert boxwright.fails("commit", box, "BAD").startswith("invalid reference 'BAD'")
    assert boxwright.fails("commit", "nowhere") == "no such container: nowhere"
    assert boxwright.ok("images", "-q", "--filter", "dangling=true") == ""

"""COPY where it meets other instructions, odd names, and attributes that only some sources have."""

from __future__ import annotations

import os
import stat

import pytest

from boxwright.build.failure import StepImpossible
from boxwright.build.placing import DirectoryInTheWay, NotADirectory
from boxwright.build.trees import SourceNotFound
from boxwright.errors import BoxwrightError
from boxwright.layer.diff import measure_layer
from support.building import Workbench

_CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""cap_net_bind_service, as ``setcap`` writes it."""


@pytest.mark.parametrize("instruction", ["COPY", "ADD"])
def test_a_user_never_owns_what_is_copied(bench: Workbench, instruction: str) -> None:
    image = bench.build(f"FROM scratch\nUSER 5:6\n{instruction} f /new/f\n", {"f": ""})
    assert image.owner("/new") == image.owner("/new/f") == (0, 0)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("ünïcode ☺", "/d/ünïcode ☺"),
        ("100%", "/d/100%"),
        ("%s%20", "/d/%s%20"),
        ("a,b;c&d", "/d/a,b;c&d"),
        ("-f", "/d/-f"),
        (".hidden", "/d/.hidden"),
        ("x" * 255, "/d/" + "x" * 255),
        ("a:b@c", "/d/a:b@c"),
    ],
)
@pytest.mark.parametrize("instruction", ["COPY", "ADD"])
def test_names_are_taken_as_they_are(bench: Workbench, instruction: str, source: str, path: str) -> None:
    image = bench.build(f'FROM scratch\n{instruction} ["{source}", "/d/"]\n', {source: "x"})
    assert image.tree() == {path: "x"}


@pytest.mark.parametrize(
    ("instructions", "files"),
    [
        ('WORKDIR /w\nCOPY ["f", ""]', ["/w/", "/w/f"]),
        ('WORKDIR /w\nCOPY ["f", "."]', ["/w/", "/w/f"]),
        ("WORKDIR /w\nENV E=\nCOPY f $E/", ["/f", "/w/"]),
        ("WORKDIR /w\nENV D=x/\nCOPY f ${D}", ["/w/", "/w/x/", "/w/x/f"]),
        ("WORKDIR /w\nCOPY f x/.", ["/w/", "/w/x/", "/w/x/f"]),
        ("COPY ../../f ../../../g", ["/g"]),
        ("COPY . /all", ["/all/", "/all/d/", "/all/d/sub/", "/all/d/sub/s", "/all/d/x", "/all/f"]),
        ("COPY d/../f /", ["/f"]),
        ("COPY **/x /", ["/x"]),
        ("COPY d/** /", ["/s", "/x"]),
        ("COPY **/s /got/", []),
        ("COPY d/[^s] /", ["/x"]),
        ("COPY ? /q/", ["/q/", "/q/f", "/q/sub/", "/q/sub/s", "/q/x"]),
        ("COPY d/\\x /", ["/x"]),
    ],
)
def test_where_things_go(bench: Workbench, instructions: str, files: list[str]) -> None:
    bench.write({".dockerignore": ".dockerignore\n", "f": "f", "d/x": "x", "d/sub/s": "s"})
    assert bench.build(f"FROM scratch\n{instructions}\n").files() == files


@pytest.mark.parametrize(
    ("instructions", "error", "message"),
    [
        ("COPY two /d\nCOPY one /d", DirectoryInTheWay, "cannot replace the directory /d/x with a file"),
        ("COPY f /f\nCOPY one /f", NotADirectory, "cannot copy to non-directory: /f"),
        ("COPY f /f\nCOPY one/x /f/", NotADirectory, "cannot copy to non-directory: /f"),
        ("COPY f nothing /", SourceNotFound, "nothing: not found in the build context"),
        ("COPY f one/../../nothing /", SourceNotFound, "one/../../nothing: not found in the build context"),
        ("COPY one/x/below /", SourceNotFound, "one/x/below: not found in the build context"),
    ],
)
def test_what_does_not_fit(bench: Workbench, instructions: str, error: type[BoxwrightError], message: str) -> None:
    with pytest.raises(error) as caught:
        bench.build(f"FROM scratch\n{instructions}\n", {"f": "", "one/x": "a file", "two/x/y": "a directory"})
    assert caught.value.message == message
    assert caught.value.detail[0] == f"Dockerfile:{1 + len(instructions.splitlines())}"


@pytest.mark.parametrize(
    "instructions", ["COPY loop /", "COPY f /\nCOPY . /d/\nCOPY f /d/loop/x", "WORKDIR /d\nCOPY loop/x /"]
)
def test_links_in_a_circle(bench: Workbench, instructions: str) -> None:
    bench.write({"f": "f"})
    (bench.context / "loop").symlink_to("loop")
    with pytest.raises(StepImpossible, match=r"loop.*: too many levels of symbolic links") as caught:
        bench.build(f"FROM scratch\n{instructions}\n")
    assert caught.value.detail[0] == f"Dockerfile:{1 + len(instructions.splitlines())}"


def test_between_stages_everything_of_a_file_is_kept(bench: Workbench) -> None:
    bench.write({"d/f": "f", "d/sub/g": "g"})
    inside = bench.context / "d"
    os.link(inside / "f", inside / "sub/same")
    os.setxattr(inside / "f", "security.capability", _CAPABILITY)
    os.setxattr(inside / "sub/g", "user.note", b"kept")
    (inside / "f").chmod(0o6751)
    (inside / "sub").chmod(0o3777)
    for path in (inside / "f", inside / "sub"):
        os.utime(path, (1_234_567_890, 1_234_567_890))
    image = bench.build(
        "FROM scratch AS one\nCOPY --chown=3:4 d /d/\nFROM scratch AS two\nCOPY --from=one /d /e/\n"
        "FROM scratch\nCOPY --from=two / /\n"
    )
    assert image.stat("/e/f").st_ino == image.stat("/e/sub/same").st_ino
    assert (image.mode("/e/f"), image.mode("/e/sub")) == (0o6751, 0o3777)
    assert {image.owner(path) for path in ("/e/f", "/e/sub", "/e/sub/g")} == {(3, 4)}
    assert {int(image.stat(path).st_mtime) for path in ("/e/f", "/e/sub")} == {1_234_567_890}
    (layer,) = image.layers
    assert os.getxattr(layer / "e/f", "security.capability")[:12] == _CAPABILITY[:12]
    assert os.getxattr(layer / "e/sub/g", "user.note") == b"kept"
    assert measure_layer(layer).diff_id == image.snapshots[0].diff_id


def test_pipes_and_devices_come_from_a_stage_as_they_are(bench: Workbench) -> None:
    bench.write({"d/": ""})
    os.mkfifo(bench.context / "d/pipe", 0o600)
    os.mknod(bench.context / "d/null", 0o020666, os.makedev(1, 3))
    image = bench.build("FROM scratch AS one\nCOPY d /d/\nFROM scratch\nCOPY --from=one /d /d/\n")
    assert stat.S_ISFIFO(image.stat("/d/pipe").st_mode)
    assert image.stat("/d/null").st_rdev == os.makedev(1, 3)


def test_the_time_of_a_file_is_the_contexts_also_from_the_cache(bench: Workbench) -> None:
    bench.write({"f": "f"})
    os.utime(bench.context / "f", (1_500_000_000, 1_500_000_000))
    first = bench.build("FROM scratch\nCOPY f /\n")
    os.utime(bench.context / "f", (1_600_000_000, 1_600_000_000))
    second = bench.build("FROM scratch\nCOPY f /\n")
    assert second.cached() == [True]
    assert int(first.stat("/f").st_mtime) == int(second.stat("/f").st_mtime) == 1_500_000_000


def test_the_ignore_file_is_about_the_context_alone(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch AS one\nRUN write /x.log log && write /keep/y.log log\n"
        "FROM scratch\nCOPY --from=one / /\nCOPY . /context/\n",
        {".dockerignore": "**/*.log\nkeep\n.dockerignore\n", "x.log": "", "keep/z": "", "f": "f"},
    )
    assert image.tree() == {"/x.log": "log", "/keep/y.log": "log", "/context/f": "f"}


def test_a_volume_takes_files_like_any_other_directory(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nVOLUME /v\nCOPY f /v/\nRUN write /v/run run\nVOLUME /never/made\n", {"f": "f"})
    assert image.tree() == {"/v/f": "f", "/v/run": "run"}
    assert "/never/" not in image.files()
    assert image.config.config.volumes == ("/never/made", "/v")


def test_a_volume_may_name_a_file(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY f /v\nVOLUME /v\nRUN say fine\n", {"f": "f"})
    assert image.tree() == {"/v": "f"}


def test_a_variable_is_there_from_its_line_on(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch\nRUN env /before A && env /envbefore E\nCOPY f /x$A\nARG A=1\nENV E=$A\nRUN env /after A && "
        "env /envafter E\nCOPY f /x$A\nARG A=2\nRUN env /again A\n",
        {"f": ""},
    )
    tree = image.tree()
    assert (tree["/before"], tree["/envbefore"]) == ("unset", "unset")
    assert (tree["/after"], tree["/envafter"], tree["/again"]) == ("1", "1", "2")
    assert {"/x", "/x1"} <= set(tree)


@pytest.mark.parametrize(
    ("instructions", "working_dir", "made"),
    [
        ("WORKDIR /a/", "/a", ["/a/"]),
        ("WORKDIR /a//b/./c/..", "/a/b", ["/a/", "/a/b/"]),
        ("WORKDIR a\nWORKDIR b", "/a/b", ["/a/", "/a/b/"]),
        ("WORKDIR /a\nWORKDIR /", "/", ["/a/"]),
        ("WORKDIR ../..", "/", []),
        ("ENV D=/x\nWORKDIR $D/$NO/y", "/x/y", ["/x/", "/x/y/"]),
        ('WORKDIR "/a b"', "/a b", ["/a b/"]),
        ("WORKDIR /a b", "/a b", ["/a b/"]),
    ],
)
def test_workdir(bench: Workbench, instructions: str, working_dir: str, made: list[str]) -> None:
    image = bench.build(f'FROM scratch\nCMD ["kept"]\n{instructions}\n')
    assert (image.config.config.working_dir, image.files()) == (working_dir, made)
    assert image.config.config.cmd == ("kept",)
    assert all((image.mode(path), image.owner(path)) == (0o755, (0, 0)) for path in made)


def test_workdir_leaves_what_is_there_as_it_is(bench: Workbench) -> None:
    bench.write({"d/sub/f": "f"})
    (bench.context / "d/sub").chmod(0o700)
    image = bench.build("FROM scratch\nCOPY --chown=7:8 d /d/\nUSER 5:6\nWORKDIR /d/sub\nWORKDIR new/er\n")
    assert (image.mode("/d/sub"), image.owner("/d/sub")) == (0o700, (7, 8))
    assert image.owner("/d/sub/new") == image.owner("/d/sub/new/er") == (5, 6)
    assert image.tree() == {"/d/sub/f": "f"}

"""Images from the command line: names, lists, removal, archives, history."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime]

_LABELLED = 'FROM busybox\nLABEL colour={0}\nRUN echo {0} > /colour\nCMD ["cat", "/colour"]\n'


def build(boxwright: Boxwright, name: str, colour: str) -> str:
    return boxwright.ok("build", "-q", "-t", name, "-", input=_LABELLED.format(colour))


@pytest.fixture(autouse=True)
def only_busybox(boxwright: Boxwright) -> Iterator[None]:
    """Every test starts with the image busybox and no other one."""
    yield
    containers = boxwright.ok("ps", "-aq").split()
    if containers:
        boxwright.ok("rm", "-f", *containers)
    names = boxwright.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    boxwright("rmi", "-f", *(name for name in names if name != "busybox:latest" and "<none>" not in name))
    boxwright.ok("image", "prune", "-f")
    assert boxwright.ok("images", "-a", "--format", "{{.Repository}}") == "busybox"


def tagged(boxwright: Boxwright) -> list[str]:
    return sorted(boxwright.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split())


# ---- lists


def test_the_table(boxwright: Boxwright) -> None:
    heading, line = boxwright.ok("images").splitlines()
    assert heading == "REPOSITORY   TAG       IMAGE ID       CREATED        SIZE" or heading.split() == [
        *("REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"),
    ]
    assert re.fullmatch(r"busybox      latest    [0-9a-f]{12}   .+ ago +[\d.]+MB", line)
    assert "DIGEST" in boxwright.ok("images", "--digests").splitlines()[0]
    id = boxwright.ok("images", "-q", "--no-trunc")
    assert re.fullmatch("sha256:[0-9a-f]{64}", id)
    assert boxwright.ok("images", "--format", "{{.ID}}") == id[7:19]
    row = json.loads(boxwright.ok("images", "--format", "json"))
    assert (row["Repository"], row["Tag"], row["Digest"], row["ID"]) == ("busybox", "latest", "<none>", id[7:19])
    assert boxwright.ok("image", "ls", "-q") == id[7:19]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), "<none>:<none> ada/red:1 ada/red:latest blue:latest busybox:latest"),
        (("ada/red",), "ada/red:1 ada/red:latest"),
        (("ada/red:1",), "ada/red:1"),
        (("ada/*",), "ada/red:1 ada/red:latest"),
        (("ada",), ""),
        (("docker.io/library/busybox",), "busybox:latest"),
        (("--filter", "reference=*:latest"), "blue:latest busybox:latest"),
        (("--filter", "reference=b*", "--filter", "reference=ada/red:1"), "ada/red:1 blue:latest busybox:latest"),
        (("--filter", "label=colour"), "<none>:<none> ada/red:1 ada/red:latest blue:latest"),
        (("--filter", "label=colour=blue"), "blue:latest"),
        (("--filter", "before=blue"), "busybox:latest"),
        (("--filter", "since=busybox"), "<none>:<none> ada/red:1 ada/red:latest blue:latest"),
        (("--filter", "dangling=true"), "<none>:<none>"),
        (("--filter", "dangling=false"), "ada/red:1 ada/red:latest blue:latest busybox:latest"),
        (("--filter", "until=2000-01-01"), ""),
        (("-a", "--filter", "label=colour=green"), "<none>:<none>"),
    ],
)
def test_filters(boxwright: Boxwright, arguments: tuple[str, ...], names: str) -> None:
    build(boxwright, "blue", "blue")
    build(boxwright, "ada/red:1", "green")
    build(boxwright, "ada/red:1", "red")  # takes the name, and leaves the green one without
    boxwright.ok("tag", "ada/red:1", "ada/red")
    found = sorted(boxwright.ok("images", *arguments, "--format", "{{.Repository}}:{{.Tag}}").split())
    assert found == names.split()


def test_filters_that_make_no_sense(boxwright: Boxwright) -> None:
    assert boxwright.fails("images", "--filter", "odd=1") == "invalid filter 'odd'"
    assert boxwright.fails("images", "--filter", "dangling=maybe").startswith("invalid filter dangling=maybe")
    assert boxwright.fails("images", "--filter", "before=nowhere") == "no such image: nowhere"


def test_history_and_inspect(boxwright: Boxwright) -> None:
    id = build(boxwright, "red", "red")
    rows = [json.loads(line) for line in boxwright.ok("history", "--format", "json", "red").splitlines()]
    assert [row["Size"] for row in rows[:3]] == ["0B", "4B", "0B"]
    assert rows[0]["ID"] == id[7:19]
    assert "RUN" in rows[1]["CreatedBy"] or "echo red" in rows[1]["CreatedBy"]
    assert rows[-1]["Size"].endswith("MB")
    assert boxwright.ok("history", "-q", "--no-trunc", "red").splitlines()[0] == id
    raw = boxwright.ok("history", "-H=false", "--format", "{{.Size}}", "red").split()
    total = sum(map(int, raw))
    shown = boxwright.inspect("red")
    assert (shown["Size"], shown["Id"], shown["RepoTags"]) == (total, id, ["red:latest"])
    assert (shown["Os"], shown["Config"]["Cmd"], len(shown["RootFS"]["Layers"])) == ("linux", ["cat", "/colour"], 2)
    for text in (id, id[7:], id[7:19], id[:19], "red:latest", "docker.io/library/red"):
        assert boxwright.ok("inspect", "-f", "{{.Id}}", text) == id


# ---- names


def test_tags(boxwright: Boxwright) -> None:
    id = boxwright.ok("images", "-q", "--no-trunc")
    for name in ("other", "ada/other:1.0", "localhost:5000/ada/x:y", f"registry.example/{'a' * 60}"):
        assert boxwright.ok("tag", "busybox", name) == ""
        assert boxwright.ok("inspect", "-f", "{{.Id}}", name) == id
    boxwright.ok("tag", id[7:15], "by-id")
    assert len(tagged(boxwright)) == 6
    assert len(boxwright.inspect("busybox")["RepoTags"]) == 6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("Upper", "invalid reference 'Upper': repository names are lower case"),
        ("a//b", "invalid reference 'a//b'"),
        ("a:", "invalid reference 'a:'"),
        ("", "invalid reference ''"),
        (f"a@sha256:{'0' * 64}", f"a@sha256:{'0' * 64} has a digest, and a name for an image has none"),
        ("0" * 64, f"invalid reference '{'0' * 64}'"),
    ],
)
def test_names_that_are_none(boxwright: Boxwright, target: str, message: str) -> None:
    assert boxwright.fails("tag", "busybox", target).startswith(message)
    assert boxwright.fails("tag", "nowhere", "x") == "no such image: nowhere"


# ---- removal


def test_removing_names_and_images(boxwright: Boxwright) -> None:
    id = build(boxwright, "red", "red")
    boxwright.ok("tag", "red", "crimson:1")
    boxwright.ok("tag", "red", "localhost:5000/red")
    by_id = boxwright.fails("rmi", id)
    assert by_id == f"cannot remove image {id[7:19]}: 3 names refer to it"
    assert boxwright.ok("rmi", "crimson:1") == "Untagged: crimson:1"
    assert boxwright.fails("rmi", "crimson:1") == "no such image: crimson:1"
    assert boxwright.ok("rmi", "localhost:5000/red") == "Untagged: localhost:5000/red:latest"
    removed = boxwright.ok("rmi", "red").splitlines()
    assert removed[:2] == ["Untagged: red:latest", f"Deleted: {id}"]
    assert all(line.startswith("Deleted: sha256:") for line in removed[1:])
    assert tagged(boxwright) == ["busybox:latest"]


def test_removing_by_id_takes_all_names_with_force(boxwright: Boxwright) -> None:
    id = build(boxwright, "red", "red")
    boxwright.ok("tag", "red", "ada/red:2")
    lines = boxwright.ok("rmi", "-f", id[7:19]).splitlines()
    assert sorted(lines[:2]) == ["Untagged: ada/red:2", "Untagged: red:latest"]
    assert tagged(boxwright) == ["busybox:latest"]


def test_what_is_in_the_way(boxwright: Boxwright) -> None:
    id = build(boxwright, "red", "red")
    stopped = boxwright.ok("create", "--name", "stopped", "red")
    for name in ("red", id):
        message = boxwright.fails("rmi", name)
        assert message.endswith(f"container stopped ({stopped[:12]}) was made from it"), message
    boxwright.ok("rm", "stopped")
    boxwright.ok("run", "-d", "--network=none", "--name", "runs", "red", "sleep", "1000")
    message = boxwright.fails("rmi", "-f", id)
    assert "container runs (" in message
    assert message.endswith("is running it")
    # A name may go all the same; the container shows the ID from then on.
    boxwright.ok("rmi", "-f", "red")
    assert boxwright.ok("ps", "--format", "{{.Image}}") == id[7:19]
    boxwright.ok("rm", "-f", "runs")
    boxwright.ok("rmi", id)


def test_an_image_that_was_committed_holds_its_base(boxwright: Boxwright) -> None:
    base = boxwright.ok("images", "-q", "busybox")
    box = boxwright.ok("create", "busybox")
    child = boxwright.ok("commit", box, "child")
    boxwright.ok("rm", box)
    assert boxwright.fails("rmi", "-f", base) == f"cannot remove image {base}: image {child[7:19]} was made from it"


def test_a_stopped_container_outlives_its_image(boxwright: Boxwright) -> None:
    build(boxwright, "red", "red")
    boxwright.ok("create", "--network=none", "--name", "stopped", "red")
    boxwright.ok("rmi", "-f", "red")
    assert boxwright("start", "-a", "stopped").out == "red\n"  # its layers are still there
    boxwright.ok("rm", "stopped")


def test_removing_several(boxwright: Boxwright) -> None:
    build(boxwright, "red", "red")
    result = boxwright("rmi", "nowhere", "red")
    assert (result.code, "Untagged: red:latest" in result.out) == (1, True)
    assert boxwright("rmi", "-f", "nowhere").code == 0  # gone is what was wanted


def test_prune(boxwright: Boxwright) -> None:
    build(boxwright, "red", "green")
    build(boxwright, "red", "red")
    build(boxwright, "blue", "blue")
    boxwright.ok("create", "--name", "user", "blue")
    assert boxwright("image", "prune", input="n\n").code == 0
    assert len(boxwright.ok("images", "-q").split()) == 4
    report = boxwright.ok("image", "prune", "-f")
    assert report.startswith("Deleted Images:\ndeleted: sha256:")
    assert re.search(r"Total reclaimed space: [\d.]+k?B$", report)
    assert tagged(boxwright) == ["blue:latest", "busybox:latest", "red:latest"]
    boxwright.ok("image", "prune", "-af", "--filter", "label=colour=red")
    assert tagged(boxwright) == ["blue:latest", "busybox:latest"]
    boxwright.ok("image", "prune", "-af", "--filter", "until=1h", "--filter", "label=colour")
    assert tagged(boxwright) == ["blue:latest", "busybox:latest"]


# ---- archives


def test_save_and_load(boxwright: Boxwright, tmp_path: Path) -> None:
    red, blue = build(boxwright, "red", "red"), build(boxwright, "blue:1", "blue")
    boxwright.ok("tag", "red", "red:2")
    archive = tmp_path / "both.tar"
    boxwright.ok("save", "-o", archive, "red", "blue:1")
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
    assert sorted(tag for image in manifest for tag in image["RepoTags"]) == ["blue:1", "red:2", "red:latest"]
    boxwright.ok("rmi", "red", "red:2", "blue:1")
    loaded = boxwright.ok("load", "-i", archive).splitlines()
    assert sorted(loaded) == ["Loaded image: blue:1", "Loaded image: red:2", "Loaded image: red:latest"]
    assert [boxwright.inspect(name)["Id"] for name in ("red", "blue:1")] == [red, blue]
    assert boxwright.ok("run", "--rm", "--network=none", "red:2") == "red"
    assert boxwright.ok("load", "-q", input=archive.read_bytes()).splitlines() == loaded  # again, from a pipe


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_archives_through_pipes_and_compression(boxwright: Boxwright, form: str) -> None:
    id = build(boxwright, "red", "red")
    saved = subprocess.run(
        [*boxwright.command, "save", "--format", form, "red"], env=boxwright.env, capture_output=True, check=True
    ).stdout
    boxwright.ok("rmi", "red")
    packed = subprocess.run(["gzip"], input=saved, capture_output=True, check=True).stdout
    assert boxwright.ok("load", input=packed) == "Loaded image: red:latest"
    assert boxwright.inspect("red")["Id"] == id


def test_an_image_without_a_name_is_saved_by_its_id(boxwright: Boxwright, tmp_path: Path) -> None:
    id = build(boxwright, "red", "red")
    boxwright.ok("save", "-o", tmp_path / "x.tar", id)
    boxwright.ok("rmi", "red")
    assert boxwright.ok("load", "-i", tmp_path / "x.tar") == f"Loaded image ID: {id}"
    boxwright.ok("rmi", id)


def test_archives_that_are_none(boxwright: Boxwright, tmp_path: Path) -> None:
    for junk in (b"", b"junk", b"\x1f\x8bjunk", bytes(10240)):
        assert boxwright.fails("load", input=junk)
    assert boxwright.fails("save", "-o", tmp_path / "x.tar", "nowhere") == "no such image: nowhere"
    assert not (tmp_path / "x.tar").exists()
    assert boxwright.ok("fsck") == "the store is clean"


def test_import(boxwright: Boxwright, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "file").write_text("x" * 27)
    tar = subprocess.run(["tar", "-C", tmp_path, "-c", "bin", "file"], capture_output=True, check=True).stdout
    id = boxwright.ok("import", "-c", "ENTRYPOINT /x", "-c", "ENV A=1", "-m", "by hand", "-", "made:1", input=tar)
    shown = boxwright.inspect("made:1")
    assert (shown["Id"], shown["Size"], shown["Comment"]) == (id, 27, "by hand")  # bytes of content, not of the tar
    assert shown["Config"]["Env"] == ["A=1"]
    assert boxwright.ok("images", "--format", "{{.Size}}", "made") == "27B"
    assert boxwright.ok("history", "--format", "{{.Size}}", "made:1") == "27B"
    assert boxwright.ok("import", "-", input=tar).startswith("sha256:")
    assert "malformed tar" in boxwright.fails("import", "-", input=b"junk" * 200)
    assert boxwright.fails("import", tmp_path / "nowhere")

"""Where COPY puts what, and with which attributes. Every build is from nothing, and its real layers are looked at."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from boxwright.build.placing import DirectoryInTheWay, NotADirectory, SeveralSources
from boxwright.build.trees import SourceNotFound
from boxwright.dockerfile.source import DockerfileError
from boxwright.errors import BoxwrightError
from boxwright.host.passwd import UnknownUser
from boxwright.layer.diff import measure_layer
from support.building import Workbench

FILES = {
    "f": "f",
    "a.go": "a",
    "b.go": "b",
    "dir/x": "x",
    "dir/sub/y": "y",
    "sub/dir1/one": "1",
    "sub/dir2/foo": "foo",
    "arr[0].txt": "bracket",
    "with space": "space",
    "dir_file": "sibling",
}

# instructions after FROM scratch → the files that the image has
PLACES: list[tuple[str, dict[str, str]]] = [
    ("COPY f /", {"/f": "f"}),
    ("COPY f /g", {"/g": "f"}),
    ("COPY f /g/", {"/g/f": "f"}),
    ("COPY f g", {"/g": "f"}),
    ("COPY f .", {"/f": "f"}),
    ("COPY f /a/b/c", {"/a/b/c": "f"}),
    ("COPY dir /d", {"/d/x": "x", "/d/sub/y": "y"}),
    ("COPY dir /d/", {"/d/x": "x", "/d/sub/y": "y"}),
    ("COPY dir/ /", {"/x": "x", "/sub/y": "y"}),
    ("COPY dir/x /d", {"/d": "x"}),
    ("COPY f a.go /d/", {"/d/f": "f", "/d/a.go": "a"}),
    ("COPY *.go /g/", {"/g/a.go": "a", "/g/b.go": "b"}),
    ("COPY a*.go foo2.go", {"/foo2.go": "a"}),
    ("COPY sub/* /s/", {"/s/one": "1", "/s/foo": "foo"}),
    ("COPY sub/*/foo /d3/bar", {"/d3/bar": "foo"}),
    ("COPY arr[[]0].txt /n/", {"/n/arr[0].txt": "bracket"}),
    ('COPY ["with space", "/w p"]', {"/w p": "space"}),
    ("COPY ../f /x/../../f", {"/f": "f"}),
    ("COPY /f /g", {"/g": "f"}),
    ("COPY ./dir/../f /g", {"/g": "f"}),
    ("COPY nothing* /n/", {}),
    ("WORKDIR /w\nCOPY f .", {"/w/f": "f"}),
    ("WORKDIR /w\nCOPY f sub/", {"/w/sub/f": "f"}),
    ("WORKDIR /w\nCOPY f ../g", {"/g": "f"}),
    ("COPY dir /d\nCOPY f /d", {"/d/x": "x", "/d/sub/y": "y", "/d/f": "f"}),
    ("COPY dir /d\nCOPY sub/dir1 /d/sub", {"/d/x": "x", "/d/sub/y": "y", "/d/sub/one": "1"}),
    ("COPY dir /d\nCOPY f a.go /d", {"/d/x": "x", "/d/sub/y": "y", "/d/f": "f", "/d/a.go": "a"}),
    ("COPY f /g\nCOPY a.go /g", {"/g": "a"}),
    ("ENV D=/e N=f\nCOPY $N $D/${N}2", {"/e/f2": "f"}),
    ("ENV D=out/\nCOPY f $D", {"/out/f": "f"}),
]


@pytest.mark.parametrize(("instructions", "expected"), PLACES, ids=[case[0] for case in PLACES])
def test_places(bench: Workbench, instructions: str, expected: dict[str, str]) -> None:
    assert bench.build(f"FROM scratch\n{instructions}\n", FILES).tree() == expected


@pytest.mark.usefixtures("deep")
def test_a_destination_deeper_than_pythons_stack(bench: Workbench) -> None:
    folder = "/n" * 1000
    assert bench.build(f"FROM scratch\nCOPY f {folder}/\n", FILES).tree() == {f"{folder}/f": "f"}


REFUSALS: list[tuple[str, type[BoxwrightError], str]] = [
    ("COPY missing /m", SourceNotFound, "missing: not found in the build context"),
    ("COPY dir/missing /m", SourceNotFound, "dir/missing: not found"),
    ("COPY f a.go /d", SeveralSources, "must be a directory and end with a /"),
    ("COPY f dir /d", SeveralSources, "more than one source file"),
    ("COPY *.go /d", SeveralSources, "more than one source file"),
    ("COPY f /g\nCOPY dir /g", NotADirectory, "cannot copy to non-directory: /g"),
    ("COPY f /g\nCOPY f /g/", NotADirectory, "/g"),
    ("COPY f /g\nCOPY f /g/h", NotADirectory, "/g"),
    ("COPY dir /d\nCOPY dir/x /d/sub/\nCOPY trap /d", DirectoryInTheWay, "/d/sub"),
    ("COPY --chown=nobody f /", UnknownUser, "nobody"),
    ("COPY --chmod=64a f /", DockerfileError, "invalid chmod parameter: '64a'"),
    ("COPY https://example.com/f /", DockerfileError, "source can't be a URL for COPY"),
    ("COPY git@example.com:r.git /", DockerfileError, "source can't be a URL for COPY"),
    ("COPY --exclude=[a f /", DockerfileError, "syntax error in pattern: [a"),
    ("COPY --parents dir/./missing /d/", SourceNotFound, "dir/./missing: not found in the build context"),
    ("COPY --parents nowhere/./x /d/", SourceNotFound, "nowhere/./x: not found"),
    ("COPY --link --chown=root f /", UnknownUser, "root"),
    ("ADD --checksum=sha256:00 https://example.com/f /", DockerfileError, "invalid checksum sha256:00"),
    (f"ADD --checksum=sha256:{'0' * 64} f /", DockerfileError, "checksum requires HTTP(S) or Git sources"),
    ("ADD --checksum=x f a.go /", DockerfileError, "checksum can't be specified for multiple sources"),
    ("ADD --checksum=main https://example.com/r.git /", DockerfileError, "invalid checksum main"),
    (
        "ADD --checksum=1111111 https://example.com/r.git?checksum=2222222 /",
        DockerfileError,
        "checksum mismatch: 1111111, 2222222",
    ),
    ("ADD https://example.com/r.git#--x /", DockerfileError, "cannot be the name of a branch"),
    (
        "ADD --keep-git-dir=false https://example.com/r.git?keep-git-dir=1 /",
        DockerfileError,
        "inconsistent keep-git-dir configuration",
    ),
]


@pytest.mark.parametrize(("instructions", "kind", "message"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refusals(bench: Workbench, instructions: str, kind: type[BoxwrightError], message: str) -> None:
    with pytest.raises(kind) as caught:
        bench.build(f"FROM scratch\n{instructions}\n", {**FILES, "trap/sub": "a file"})
    assert message in caught.value.message
    assert any(line.startswith("Dockerfile:") for line in caught.value.detail), "the place is told"


def test_an_ignored_source_says_which_line_excludes_it(bench: Workbench) -> None:
    with pytest.raises(SourceNotFound) as caught:
        bench.build("FROM scratch\nCOPY secret.key /\n", {"secret.key": "", ".dockerignore": "# keys\n*.key\n"})
    assert caught.value.hint == ".dockerignore:2 excludes it: *.key"


def test_files_of_the_context_belong_to_root(bench: Workbench) -> None:
    bench.write({"dir/x": "x"})
    os.chown(bench.context / "dir", 1234, 1234)
    os.chown(bench.context / "dir/x", 1234, 1234)
    image = bench.build("FROM scratch\nCOPY dir /d\n")
    assert image.owner("/d") == image.owner("/d/x") == (0, 0)


def test_modes_and_times_are_kept(bench: Workbench) -> None:
    bench.write({"dir/x": "x", "dir/s/y": "y"})
    (bench.context / "dir/x").chmod(0o4751)
    (bench.context / "dir/s").chmod(0o1777)
    os.utime(bench.context / "dir/x", (1_600_000_000, 1_600_000_000))
    os.utime(bench.context / "dir/s", (1_500_000_000, 1_500_000_000))
    image = bench.build("FROM scratch\nCOPY dir /d\n")
    assert (image.mode("/d/x"), image.mode("/d/s")) == (0o4751, 0o1777)
    assert (int(image.stat("/d/x").st_mtime), int(image.stat("/d/s").st_mtime)) == (1_600_000_000, 1_500_000_000)


@pytest.mark.parametrize(
    ("flags", "owner", "mode", "parent_owner", "parent_mode"),
    [
        ("", (0, 0), 0o640, (0, 0), 0o755),
        ("--chown=1000", (1000, 1000), 0o640, (1000, 1000), 0o755),
        ("--chown=1000:5", (1000, 5), 0o640, (1000, 5), 0o755),
        ("--chmod=777", (0, 0), 0o777, (0, 0), 0o777),
        ("--chmod=0444 --chown=7:8", (7, 8), 0o444, (7, 8), 0o444),
    ],
)
def test_flags(
    bench: Workbench, flags: str, owner: tuple[int, int], mode: int, parent_owner: tuple[int, int], parent_mode: int
) -> None:
    bench.write({"f": ""})
    (bench.context / "f").chmod(0o640)
    image = bench.build(f"FROM scratch\nCOPY {flags} f /new/parent/f\n")
    assert (image.owner("/new/parent/f"), image.mode("/new/parent/f")) == (owner, mode)
    for parent in ("/new", "/new/parent"):
        assert (image.owner(parent), image.mode(parent)) == (parent_owner, parent_mode)


def test_the_root_is_nobodys_implicit_parent(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY --chown=5:6 --chmod=600 f /new/f\n", {"f": ""})
    assert (image.mode("/"), image.owner("/")) == (0o755, (0, 0))


def test_chown_by_name_asks_the_image(bench: Workbench) -> None:
    passwd, group = "root:x:0:0::/:\napp:x:501:502::/:\n", "root:x:0:\nstaff:x:77:\n"
    image = bench.build(
        "FROM scratch\nCOPY etc /etc\nCOPY --chown=app f /1\nCOPY --chown=app:staff f /2\n",
        {"etc/passwd": passwd, "etc/group": group, "f": ""},
    )
    assert (image.owner("/1"), image.owner("/2")) == ((501, 502), (501, 77))


def test_an_existing_destination_keeps_its_attributes_and_nested_ones_take_the_sources(bench: Workbench) -> None:
    bench.write({"old/d/sub/x": "x", "new/sub/y": "y"})
    for path, mode, when in (("old/d", 0o700, 1), ("old/d/sub", 0o701, 2), ("new", 0o755, 3), ("new/sub", 0o711, 4)):
        (bench.context / path).chmod(mode)
        os.utime(bench.context / path, (1_500_000_000 + when,) * 2)
    image = bench.build("FROM scratch\nCOPY --chown=5:6 old /\nCOPY new /d\n")
    assert (image.mode("/d"), image.owner("/d"), int(image.stat("/d").st_mtime)) == (0o700, (5, 6), 1_500_000_001)
    assert (image.mode("/d/sub"), image.owner("/d/sub")) == (0o711, (0, 0))
    assert image.tree() == {"/d/sub/x": "x", "/d/sub/y": "y"}


def test_a_directory_that_is_copied_gives_its_content_alone(bench: Workbench) -> None:
    bench.write({"d/sub/x": "x"})
    for path in ("d", "d/sub"):
        (bench.context / path).chmod(0o1750)
    image = bench.build(
        "FROM scratch AS one\nCOPY --chown=1:1 d /e/d\nFROM scratch\nCOPY d /d\nCOPY --from=one /e/d /f\n"
    )
    assert [(image.mode(path), image.owner(path)) for path in ("/d", "/d/sub", "/f", "/f/sub")] == [
        (0o755, (0, 0)),
        (0o1750, (0, 0)),
        (0o755, (0, 0)),
        (0o1750, (1, 1)),
    ]


def test_links_in_the_context(bench: Workbench) -> None:
    bench.write({"real/x": "x", "dir/": ""})
    (bench.context / "link").symlink_to("real/x")
    (bench.context / "linked").symlink_to("real")
    (bench.context / "dir/inner").symlink_to("/etc/passwd")
    (bench.context / "escape").symlink_to("../../../../../../real/x")
    image = bench.build("FROM scratch\nCOPY link /\nCOPY linked /l\nCOPY linked/x /v\nCOPY dir /d\nCOPY escape /\n")
    assert image.tree() == {
        "/link": "x",
        "/l/x": "x",
        "/v": "x",
        "/d/inner": "-> /etc/passwd",
        "/escape": "x",
    }


def test_a_destination_behind_a_link_in_the_image(bench: Workbench) -> None:
    bench.write({"root/run/": "", "root/var/": "", "f": "f"})
    (bench.context / "root/var/run").symlink_to("/run")
    (bench.context / "root/dangling").symlink_to("/made/later")
    (bench.context / "root/out").symlink_to("../../../../tmp")
    image = bench.build("FROM scratch\nCOPY root /\nCOPY f /var/run/\nCOPY f /dangling/\nCOPY f /out/g\n")
    tree = image.tree()
    assert (tree["/run/f"], tree["/made/later/f"], tree["/tmp/g"]) == ("f", "f", "f")
    assert tree["/var/run"] == "-> /run"


def test_types_that_clash(bench: Workbench) -> None:
    bench.write({"one/": "", "one/target/t": "t", "two/link/x": "x", "three/": ""})
    (bench.context / "one/link").symlink_to("target")
    (bench.context / "three/link").symlink_to("elsewhere")
    over = bench.build("FROM scratch\nCOPY one /d\nCOPY two /d\n")
    assert over.tree() == {"/d/target/t": "t", "/d/link/x": "x"}, "a directory takes a nested link's place"
    under = bench.build("FROM scratch\nCOPY two /d\nCOPY three /d\n")
    assert under.tree() == {"/d/link": "-> elsewhere"}


def test_names_that_are_copied_one_by_one_become_files_of_their_own(bench: Workbench) -> None:
    bench.write({"a": "a"})
    os.link(bench.context / "a", bench.context / "b")
    image = bench.build("FROM scratch\nCOPY a b /d/\n")
    assert image.stat("/d/a").st_nlink == image.stat("/d/b").st_nlink == 1


def test_hard_links_stay_one_file(bench: Workbench) -> None:
    bench.write({"d/b": "same", "f": ""})
    os.link(bench.context / "d/b", bench.context / "d/a")
    image = bench.build("FROM scratch AS one\nCOPY d /d\nFROM scratch\nCOPY --from=one /d /e\n")
    assert image.stat("/e/a").st_ino == image.stat("/e/b").st_ino
    assert image.snapshots[0].size < 10 * 512


def test_a_socket_becomes_an_empty_file(bench: Workbench, tmp_path: Path) -> None:
    bench.write({"d/": ""})
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(bench.context / "d", os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/s")
        finally:
            os.close(here)
        assert bench.build("FROM scratch\nCOPY d /d\n").tree() == {"/d/s": ""}


def test_from_a_stage_keeps_everything(bench: Workbench) -> None:
    bench.write({"f": "f"})
    (bench.context / "f").chmod(0o4755)
    os.utime(bench.context / "f", (1_234_567_890, 1_234_567_890))
    image = bench.build(
        "FROM scratch AS one\nCOPY --chown=3:4 f /a/f\nWORKDIR /a\n"
        "FROM scratch\nCOPY --from=one a/f /1\nCOPY --from=0 /a /2\nCOPY --from=ONE --chown=9:9 /a/f /3\n"
    )
    assert (image.owner("/1"), image.mode("/1"), int(image.stat("/1").st_mtime)) == ((3, 4), 0o4755, 1_234_567_890)
    assert image.owner("/2/f") == (3, 4)
    assert image.owner("/3") == (9, 9)


def test_from_a_stage_a_missing_source_is_named(bench: Workbench) -> None:
    with pytest.raises(SourceNotFound, match="nope: not found in stage 0"):
        bench.build("FROM scratch AS one\nCOPY f /\nFROM scratch\nCOPY --from=one /nope /\n", {"f": ""})


def test_from_an_image(bench: Workbench) -> None:
    bench.build("FROM scratch\nCOPY f /lib/f\n", {"f": "from the image"}, tag="tools")
    image = bench.build("FROM scratch\nCOPY --from=tools /lib/f /got\n")
    assert image.tree() == {"/got": "from the image"}


def test_the_layer_written_is_the_layer_measured(bench: Workbench) -> None:
    bench.write({"d/" + name: name * 700 for name in ("a", "a-b", "a/b".replace("/", "."), "z", "é", "ü" * 60)})
    bench.write({"d/deep/" + "x" * 120 + "/" + "y" * 120: "long", "d/deep/big": os.urandom(3 << 20)})
    (bench.context / "d/l").symlink_to("t" * 200)
    os.link(bench.context / "d/z", bench.context / "d/hard")
    os.mkfifo(bench.context / "d/fifo")
    os.utime(bench.context / "d/a", ns=(1_700_000_000_123_456_789,) * 2)
    os.setxattr(bench.context / "d/z", "user.note", b"kept")
    image = bench.build("FROM scratch\nCOPY d /d/\nCOPY d/deep /d/sub/deep\nWORKDIR /w/x\n")
    for snapshot, layer in zip(image.snapshots, image.layers, strict=True):
        measured = measure_layer(layer)
        assert (measured.diff_id, measured.size) == (snapshot.diff_id, snapshot.size)


def test_many_files_by_several_threads_are_the_same_layer(bench: Workbench) -> None:
    bench.write({f"d/{index % 7}/{index}": str(index) * index for index in range(700)})
    image = bench.build("FROM scratch\nCOPY d /d/\n")
    assert measure_layer(image.layers[0]).diff_id == image.snapshots[0].diff_id
    assert image.read("/d/6/699") == "699" * 699


def test_an_ignored_dockerfile_is_read_but_not_copied(bench: Workbench) -> None:
    from boxwright.build.context import local_context

    bench.write({"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "Dockerfile\n.dockerignore\n", "f": "f"})
    assert bench.build("", context=local_context(str(bench.context))).tree() == {"/f": "f"}


def test_exceptions_bring_back_single_files(bench: Workbench) -> None:
    files = {".dockerignore": "*\n!dir/x\n!keep\n", "f": "", "dir/x": "x", "dir/y": "", "keep/a": "a", "empty/z": ""}
    image = bench.build("FROM scratch\nCOPY . /\n", files)
    assert image.files() == ["/dir/", "/dir/x", "/keep/", "/keep/a"]

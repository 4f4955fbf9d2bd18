"""ADD of local archives: unpacked by what is in them, inside the image's root."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
import zstandard

from boxwright.build.placing import NotADirectory
from boxwright.errors import CorruptError
from boxwright.layer.diff import measure_layer
from support.building import Workbench


def make_tar(**members: str | tuple[str, str] | None) -> bytes:
    """A tar: name → content, (type, target) for links, None for a directory. Its files are 7:8's, mode 0640."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.uid, info.gid, info.mode, info.mtime = 7, 8, 0o640, 1_000_000_000
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o711
                archive.addfile(info)
            elif isinstance(content, tuple):
                info.type = tarfile.SYMTYPE if content[0] == "link" else tarfile.LNKTYPE
                info.linkname = content[1]
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
    return out.getvalue()


TAR = make_tar(**{"d/x": "x", "y": "y"})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plain.tar", TAR),
        ("gzip.tar.gz", gzip.compress(TAR)),
        ("bzip2.tar", bz2.compress(TAR)),
        ("xz.bin", lzma.compress(TAR)),
        ("zstd.txt", zstandard.compress(TAR)),
    ],
)
def test_archives_are_known_by_their_content(bench: Workbench, name: str, data: bytes) -> None:
    image = bench.build(f"FROM scratch\nADD {name} /in\n", {name: data})
    assert image.tree() == {"/in/d/x": "x", "/in/y": "y"}
    assert image.owner("/in/y") == (7, 8)
    assert int(image.stat("/in/y").st_mtime) == 1_000_000_000
    assert measure_layer(image.layers[0]).diff_id == image.snapshots[0].diff_id


def test_copy_does_not_unpack(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY a.tar /in/\n", {"a.tar": TAR})
    assert image.files() == ["/in/", "/in/a.tar"]


@pytest.mark.parametrize(
    "data",
    [gzip.compress(gzip.compress(TAR)), gzip.compress(b"no tar"), b"", b"\0" * 10240, TAR[:300]],
    ids=["packed twice", "packed text", "nothing", "an empty tar", "a piece of a tar"],
)
def test_what_is_no_tar_is_copied(bench: Workbench, data: bytes) -> None:
    image = bench.build("FROM scratch\nADD a.tar.gz /in/\n", {"a.tar.gz": data})
    assert image.files() == ["/in/", "/in/a.tar.gz"]


def test_a_broken_tar_is_an_error_at_its_place(bench: Workbench) -> None:
    broken = make_tar(big="x" * 5000)[:2048]
    with pytest.raises(CorruptError) as caught:
        bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": broken})
    assert caught.value.detail[0] == "Dockerfile:2"


def test_the_root_of_an_archive_says_nothing_about_the_destination(bench: Workbench) -> None:
    tar = make_tar(**{"./": None, "./f": "f"})
    image = bench.build("FROM scratch\nCOPY d /d\nADD a.tar /d\nADD a.tar /new\n", {"d/k": "", "a.tar": tar})
    assert image.mode("/d") == 0o755
    assert image.mode("/new") == 0o755
    assert image.tree() == {"/d/k": "", "/d/f": "f", "/new/f": "f"}


def test_links_of_the_image_are_followed_inside_its_root(bench: Workbench) -> None:
    bench.write({"root/run/": "", "root/var/": ""})
    (bench.context / "root/var/run").symlink_to("/run")
    tar = make_tar(**{"var/run/pid": "1", "var/run/copy": ("hard", "var/run/pid"), "up": ("link", "../../../etc")})
    image = bench.build("FROM scratch\nCOPY root /\nADD a.tar /\n", {"a.tar": tar})
    assert image.tree() == {"/run/pid": "1", "/run/copy": "1", "/up": "-> ../../../etc", "/var/run": "-> /run"}


def test_a_file_as_destination_is_refused(bench: Workbench) -> None:
    with pytest.raises(NotADirectory):
        bench.build("FROM scratch\nCOPY f /f\nADD a.tar /f\n", {"f": "", "a.tar": TAR})


def test_chown_takes_everything(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nADD --chown=5:6 a.tar /in/\n", {"a.tar": TAR})
    assert image.owner("/in") == image.owner("/in/d/x") == (5, 6)


def test_archives_and_files_together(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nADD a.tar f dir /in/\n", {"a.tar": TAR, "f": "f", "dir/z": "z"})
    assert image.tree() == {"/in/d/x": "x", "/in/y": "y", "/in/f": "f", "/in/z": "z"}


@pytest.mark.parametrize("name", ["../out", "a/../../out"])
def test_an_archive_that_wants_out_is_no_archive_at_all(bench: Workbench, name: str) -> None:
    image = bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": make_tar(**{name: "x", "ok": "ok"})})
    assert image.files() == ["/in/", "/in/a.tar"]
    assert not (bench.context.parent / "out").exists()


def test_an_archive_whose_later_member_wants_out_is_refused(bench: Workbench) -> None:
    with pytest.raises(CorruptError) as caught:
        bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": make_tar(**{"ok": "ok", "../out": "x"})})
    assert caught.value.detail[0] == "Dockerfile:2"
    assert not (bench.context.parent / "out").exists()


def test_an_archive_is_cached_by_its_content(bench: Workbench) -> None:
    bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": TAR})
    assert bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": TAR}).cached() == [True]
    assert bench.build("FROM scratch\nADD a.tar /in/\n", {"a.tar": make_tar(y="z")}).cached() == [False]

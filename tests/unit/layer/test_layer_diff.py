"""A directory in overlay form → its layer."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import stat

import pytest

from boxwright.layer.apply import apply_layer
from boxwright.layer.diff import entry_of, layer_pieces, measure_layer, open_layer, write_layer
from boxwright.layer.entry import Entry, Kind, sort_key
from boxwright.layer.overlay import InexpressibleLayer
from boxwright.layer.reader import read_entries
from boxwright.layer.union import UnionView
from boxwright.layer.writer import ContentMismatch, ReservedName, TarWriter
from support.trees import ROOTLESS, make_file, make_opaque, make_whiteout, snapshot

needs_root = pytest.mark.skipif(ROOTLESS, reason="the overlay's attributes need root")


@pytest.fixture
def fs(tmp_path):
    directory = tmp_path / "fs"
    directory.mkdir(mode=0o755)
    return directory


def layer(fs, **options) -> bytes:
    pieces = []
    write_layer(fs, lambda piece: pieces.append(bytes(piece)), **options)
    return b"".join(pieces)


def entries(fs, *, root: bool = False, **options) -> list[Entry]:
    """The members of the layer; the root's own, which an unprivileged user's directory has, only when asked for."""
    found = [entry for entry, _ in read_entries(io.BytesIO(layer(fs, **options)))]
    return [entry for entry in found if root or entry.path or entry.kind is not Kind.DIR]


def paths(fs, **options):
    return [(entry.kind, entry.path) for entry in entries(fs, **options)]


@needs_root
def test_an_empty_directory_is_an_empty_archive(fs):
    assert layer(fs) == bytes(1024)


def test_members_come_in_canonical_order_parents_first(fs):
    for name in ("b/x", "a/z", "a-b", "a.b", "a/b/c", "é", "\udcff"):
        make_file(fs / name)
    make_whiteout(fs / "a/a")
    make_opaque(fs / "b")
    found = paths(fs)
    assert found == [
        (Kind.DIR, "a"),
        (Kind.WHITEOUT, "a/a"),
        (Kind.DIR, "a/b"),
        (Kind.FILE, "a/b/c"),
        (Kind.FILE, "a/z"),
        (Kind.FILE, "a-b"),
        (Kind.FILE, "a.b"),
        (Kind.DIR, "b"),
        (Kind.OPAQUE, "b"),
        (Kind.FILE, "b/x"),
        (Kind.FILE, "é"),
        (Kind.FILE, "\udcff"),
    ]
    assert [path for _, path in found] == sorted((path for _, path in found), key=sort_key)


def test_the_bytes_depend_on_the_tree_alone(tmp_path):
    def make(root, names):
        root.mkdir(mode=0o755)
        for name in names:
            make_file(root / name, name * 1000)
            os.utime(root / name, ns=(0, 1_700_000_000_123_456_789))
        os.utime(root / "d", (5, 5))
        return layer(root)

    names = ["d/one", "d/two", "three"]
    assert make(tmp_path / "a", names) == make(tmp_path / "b", names[::-1])


@needs_root
def test_what_is_measured_is_what_is_written(fs):
    make_file(fs / "small", "x")
    make_file(fs / "d/big", b"0123456789" * 400_000)
    make_whiteout(fs / "gone")
    data = layer(fs)
    measured = measure_layer(fs)
    assert measured == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data), 4, 4_000_001)
    assert open_layer(fs).read() == data
    with open_layer(fs) as stream:
        assert stream.read(700) + stream.read() == data


def test_files_of_every_length(fs):
    for size in (0, 1, 511, 512, 513, 524288 - 512, 1 << 20, (1 << 20) + 1, 3_000_000):
        make_file(fs / f"{size:08}", os.urandom(size))
    found = {entry.path: content.read() for entry, content in read_entries(io.BytesIO(layer(fs))) if content}
    assert found == {path.name: path.read_bytes() for path in fs.iterdir()}


def test_hard_links_are_to_the_first_name_in_order(fs):
    make_file(fs / "z/original", "x")
    os.link(fs / "z/original", fs / "a")
    os.link(fs / "z/original", fs / "z/again")
    os.symlink("x", fs / "l1")
    os.link(fs / "l1", fs / "l2", follow_symlinks=False)
    found = {entry.path: (entry.kind, entry.linkname, entry.size) for entry in entries(fs)}
    assert found == {
        "a": (Kind.FILE, "", 1),
        "l1": (Kind.SYMLINK, "x", 0),
        "l2": (Kind.HARDLINK, "l1", 0),
        "z": (Kind.DIR, "", 0),
        "z/again": (Kind.HARDLINK, "a", 0),
        "z/original": (Kind.HARDLINK, "a", 0),
    }


def test_whiteouts_that_share_an_inode_are_whiteouts(fs):
    # The kernel links one whiteout wherever it needs one.
    make_whiteout(fs / "a")
    os.link(fs / "a", fs / "b", follow_symlinks=False)
    assert paths(fs) == [(Kind.WHITEOUT, "a"), (Kind.WHITEOUT, "b")]


def test_a_link_to_a_file_outside_the_layer_is_a_file(fs, tmp_path):
    make_file(tmp_path / "outside", "x")
    os.link(tmp_path / "outside", fs / "f")
    assert paths(fs) == [(Kind.FILE, "f")]


def test_sockets_are_left_out(fs, monkeypatch):
    monkeypatch.chdir(fs)  # a socket's name may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
    os.mkfifo("p")
    assert paths(fs) == [(Kind.FIFO, "p")]


def test_times_are_whole_seconds_and_can_be_bounded(fs):
    make_file(fs / "d/new")
    make_file(fs / "old")
    os.utime(fs / "d/new", ns=(0, 1_700_000_000_999_999_999))
    os.utime(fs / "d", ns=(0, 1_700_000_000_000_000_000))
    os.utime(fs / "old", ns=(0, 1_500_000_000_500_000_000))
    assert [entry.mtime_ns // 10**9 for entry in entries(fs)] == [1_700_000_000, 1_700_000_000, 1_500_000_000]
    assert {entry.mtime_ns % 10**9 for entry in entries(fs)} == {0}
    assert [entry.mtime_ns for entry in entries(fs, epoch=1_600_000_000)] == [
        1_600_000_000 * 10**9,
        1_600_000_000 * 10**9,
        1_500_000_000 * 10**9,
    ]


def test_attributes_that_belong_into_a_layer_are_kept(fs):
    make_file(fs / "f")
    (fs / "d").mkdir()
    for path in ("f", "d"):
        os.setxattr(fs / path, "user.kept", b"\0\xff")
        os.setxattr(fs / path, "user.overlay.origin", b"x")
    assert [dict(entry.xattrs) for entry in entries(fs)] == [{"user.kept": b"\0\xff"}] * 2


@pytest.mark.parametrize("feature", ["redirect", "metacopy"])
def test_what_a_tar_cannot_say_is_refused(fs, feature):
    make_file(fs / "d/f")
    os.setxattr(fs / "d", f"user.overlay.{feature}", b"/elsewhere")
    with pytest.raises(InexpressibleLayer) as caught:
        layer(fs)
    assert "redirect_dir=off" in caught.value.hint


@needs_root
@pytest.mark.root
def test_an_attribute_of_the_overlay_is_no_content(fs):
    make_file(fs / "f")
    os.setxattr(fs / "f", "trusted.overlay.origin", b"x")
    os.setxattr(fs / "f", "trusted.overlay.impure", b"y")
    assert [dict(entry.xattrs) for entry in entries(fs)] == [{}]


def test_reserved_names_are_refused(fs):
    make_file(fs / "d/.wh.x")
    with pytest.raises(ReservedName):
        layer(fs)


def test_the_root_has_an_entry_only_where_it_is_unusual(fs):
    usual = (fs.stat().st_uid, fs.stat().st_gid) == (0, 0)
    assert (paths(fs, root=True) == []) is usual
    fs.chmod(0o700)
    assert paths(fs, root=True) == [(Kind.DIR, "")]
    fs.chmod(0o755)
    os.setxattr(fs, "user.x", b"y")
    assert paths(fs, root=True) == [(Kind.DIR, "")]


def test_an_opaque_root(fs):
    make_opaque(fs)
    make_file(fs / "f")
    assert (Kind.OPAQUE, "") in paths(fs)


def test_scaffolding_is_left_out_with_everything_below_it(fs):
    for name in ("etc/resolv.conf", "etc/hosts", "proc/x/y", "keep/proc"):
        make_file(fs / name)
    assert paths(fs, exclude={"etc/resolv.conf", "proc"}) == [
        (Kind.DIR, "etc"),
        (Kind.FILE, "etc/hosts"),
        (Kind.DIR, "keep"),
        (Kind.FILE, "keep/proc"),
    ]
    assert len(entries(fs, root=True, exclude={"etc", "proc"})) == measure_layer(fs, exclude={"etc", "proc"}).entries


def test_a_link_to_something_left_out_is_the_file(fs):
    make_file(fs / "a", "x")
    os.link(fs / "a", fs / "b")
    assert paths(fs, exclude={"a"}) == [(Kind.FILE, "b")]


def test_a_file_that_shrinks_meanwhile_is_noticed(fs):
    make_file(fs / "a", b"x" * 2_000_000)
    make_file(fs / "b", "x" * 10)
    pieces = layer_pieces(fs)
    next(pieces)
    os.truncate(fs / "b", 4)
    os.truncate(fs / "a", 1_500_000)
    with pytest.raises(ContentMismatch, match="'a' changed"):
        list(pieces)


@needs_root
def test_a_writer_that_is_fed_in_canonical_order_makes_the_same_bytes(fs):
    """What lets a COPY hash its layer while it copies."""
    for name in ("a/x", "a-b", "b/c/d"):
        make_file(fs / name, name)
    os.symlink("x", fs / "a/l")
    buffer = io.BytesIO()
    writer = TarWriter(buffer.write)
    for path in sorted((str(path.relative_to(fs)) for path in fs.rglob("*")), key=sort_key):
        location = str(fs / path)
        status = os.lstat(location)
        data = (fs / path).read_bytes() if stat.S_ISREG(status.st_mode) else None
        writer.add(entry_of(path, location, status), data)
    writer.finish()
    assert buffer.getvalue() == layer(fs)


def test_applied_and_written_again_it_is_the_same(fs, tmp_path):
    make_file(fs / "d/f", "x")
    (fs / "d/f").chmod(0o4711)
    os.link(fs / "d/f", fs / "d/g")
    os.symlink("nowhere", fs / "l")
    make_whiteout(fs / "d/gone")
    make_opaque(fs / "o")
    make_file(fs / "o/p")
    os.setxattr(fs / "o/p", "user.x", b"y")
    os.utime(fs / "d", (7, 7))
    data = layer(fs)
    apply_layer(io.BytesIO(data), tmp_path / "again", rootless=ROOTLESS)
    assert snapshot(tmp_path / "again") == snapshot(fs)
    assert layer(tmp_path / "again") == data


def test_no_link_is_followed_that_was_put_there_meanwhile(tmp_path):
    fs, outside = tmp_path / "fs", tmp_path / "outside"
    for folder in (fs / "d", outside):
        folder.mkdir(parents=True)
        (folder / "file").write_text("secret" if folder == outside else "public")
    (fs / "d/a").write_bytes(bytes(3 << 20))
    stream = open_layer(fs, opened=UnionView([fs]).open)
    assert len(stream.read(1 << 20)) == 1 << 20
    (fs / "d").rename(tmp_path / "away")
    (fs / "d").symlink_to(outside)
    with pytest.raises(FileNotFoundError):
        stream.read()

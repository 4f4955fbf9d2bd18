"""The deterministic writer of tar archives."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from boxwright.layer.entry import Entry, Kind, is_portable_xattr, sort_key
from boxwright.layer.reader import read_entries
from boxwright.layer.writer import ContentMismatch, ReservedName, TarWriter, encode_header
from support.raw_tar import Trickle


def written(*entries, **contents) -> bytes:
    pieces = []
    writer = TarWriter(lambda piece: pieces.append(bytes(piece)))
    for entry in entries:
        writer.add(entry, contents.get(entry.path))
    writer.finish()
    data = b"".join(pieces)
    assert (writer.size, writer.entries) == (len(data), len(entries))
    return data


def back(*entries) -> list[Entry]:
    return [entry for entry, _ in read_entries(io.BytesIO(written(*entries)))]


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a", Kind.FILE, mode=0o4755, uid=1, gid=2, mtime_ns=3 * 10**9),
        Entry("", Kind.DIR, mode=0o1777),
        Entry("d", Kind.DIR, mode=0o755),
        Entry("grün", Kind.FILE),
        Entry("\udcff", Kind.SYMLINK, linkname="\udcfe/../x//"),
        Entry("l", Kind.HARDLINK, linkname="some/file"),
        Entry("c", Kind.CHAR, mode=0o666, devmajor=1, devminor=3),
        Entry("b", Kind.BLOCK, devmajor=259, devminor=1_000_000),
        Entry("p", Kind.FIFO),
        Entry("a/b", Kind.WHITEOUT),
        Entry("a", Kind.WHITEOUT),
        Entry("a", Kind.OPAQUE),
        Entry("", Kind.OPAQUE),
        Entry("x" * 100, Kind.FILE),
        Entry("x" * 101, Kind.FILE),
        Entry("x" * 99, Kind.DIR),
        Entry("x" * 100, Kind.DIR),
        Entry("p" * 155 + "/" + "n" * 100, Kind.FILE),
        Entry("p" * 155 + "/" + "n" * 99, Kind.DIR),
        Entry("p" * 156 + "/" + "n" * 100, Kind.FILE),
        Entry("p" * 10 + "/" + "n" * 101, Kind.FILE),
        Entry("d/" * 100 + "x", Kind.DIR),
        Entry("ü" * 120, Kind.FILE),
        Entry("l", Kind.SYMLINK, linkname="t" * 100),
        Entry("l", Kind.SYMLINK, linkname="t" * 101),
        Entry("u", Kind.FILE, uid=0o7777777, gid=0o10000000),
        Entry("u", Kind.FILE, uid=3_000_000_000, gid=4_000_000_000),
        Entry("t", Kind.FILE, mtime_ns=-(10**9)),
        Entry("t", Kind.FILE, mtime_ns=0o77777777777 * 10**9),
        Entry("x", Kind.FILE, xattrs={"user.b": b"\0=\n", "security.capability": b"\1", "user.a": b""}),
    ],
)
def test_what_is_written_is_read(entry):
    assert back(entry) == [entry]


def test_a_size_beyond_octal_goes_into_an_extended_header():
    size = 0o100000000000
    data = encode_header(Entry("f", Kind.FILE, size=size)) + bytes(1024)
    entry, _ = next(read_entries(io.BytesIO(data)))
    assert entry.size == size
    assert len(data) == 4 * 512 + 512


def test_an_extended_header_is_there_only_where_a_value_needs_one():
    assert len(encode_header(Entry("a" * 100, Kind.FILE, mtime_ns=123, uid=1000))) == 512
    assert len(encode_header(Entry("p" * 60 + "/" + "n" * 60, Kind.FILE))) == 512
    assert len(encode_header(Entry("größe", Kind.FILE))) == 512
    assert len(encode_header(Entry("a" * 101, Kind.FILE))) == 3 * 512


def test_times_are_whole_seconds_rounded_down():
    assert [entry.mtime_ns for entry in back(Entry("a", Kind.FILE, mtime_ns=1_999_999_999))] == [10**9]
    assert [entry.mtime_ns for entry in back(Entry("a", Kind.FILE, mtime_ns=-1))] == [-(10**9)]


def test_markers_have_no_attributes_so_that_all_tools_agree():
    plain = encode_header(Entry("a", Kind.WHITEOUT))
    assert encode_header(Entry("a", Kind.WHITEOUT, mode=0o644, uid=7, gid=7, size=5, mtime_ns=10**12)) == plain


@pytest.mark.parametrize("path", [".wh.a", "d/.wh.a", ".wh.d/a", ".wh..wh..opq"])
def test_reserved_names_are_refused(path):
    with pytest.raises(ReservedName) as caught:
        encode_header(Entry(path, Kind.FILE))
    assert path in str(caught.value)
    encode_header(Entry("a.wh.b", Kind.FILE))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 300_000, 3_000_000])
def test_contents_of_every_form_give_the_same_bytes(size, tmp_path):
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    file = tmp_path / "f"
    file.write_bytes(data)
    entry, after = Entry("f", Kind.FILE, size=size), Entry("g", Kind.FILE)
    expected = written(entry, after, f=data)
    assert written(entry, after, f=io.BytesIO(data)) == expected
    assert written(entry, after, f=Trickle(data, 100_000)) == expected
    fd = os.open(file, os.O_RDONLY)
    try:
        assert written(entry, after, f=fd) == expected
    finally:
        os.close(fd)
    assert [(e.path, c.read()) for e, c in read_entries(io.BytesIO(expected))] == [("f", data), ("g", b"")]


@pytest.mark.parametrize("content", [b"123", b"12345", io.BytesIO(b"123"), None])
def test_a_content_of_another_length_is_refused(content):
    with pytest.raises(ContentMismatch):
        written(Entry("f", Kind.FILE, size=4), f=content)


def test_other_readers_understand_it():
    long = "d" * 150 + "/" + "n" * 150
    data = written(
        Entry("d", Kind.DIR, mode=0o755),
        Entry("d/grün", Kind.FILE, size=3, mode=0o600, uid=3_000_000, mtime_ns=1_700_000_000 * 10**9),
        Entry(long, Kind.SYMLINK, linkname="t" * 200),
        Entry("x", Kind.FILE, xattrs={"user.a": b"b"}),
        **{"d/grün": b"abc"},
    )
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8") as tar:
        first, second, third, fourth = tar
        assert (first.name, first.isdir(), second.name, second.uid) == ("d", True, "d/grün", 3_000_000)
        assert tar.extractfile(second).read() == b"abc"
        assert (third.name, third.linkname) == (long, "t" * 200)
        assert fourth.pax_headers["SCHILY.xattr.user.a"] == "b"


def test_the_canonical_order_is_that_of_a_walk():
    paths = ["", "a", "a/b", "a/b/c", "a-b", "a.b", "ab", "é", "\udcff"]
    assert sorted(paths, key=sort_key) == paths


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("security.capability", True),
        ("user.mime_type", True),
        ("user.overlay.opaque", False),
        ("trusted.overlay.opaque", False),
        ("trusted.x", False),
        ("security.selinux", False),
        ("system.posix_acl_access", False),
    ],
)
def test_which_attributes_belong_into_a_layer(name, portable):
    assert is_portable_xattr(name) is portable

"""The reader of tar archives that nobody vouches for."""

from __future__ import annotations

import io
import struct
import tarfile

import pytest

from boxwright.errors import CorruptError
from boxwright.layer.entry import Kind
from boxwright.layer.reader import EscapingName, MalformedTar, TarReader, read_entries
from support.raw_tar import END, Trickle, archive, gnu_long, header, member, padded, pax


def entries(*parts, **options):
    return [entry for entry, _ in read_entries(archive(*parts), **options)]


def one(*parts, **options):
    [entry] = entries(*parts, **options)
    return entry


def contents(*parts):
    return {entry.path: content.read() for entry, content in read_entries(archive(*parts)) if content is not None}


# -- names


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"a", "a"),
        (b"./a", "a"),
        (b"/a", "a"),
        (b"//a//b", "a/b"),
        (b"./././a/./b/.", "a/b"),
        (b".//a", "a"),
        (b"a/", "a"),
        (b".", ""),
        (b"./", ""),
        (b"/", ""),
        (b"", ""),
        (b"..a/b..", "..a/b.."),
        (b"...", "..."),
        (b"a.", "a."),
        (b"a./b", "a./b"),
        ("grün".encode(), "grün"),
        (b"\xff\xfe", "\udcff\udcfe"),
        (b"with blank\nand line", "with blank\nand line"),
    ],
)
def test_names_are_made_relative_to_the_root(raw, path):
    assert one(header(raw, b"5")).path == path


@pytest.mark.parametrize("raw", [b"..", b"../a", b"/../a", b"a/../b", b"a/..", b"./..", b"a/../../b", b"a//../b"])
def test_a_name_with_a_parent_in_it_is_refused(raw):
    with pytest.raises(EscapingName) as caught:
        entries(header(b"first", b"5"), header(raw))
    assert caught.value.offset == 512
    with pytest.raises(EscapingName):
        entries(header(b"link", b"1", link=raw))
    with pytest.raises(EscapingName):
        entries(pax([(b"path", raw)]), header(b"harmless"))


def test_a_symbolic_link_says_whatever_it_likes():
    assert one(header(b"a", b"2", link=b"../../etc//x/")).linkname == "../../etc//x/"


def test_a_hard_links_target_is_relative_to_the_root():
    assert one(header(b"a", b"1", link=b"/usr/./bin/b")).linkname == "usr/bin/b"


@pytest.mark.parametrize("flag", [b"1", b"2"])
def test_a_link_without_a_target_is_refused(flag):
    with pytest.raises(MalformedTar, match="no target"):
        entries(header(b"a", flag))


def test_ustar_joins_prefix_and_name():
    assert one(header(b"name", prefix=b"some/prefix")).path == "some/prefix/name"


def test_a_prefix_means_nothing_in_gnus_old_format():
    assert one(header(b"name", magic=b"ustar  \0", prefix=b"some")).path == "name"


def test_schillings_format_has_times_behind_the_prefix():
    prefix = b"p".ljust(131, b"\0") + b"00000000001\0" + b"00000000001\0"
    assert one(header(b"name", prefix=prefix[:155], tail=bytes(8) + b"tar\0")).path == "p/name"


def test_gnu_long_names_and_links():
    name, link = b"d/" * 200 + b"name", b"t/" * 300 + b"target"
    entry = one(gnu_long(b"L", name), gnu_long(b"K", link), header(b"short", b"2", link=b"short"))
    assert (entry.path, entry.linkname) == (name.decode(), link.decode())


def test_long_names_are_for_one_member_only():
    first, second = entries(gnu_long(b"L", b"x" * 300), header(b"a"), header(b"b"))
    assert (len(first.path), second.path) == (300, "b")


@pytest.mark.parametrize("long", [b"x" * 4097, b"y/" * 4096])
def test_a_name_longer_than_any_path_is_refused(long):
    with pytest.raises(MalformedTar, match="a name of"):
        entries(gnu_long(b"L", long), header(b"a"))
    with pytest.raises(MalformedTar, match="a name of"):
        entries(pax([(b"linkpath", long)]), header(b"a", b"2"))


# -- kinds


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        (b"0", Kind.FILE),
        (b"\0", Kind.FILE),
        (b"7", Kind.FILE),
        (b"3", Kind.CHAR),
        (b"4", Kind.BLOCK),
        (b"5", Kind.DIR),
        (b"6", Kind.FIFO),
    ],
)
def test_kinds(flag, kind):
    entry = one(header(b"a", flag, major=8, minor=3))
    assert entry.kind is kind
    assert (entry.devmajor, entry.devminor) == ((8, 3) if kind in (Kind.CHAR, Kind.BLOCK) else (0, 0))


def test_an_ancient_directory_is_a_file_with_a_slash():
    assert one(header(b"a/", b"\0", magic=bytes(8))).kind is Kind.DIR


@pytest.mark.parametrize("flag", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_only_files_have_content_whatever_the_size_says(flag):
    first, second = entries(header(b"a", flag, size=4096, link=b"x"), header(b"b"))
    assert (first.size, second.path) == (0, "b")


def test_a_volumes_label_is_skipped_and_other_types_are_refused():
    assert one(member(b"label", b"text", b"V"), header(b"a")).path == "a"
    with pytest.raises(MalformedTar, match="unknown type 'M'"):
        entries(header(b"a", b"M"))


# -- whiteouts


@pytest.mark.parametrize(
    ("raw", "kind", "path"),
    [
        (b"a/.wh.b", Kind.WHITEOUT, "a/b"),
        (b".wh.b", Kind.WHITEOUT, "b"),
        (b"a/.wh..wh..opq", Kind.OPAQUE, "a"),
        (b".wh..wh..opq", Kind.OPAQUE, ""),
        (b".wh..hidden", Kind.WHITEOUT, ".hidden"),
        (b"a.wh.b", Kind.FILE, "a.wh.b"),
        (b"x.wh.y/z", Kind.FILE, "x.wh.y/z"),
    ],
)
def test_whiteouts(raw, kind, path):
    entry = one(member(raw, b"content that means nothing"))
    assert (entry.kind, entry.path) == (kind, path)


def test_a_name_that_only_looks_like_a_whiteout_keeps_its_content():
    assert contents(member(b"a.wh.b", b"content"), member(b".wh.c", b"nothing")) == {"a.wh.b": b"content"}


@pytest.mark.parametrize("raw", [b".wh..wh.plnk", b".wh..wh.aufs", b"a/.wh..wh.orph", b".wh..wh.plnk/44.2"])
def test_the_bookkeeping_of_aufs_is_ignored(raw):
    assert [entry.path for entry in entries(member(raw, b"x"), header(b"b"))] == ["b"]


@pytest.mark.parametrize("raw", [b".wh.", b"a/.wh..", b"a/.wh...", b".wh.a/b", b"x/.wh.a/b/c"])
def test_whiteouts_that_make_no_sense_are_refused(raw):
    with pytest.raises(MalformedTar):
        entries(header(raw))


def test_an_ordinary_archive_has_no_whiteouts():
    raws = [b".wh.a", b"d/.wh..wh..opq", b".wh..wh.plnk"]
    found = entries(*(header(raw) for raw in raws), whiteouts=False)
    assert [(entry.kind, entry.path.encode()) for entry in found] == [(Kind.FILE, raw) for raw in raws]


# -- numbers


def base256(value: int, width: int) -> bytes:
    first = b"\xff" if value < 0 else b"\x80"
    return first + value.to_bytes(width - 1, "big", signed=value < 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\0", 0o644),
        (b"    644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"644\0\0\0\0\0", 0o644),
        (b"00000644", 0o644),
        (b"644\0junk", 0o644),
        (b"\0\0\0\0\0\0\0\0", 0),
        (b"        ", 0),
        (b"\x80\0\0\0\0\0\x01\xa4", 0o644),
    ],
)
def test_numbers(field, value):
    assert one(header(b"a", mode=field, uid=field, gid=field)).uid == value


@pytest.mark.parametrize("field", [b"0000648\0", b"x", b"-000001\0", b"0x1\0", b"0_1\0", b"+1\0", b"6 4\0"])
def test_numbers_that_are_none(field):
    with pytest.raises(MalformedTar, match="a header's number"):
        entries(header(b"a", uid=field))


def test_binary_numbers_hold_what_octal_cannot():
    entry = one(header(b"a", uid=base256(3_000_000_000, 8), mtime=base256(-5, 12)))
    assert (entry.uid, entry.mtime_ns) == (3_000_000_000, -5_000_000_000)


@pytest.mark.parametrize("size", [10 << 30, 1 << 40, (1 << 63) - 1])
def test_sizes_of_ten_gibibytes_and_more(size):
    for parts in (
        (header(b"a", size=base256(size, 12)),),
        (pax([(b"size", b"%d" % size)]), header(b"a", size=0)),
    ):
        entry, content = next(read_entries(archive(*parts)))
        assert entry.size == size
        assert content is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"size": base256(-1, 12)},
        {"size": base256(1 << 63, 12)},
        {"uid": base256(-1, 8)},
        {"gid": base256(1 << 32, 8)},
        {"uid": base256((1 << 32) - 1, 8)},
    ],
)
def test_numbers_out_of_bounds(fields):
    with pytest.raises(MalformedTar):
        entries(header(b"a", **fields))


@pytest.mark.parametrize("mtime", [1 << 70, -(1 << 70)])
def test_a_time_that_no_kernel_keeps_is_none_at_all(mtime):
    assert one(header(b"a", mtime=base256(mtime, 12))).mtime_ns == 0


def test_devices_out_of_bounds():
    with pytest.raises(MalformedTar, match="a device"):
        entries(header(b"a", b"3", major=base256(1 << 40, 8)))


# -- extended headers


def test_extended_headers_override():
    entry = one(
        pax(
            [
                (b"path", b"./dir/other"),
                (b"linkpath", b"target"),
                (b"uid", b"3000000"),
                (b"gid", b"4000000"),
                (b"mtime", b"1350244992.023960108"),
                (b"comment", b"= \n\0 anything"),
            ]
        ),
        header(b"a", b"2", link=b"x"),
    )
    assert entry[:1] + entry[3:8] == ("dir/other", 3000000, 4000000, 0, 1350244992_023960108, "target")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"0", 0),
        (b"1", 10**9),
        (b"1.", 10**9),
        (b"1.5", 15 * 10**8),
        (b"1.0000000019", 10**9 + 1),
        (b"-1.5", -15 * 10**8),
        (b"99999999999999999", 0),
    ],
)
def test_times_in_extended_headers(text, nanoseconds):
    assert one(pax([(b"mtime", text)]), header(b"a")).mtime_ns == nanoseconds


def test_an_extended_size_governs_the_content_too():
    assert contents(pax([(b"size", b"3")]), header(b"a", size=0), padded(b"abc"), member(b"b", b"d")) == {
        "a": b"abc",
        "b": b"d",
    }


def test_extended_attributes_of_both_dialects():
    entry = one(
        pax(
            [
                (b"SCHILY.xattr.security.capability", b"\1\0\0\2\n=\0"),
                (b"SCHILY.xattr.user.empty", b""),
                (b"LIBARCHIVE.xattr.user.na%6de", b"dmFsdWU"),
            ]
        ),
        header(b"a"),
    )
    assert dict(entry.xattrs) == {
        "security.capability": b"\1\0\0\2\n=\0",
        "user.empty": b"",
        "user.name": b"value",
    }


def test_global_headers_hold_until_they_are_taken_back():
    first, second, third = entries(
        pax([(b"uid", b"7"), (b"comment", b"commit")], b"g"),
        header(b"a"),
        pax([(b"uid", b"")]),
        header(b"b", uid=5),
        header(b"c"),
    )
    assert (first.uid, second.uid, third.uid) == (7, 5, 7)


def test_gnus_long_name_wins_over_an_extended_one():
    assert one(pax([(b"path", b"x")]), gnu_long(b"L", b"y"), header(b"z")).path == "y"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"5 a=b",
        b"99 a=b\n",
        b"6 a=bc\n",
        b"5 ab\n",
        b"5 =b\n",
        b"2 a=b\n",
        b"-6 a=b\n",
        b"0 a=b\n",
        b"111111111111111111111111 a=b\n",
        b"12 path=a\0b\n",
        b"9 a\0b=c\n",
        b"9 uid=x\n",
        b"9 uid=-\n",
        b"10 uid=-1\n",
        b"12 mtime=x\n",
        b"33 LIBARCHIVE.xattr.user.a=x\xff!!x\n",
        b"30 LIBARCHIVE.xattr.u%00=YQ==\n",
    ],
)
def test_malformed_extended_headers(data):
    with pytest.raises(MalformedTar):
        entries(member(b"PaxHeader", data, b"x"), header(b"a"))


def test_extended_headers_are_bounded():
    with pytest.raises(MalformedTar, match="extended headers of"):
        entries(header(b"p", b"x", size=(1 << 20) + 1))
    half = b"%d comment=%s\n" % (600_000, b"x" * (600_000 - 16))
    with pytest.raises(MalformedTar, match="extended headers of"):
        entries(member(b"p", half, b"x"), member(b"p", half, b"x"), header(b"a"))
    with pytest.raises(MalformedTar, match="extended headers of"):
        entries(*[member(b"p", half, b"g") + header(b"a")] * 8)


# -- sparse files

EXPECTED = b"head" + bytes(2000) + b"middle" + bytes(90)
SEGMENTS = [(0, 4), (2004, 6), (2100, 0)]


def sparse_old() -> bytes:
    def slot(offset, length):
        return b"%011o\0%011o\0" % (offset, length)

    block = bytearray(header(b"f", b"S", size=10, magic=b"ustar  \0"))
    block[386:482] = b"".join(slot(*segment) for segment in SEGMENTS).ljust(96, b"\0")
    block[483:495] = b"%011o\0" % 2100
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + padded(b"headmiddle")


def sparse_old_extended() -> bytes:
    """Ten segments of one byte, four in the header and six in a block after it."""
    numbers = [(10 * index, 1) for index in range(10)]
    slots = [b"%011o\0%011o\0" % number for number in numbers]
    block = bytearray(header(b"f", b"S", size=10, magic=b"ustar  \0"))
    block[386:482] = b"".join(slots[:4])
    block[482] = 1
    block[483:495] = b"%011o\0" % 100
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + b"".join(slots[4:]).ljust(512, b"\0") + padded(b"0123456789")


def sparse_00() -> bytes:
    records = [(b"GNU.sparse.size", b"2100"), (b"GNU.sparse.numblocks", b"3")]
    for offset, length in SEGMENTS:
        records += [(b"GNU.sparse.offset", b"%d" % offset), (b"GNU.sparse.numbytes", b"%d" % length)]
    return pax(records) + member(b"f", b"headmiddle")


def sparse_01() -> bytes:
    flat = b",".join(b"%d,%d" % segment for segment in SEGMENTS)
    return pax([(b"GNU.sparse.size", b"2100"), (b"GNU.sparse.name", b"f"), (b"GNU.sparse.map", flat)]) + member(
        b"GNUSparseFile.0/f", b"headmiddle"
    )


def sparse_10() -> bytes:
    table = padded(b"3\n" + b"".join(b"%d\n%d\n" % segment for segment in SEGMENTS))
    records = [
        (b"GNU.sparse.major", b"1"),
        (b"GNU.sparse.minor", b"0"),
        (b"GNU.sparse.name", b"f"),
        (b"GNU.sparse.realsize", b"2100"),
    ]
    return pax(records) + member(b"GNUSparseFile.0/f", table + b"headmiddle")


@pytest.mark.parametrize("made", [sparse_old, sparse_00, sparse_01, sparse_10])
def test_sparse_files_of_every_dialect(made):
    [(first, content), (second, after)] = [
        (entry, content.read()) for entry, content in read_entries(archive(made(), member(b"g", b"after")))
    ]
    assert (first.path, first.size, second.path, after) == ("f", 2100, "g", b"after")
    assert content == EXPECTED
    # The standard library's reader is the witness.
    with tarfile.open(fileobj=archive(made(), member(b"g", b"after"))) as witness:
        assert witness.extractfile("f").read() == EXPECTED


def test_a_sparse_map_that_goes_on_in_further_blocks():
    [content] = contents(sparse_old_extended()).values()
    assert content == b"".join(b"%d" % digit + bytes(9) for digit in range(10))


def test_a_sparse_content_left_unread_is_skipped():
    assert [entry.path for entry in entries(sparse_10(), sparse_old(), header(b"g"))] == ["f", "f", "g"]


@pytest.mark.parametrize(
    ("flat", "size"),
    [
        (b"0,4,2", b"2100"),
        (b"0,x", b"2100"),
        (b"5,4,0,6", b"2100"),
        (b"0,4,2,6", b"2100"),
        (b"0,4,2096,6", b"2100"),
        (b"0,4", b"2100"),
        (b"0,10", b""),
        (b"0,10", b"9" * 19),
    ],
)
def test_malformed_sparse_maps(flat, size):
    with pytest.raises(MalformedTar):
        contents(pax([(b"GNU.sparse.map", flat), (b"GNU.sparse.size", size)]), member(b"f", b"headmiddle"))


@pytest.mark.parametrize(
    "table",
    [b"x\n", b"9" * 30, b"1\n0\n", b"999999999\n", b"1\n0\n99\n", b"-1\n", b"1\n\n4\n"],
)
def test_malformed_sparse_tables(table):
    records = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"50")]
    with pytest.raises(MalformedTar):
        contents(pax(records), member(b"f", padded(table)))


def test_an_unknown_version_of_sparse_files_is_refused():
    with pytest.raises(MalformedTar, match="unknown version"):
        entries(pax([(b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0")]), header(b"f"))


def test_a_sparse_map_is_bounded():
    endless = b"".join(b"%011o\0%011o\0" % (0, 0) for _ in range(21)).ljust(504, b"\0") + b"\1" + bytes(7)
    block = bytearray(header(b"f", b"S", magic=b"ustar  \0"))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(MalformedTar, match="too many parts"):
        entries(bytes(block), endless * 13_000)


# -- the archive as a whole


def test_an_empty_archive():
    assert entries() == []
    assert list(read_entries(io.BytesIO(b""))) == []
    assert list(read_entries(io.BytesIO(bytes(512)))) == []


def test_the_closing_blocks_may_be_missing():
    assert [entry.path for entry, _ in read_entries(io.BytesIO(member(b"a", b"x")))] == ["a"]


def test_the_stream_is_read_to_its_end():
    stream = io.BytesIO(member(b"a", b"x") + END + bytes(8192) + b"whatever")
    reader = TarReader(stream)
    assert len(list(reader)) == 1
    assert stream.read() == b""
    assert reader.offset == 1024 + 1024 + 8192 + 8


def test_every_truncation_is_noticed():
    whole = gnu_long(b"L", b"x" * 200) + member(b"a", b"y" * 700) + sparse_10() + pax([(b"uid", b"1")]) + header(b"c")
    ends = {0, 1024 + 512 + 1024, 1024 + 512 + 1024 + len(sparse_10()), len(whole)}
    for length in range(len(whole)):
        if length in ends:
            list(read_entries(io.BytesIO(whole[:length])))
            continue
        with pytest.raises(MalformedTar) as caught:
            list(read_entries(io.BytesIO(whole[:length])))
        assert caught.value.offset <= length


def test_a_wrong_checksum_is_noticed():
    good = header(b"a")
    for position in range(0, 512, 37):
        bad = bytearray(good)
        bad[position] ^= 0x21
        with pytest.raises(MalformedTar, match=r"checksum|not a tar"):
            entries(header(b"first"), bytes(bad))


def test_an_ancient_checksum_of_signed_bytes_is_right_too():
    block = bytearray(header("größe".encode()))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(struct.unpack("512b", block))
    assert one(bytes(block)).path == "größe"


def test_something_else_is_not_a_tar_archive():
    with pytest.raises(MalformedTar, match="not a tar archive") as caught:
        list(read_entries(io.BytesIO(b"<html>" * 200)))
    assert caught.value.offset == 0
    assert isinstance(caught.value, CorruptError)


def test_a_lone_block_of_zeros_is_refused():
    with pytest.raises(MalformedTar, match="lone block"):
        list(read_entries(io.BytesIO(header(b"a") + bytes(512) + header(b"b"))))


def test_headers_without_their_member_are_refused():
    with pytest.raises(MalformedTar, match="between an extended header"):
        entries(gnu_long(b"L", b"x"))


# -- contents


def test_contents_are_streams():
    big = bytes(range(256)) * 20_000
    parts = (member(b"a", big), member(b"b", b"small"), member(b"c"))
    assert contents(*parts) == {"a": big, "b": b"small", "c": b""}
    _, content = next(read_entries(archive(*parts)))
    assert content.readable()
    assert io.BufferedReader(content).peek(3)[:3] == big[:3]


def test_a_content_can_be_read_in_pieces_or_not_at_all():
    whole = member(b"a", b"0123456789") + member(b"b", b"x" * 5000) + member(b"c", b"y" * 600)
    found = []
    for entry, content in read_entries(io.BytesIO(whole + END)):
        if entry.path == "a":
            found.append((content.read(4), content.read(0), content.read1(3), content.read()))
        elif entry.path == "c":
            found.append(content.read(10))
    assert found == [(b"0123", b"", b"456", b"789"), b"y" * 10]


def test_a_content_is_gone_with_its_member():
    reader = read_entries(archive(member(b"a", b"0123456789"), header(b"b")))
    _, content = next(reader)
    next(reader)
    with pytest.raises(ValueError, match="left behind"):
        next(content.pieces(), None) or content.read()


@pytest.mark.parametrize("most", [1, 7, 511, 512, 513, 100_000])
def test_however_the_stream_comes(most):
    whole = gnu_long(b"L", b"n" * 300) + member(b"a", b"y" * 1700) + sparse_10() + member(b"z", b"end") + END
    found = [(entry.path, content.read()) for entry, content in read_entries(Trickle(whole, most))]
    assert found == [("n" * 300, b"y" * 1700), ("f", EXPECTED), ("z", b"end")]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_standard_librarys_archives_are_read_alike(form):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, kind, link, data in [
            ("d", tarfile.DIRTYPE, "", b""),
            ("d/" + "x" * 90 + "/" + "y" * 90, tarfile.REGTYPE, "", b"data" * 300),
            ("d/link", tarfile.SYMTYPE, "ümlaut", b""),
            ("d/hard", tarfile.LNKTYPE, "d/link", b""),
            ("dev", tarfile.CHRTYPE, "", b""),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            info.uid, info.gid, info.mtime, info.devmajor, info.devminor = 1000, 1001, 1700000000, 1, 3
            tar.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    ours = [entry for entry, _ in read_entries(buffer)]
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        for mine, theirs in zip(ours, tar, strict=True):
            assert (mine.path, mine.mode, mine.uid, mine.gid, mine.size, mine.linkname, mine.mtime_ns) == (
                theirs.name,
                theirs.mode,
                theirs.uid,
                theirs.gid,
                theirs.size,
                theirs.linkname,
                theirs.mtime * 10**9,
            )

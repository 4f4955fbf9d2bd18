"""A layer's tar → a directory in overlay form."""

from __future__ import annotations

import io
import os
import stat

import pytest

from boxwright.host.trees import remove_tree
from boxwright.layer.apply import Applied, ApplyFailed, InvalidLayer, TargetNotEmpty, apply_layer
from boxwright.layer.diff import measure_layer
from boxwright.layer.entry import Entry, Kind
from boxwright.layer.reader import EscapingName, MalformedTar
from boxwright.layer.union import UnionView
from boxwright.layer.writer import TarWriter
from support.raw_tar import END, archive, header, member, pax
from support.trees import ROOTLESS, is_whiteout, make_file, make_opaque, make_whiteout, opaque, snapshot

needs_root = pytest.mark.skipif(ROOTLESS, reason="owners and devices need root")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "fs"


@pytest.fixture
def below(tmp_path):
    """A lower layer's directory."""
    directory = tmp_path / "below"
    directory.mkdir()
    return directory


def tar(*items) -> io.BytesIO:
    buffer = io.BytesIO()
    writer = TarWriter(buffer.write)
    for item in items:
        entry, content = item if isinstance(item, tuple) and not isinstance(item, Entry) else (item, b"")
        writer.add(entry._replace(size=len(content)) if entry.kind is Kind.FILE else entry, content)
    writer.finish()
    buffer.seek(0)
    return buffer


def file(path, content=b"", mode=0o644, **fields):
    return Entry(path, Kind.FILE, mode=mode, **fields), content


def folder(path, mode=0o755, **fields):
    return Entry(path, Kind.DIR, mode=mode, **fields)


def symlink(path, to, **fields):
    return Entry(path, Kind.SYMLINK, linkname=to, **fields)


def hardlink(path, to):
    return Entry(path, Kind.HARDLINK, linkname=to)


def whiteout(path):
    return Entry(path, Kind.WHITEOUT)


def opaque_marker(path):
    return Entry(path, Kind.OPAQUE)


def apply(target, *items, lower=None):
    view = None if lower is None else UnionView([lower])
    return apply_layer(tar(*items), target, rootless=ROOTLESS, lower=view)


def names(target):
    return sorted(str(path.relative_to(target)) for path in target.rglob("*"))


# -- what lands


def test_files_directories_links_and_their_attributes(target):
    stamp = 1_600_000_000 * 10**9
    applied = apply(
        target,
        folder("d", 0o1750, mtime_ns=stamp),
        file("d/f", b"content", 0o640, mtime_ns=stamp + 10**9),
        symlink("d/l", "../anywhere", mtime_ns=stamp),
        hardlink("d/h", "d/f"),
        Entry("d/p", Kind.FIFO, mode=0o600, mtime_ns=stamp),
    )
    assert applied == Applied(size=4096, entries=5, content=len(b"content"))
    d, f = (target / "d").stat(), (target / "d/f").stat()
    assert (stat.filemode(d.st_mode), d.st_mtime_ns) == ("drwxr-x--T", stamp)
    assert (stat.filemode(f.st_mode), f.st_mtime_ns, f.st_nlink) == ("-rw-r-----", stamp + 10**9, 2)
    assert (target / "d/h").samefile(target / "d/f")
    assert (target / "d/f").read_bytes() == b"content"
    assert os.readlink(target / "d/l") == "../anywhere"
    assert (target / "d/l").lstat().st_mtime_ns == stamp
    assert stat.S_ISFIFO((target / "d/p").stat().st_mode)


def test_times_below_a_second_are_kept(target):
    parts = pax([(b"mtime", b"1600000000.123456789")]), header(b"f")
    apply_layer(archive(*parts), target, rootless=ROOTLESS)
    assert (target / "f").stat().st_mtime_ns == 1600000000_123456789


@needs_root
@pytest.mark.root
def test_owners_and_set_id_bits_survive(target):
    apply(
        target,
        folder("d", 0o2775, uid=5, gid=6),
        file("d/f", b"x", 0o6755, uid=1000, gid=1001),
        symlink("d/l", "f", uid=7, gid=8),
        Entry("d/null", Kind.CHAR, mode=0o666, uid=1, gid=2, devmajor=1, devminor=3),
    )
    found = snapshot(target, times=False)
    assert {path: value[:3] for path, value in found.items() if path != "."} == {
        "d": ("drwxrwsr-x", 5, 6),
        "d/f": ("-rwsr-sr-x", 1000, 1001),
        "d/l": ("lrwxrwxrwx", 7, 8),
        "d/null": ("crw-rw-rw-", 1, 2),
    }


@needs_root
@pytest.mark.root
def test_a_group_is_not_inherited_from_a_directory_with_the_set_group_id_bit(target):
    apply(target, folder("d", 0o2775, gid=77), file("d/f"), folder("d/e"))
    assert (target / "d/f").stat().st_gid == 0
    assert stat.filemode((target / "d/e").stat().st_mode) == "drwxr-xr-x"


@needs_root
@pytest.mark.root
def test_a_capability_survives_the_change_of_owner(target):
    capability = bytes.fromhex("0100000200040000000000000000000000000000")[:20]
    apply(target, file("ping", b"x", 0o755, uid=3, xattrs={"security.capability": capability}))
    assert os.getxattr(target / "ping", "security.capability") == capability


def test_attributes_of_the_overlay_and_of_the_machine_are_dropped(target):
    foreign = ("user.overlay.opaque", "trusted.overlay.opaque", "trusted.overlay.redirect", "security.selinux")
    xattrs = {"user.kept": b"1", **dict.fromkeys(foreign, b"y")}
    apply(target, folder("d", xattrs=xattrs), file("f", xattrs=xattrs))
    assert os.listxattr(target / "d") == os.listxattr(target / "f") == ["user.kept"]


def test_the_users_own_attributes_of_a_link_are_dropped_because_no_kernel_keeps_them(target):
    apply(target, symlink("l", "x", xattrs={"user.a": b"b"}))
    assert os.listxattr(target / "l", follow_symlinks=False) == []


def test_read_only_directories_are_filled_before_they_become_so(target):
    apply(target, folder("d", 0o500), file("d/f"), folder("d/e", 0), file("d/e/g"))
    assert stat.filemode((target / "d").stat().st_mode) == "dr-x------"
    (target / "d").chmod(0o700)
    assert stat.filemode((target / "d/e").stat().st_mode) == "d---------"
    (target / "d/e").chmod(0o700)
    assert names(target) == ["d", "d/e", "d/e/g", "d/f"]


def test_a_sparse_file_keeps_its_holes(target):
    size = 64 << 20
    flat = b"0,4,%d,4" % (size - 4)
    parts = pax([(b"GNU.sparse.map", flat), (b"GNU.sparse.size", b"%d" % size)]), member(b"f", b"headtail")
    apply_layer(archive(*parts), target, rootless=ROOTLESS)
    status = (target / "f").stat()
    assert (status.st_size, status.st_blocks < 1000) == (size, True)
    with open(target / "f", "rb") as stream:
        assert stream.read(8) == b"head" + bytes(4)
        stream.seek(-8, 2)
        assert stream.read() == bytes(4) + b"tail"


def test_the_root_takes_the_attributes_of_its_entry(target):
    apply(target, folder("", 0o700, mtime_ns=10**9), file("f"))
    assert (stat.filemode(target.stat().st_mode), target.stat().st_mtime_ns) == ("drwx------", 10**9)


def test_without_an_entry_the_root_is_as_usual(target):
    target.mkdir(mode=0o711)
    apply(target)
    assert stat.filemode(target.stat().st_mode) == "drwxr-xr-x"


def test_the_root_can_be_nothing_but_a_directory(target):
    with pytest.raises(InvalidLayer, match="the root is a"):
        apply(target, symlink("x", "y"), Entry("", Kind.SYMLINK, linkname="etc"))


def test_a_directory_that_is_in_use_is_refused(target):
    make_file(target / "f")
    with pytest.raises(TargetNotEmpty):
        apply(target)


def test_parents_that_the_tar_lacks_are_made_with_the_time_of_what_needs_them(target):
    apply(target, file("a/b/c", mtime_ns=5 * 10**9), file("a/d", mtime_ns=9 * 10**9))
    for path in ("a", "a/b"):
        status = (target / path).stat()
        assert (stat.filemode(status.st_mode), status.st_mtime_ns) == ("drwxr-xr-x", 5 * 10**9)


def test_parents_that_the_tar_lacks_take_over_what_is_below(target, below):
    make_file(below / "a/b/old")
    (below / "a/b").chmod(0o1777)
    os.setxattr(below / "a/b", "user.x", b"y")
    if not ROOTLESS:
        os.chown(below / "a", 12, 34)
    os.utime(below / "a/b", ns=(1, 1_000_000_007))
    apply(target, file("a/b/c"), lower=below)
    for path in ("a", "a/b"):
        mine, theirs = (target / path).stat(), (below / path).stat()
        assert (mine.st_mode, mine.st_uid, mine.st_gid) == (theirs.st_mode, theirs.st_uid, theirs.st_gid)
        assert mine.st_mtime_ns == theirs.st_mtime_ns
    assert os.getxattr(target / "a/b", "user.x") == b"y"
    assert names(target) == ["a", "a/b", "a/b/c"]


def test_the_root_takes_over_what_is_below(target, below):
    below.chmod(0o711)
    apply(target, file("f"), lower=below)
    assert stat.filemode(target.stat().st_mode) == "drwx--x--x"


def test_an_entry_for_a_parent_wins_whenever_it_comes(target, below):
    make_file(below / "a/old")
    (below / "a").chmod(0o1777)
    apply(target, file("a/f"), folder("a", 0o711), lower=below)
    assert stat.filemode((target / "a").stat().st_mode) == "drwx--x--x"


# -- names that lead through links


@pytest.mark.parametrize("to", ["/etc", "../../../../etc", "../etc", "/../../etc", "etc"])
def test_a_link_of_the_same_tar_leads_nowhere_but_inside(target, tmp_path, to):
    outside = tmp_path / "etc"
    outside.mkdir()
    apply(target, symlink("a", to), file("a/passwd", b"mine"), folder("a/d"), hardlink("a/h", "a/passwd"))
    assert (target / "etc/passwd").read_bytes() == b"mine"
    assert names(target) == ["a", "etc", "etc/d", "etc/h", "etc/passwd"]
    assert list(outside.iterdir()) == []


def test_a_link_of_a_lower_layer_is_followed(target, below):
    os.makedirs(below / "run")
    os.makedirs(below / "var")
    os.symlink("/run", below / "var/run")
    (below / "run").chmod(0o700)
    apply(target, file("var/run/x"), file("var/run/y/z"), whiteout("var/run/old"), lower=below)
    assert names(target) == ["run", "run/old", "run/x", "run/y", "run/y/z", "var"]
    assert stat.filemode((target / "run").stat().st_mode) == "drwx------"


def test_links_are_followed_through_both_layers_and_back(target, below):
    os.makedirs(below / "a")
    os.symlink("../b/l", below / "a/up")
    apply(target, symlink("b/l", "/c/./d/../e"), file("a/up/f"), lower=below)
    assert (target / "c/e/f").exists()


def test_a_dangling_link_on_the_way_makes_its_target(target):
    apply(target, symlink("a", "b/c"), file("a/f"))
    assert (target / "b/c/f").exists()


def test_a_directory_of_this_layer_hides_the_link_below(target, below):
    os.makedirs(below / "var")
    os.symlink("/run", below / "var/run")
    apply(target, folder("var/run"), file("var/run/x"), lower=below)
    assert names(target) == ["var", "var/run", "var/run/x"]


def test_a_link_that_was_followed_may_be_replaced_later(target, below):
    os.makedirs(below / "var")
    os.symlink("/run", below / "var/run")
    apply(
        target,
        file("var/run/first"),
        folder("var/run"),
        file("var/run/second"),
        symlink("l", "one"),
        file("l/first"),
        symlink("l", "two"),
        file("l/second"),
        lower=below,
    )
    assert (target / "run/first").exists()
    assert (target / "var/run/second").exists()
    assert (target / "one/first").exists()
    assert (target / "two/second").exists()


@pytest.mark.parametrize("links", [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "a/x")]])
def test_links_that_lead_in_a_circle_are_refused(target, links):
    with pytest.raises(InvalidLayer, match="too many symbolic links"):
        apply(target, *(symlink(*link) for link in links), file("a/f"))


def test_a_file_on_the_way_is_refused(target, below):
    make_file(below / "low")
    with pytest.raises(InvalidLayer, match="not a directory"):
        apply(target, file("a"), file("a/b"))
    with pytest.raises(InvalidLayer, match="not a directory"):
        apply(target.with_name("other"), file("low/b"), lower=below)


def test_a_link_that_leads_to_a_reserved_name_is_refused(target):
    with pytest.raises(InvalidLayer, match="reserved name"):
        apply(target, symlink("a", ".wh.b"), file("a/f"))


def test_names_with_parents_never_come_this_far(target):
    with pytest.raises(EscapingName):
        apply_layer(archive(header(b"../x")), target, rootless=ROOTLESS)


# -- the same name twice


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (file("x", b"1"), file("x", b"2"), ["x"]),
        (file("x"), symlink("x", "y"), ["x"]),
        (symlink("x", "y"), file("x"), ["x"]),
        (symlink("x", "y"), symlink("x", "z"), ["x"]),
        (file("x"), folder("x"), ["x"]),
        (symlink("x", "y"), folder("x"), ["x"]),
        (Entry("x", Kind.FIFO), Entry("x", Kind.FIFO), ["x"]),
        (file("x/inner"), file("x", b"2"), ["x"]),
        (file("x/inner"), symlink("x", "y"), ["x"]),
        (file("x/inner"), folder("x"), ["x", "x/inner"]),
        (file("x/inner/most"), Entry("x", Kind.FIFO), ["x"]),
    ],
)
def test_the_last_one_wins(target, first, second, expected):
    apply(target, first, second)
    assert names(target) == expected
    entry, content = second if isinstance(second[0], Entry) else (second, b"")
    status = (target / "x").lstat()
    assert (
        stat.S_IFMT(status.st_mode)
        == {
            Kind.FILE: stat.S_IFREG,
            Kind.DIR: stat.S_IFDIR,
            Kind.SYMLINK: stat.S_IFLNK,
            Kind.FIFO: stat.S_IFIFO,
        }[entry.kind]
    )
    if entry.kind is Kind.FILE:
        assert (target / "x").read_bytes() == content
    if entry.kind is Kind.SYMLINK:
        assert os.readlink(target / "x") == entry.linkname


def test_a_file_is_never_written_through_the_link_that_it_replaces(target, tmp_path):
    outside = tmp_path / "victim"
    outside.write_text("untouched")
    apply(target, symlink("x", str(outside)), file("x", b"mine"))
    assert outside.read_text() == "untouched"


def test_directories_that_were_replaced_by_a_link_are_not_finished_through_it(target, tmp_path):
    outside = tmp_path / "outside"
    (outside / "d").mkdir(parents=True)
    (outside / "d").chmod(0o700)
    apply(target, folder("a"), folder("a/d", 0o777), symlink("a", str(outside)))
    assert stat.filemode((outside / "d").stat().st_mode) == "drwx------"


# -- hard links


def test_a_hard_link_to_nowhere_is_refused(target, below):
    with pytest.raises(InvalidLayer, match="not there"):
        apply(target, hardlink("h", "missing"))
    with pytest.raises(InvalidLayer, match="not there"):
        apply(target.with_name("b"), hardlink("h", "missing"), lower=below)
    with pytest.raises(InvalidLayer, match="not there"):
        apply(target.with_name("c"), whiteout("w"), hardlink("h", "w"))
    with pytest.raises(InvalidLayer, match="below itself"):
        apply(target.with_name("e"), file("d/f"), hardlink("d", "d/f"))
    with pytest.raises(InvalidLayer, match="a directory"):
        apply(target.with_name("d"), folder("d"), hardlink("h", "d"))


def test_a_hard_link_to_a_file_below_copies_it_up(target, below):
    make_file(below / "usr/bin/tool", b"program" * 1000)
    (below / "usr/bin/tool").chmod(0o4755)
    (below / "usr").chmod(0o711)
    os.utime(below / "usr/bin/tool", ns=(0, 1_234_567_891_000_000_000))
    if not ROOTLESS:
        os.chown(below / "usr/bin/tool", 42, 43)
        (below / "usr/bin/tool").chmod(0o4755)
    apply(target, hardlink("alias", "usr/bin/tool"), hardlink("second", "alias"), lower=below)
    mine, theirs = (target / "alias").stat(), (below / "usr/bin/tool").stat()
    assert mine.st_nlink == 3
    assert (mine.st_mode, mine.st_uid, mine.st_gid, mine.st_size, mine.st_mtime_ns) == (
        theirs.st_mode,
        theirs.st_uid,
        theirs.st_gid,
        theirs.st_size,
        theirs.st_mtime_ns,
    )
    assert (target / "alias").read_bytes() == b"program" * 1000
    assert stat.filemode((target / "usr").stat().st_mode) == "drwx--x--x"


def test_a_hard_link_to_a_link_below_links_the_link(target, below):
    os.symlink("somewhere", below / "l")
    apply(target, hardlink("h", "l"), lower=below)
    assert os.readlink(target / "h") == "somewhere"


def test_a_hard_links_names_lead_through_links_inside(target, below):
    os.symlink("/run", below / "r")
    make_file(below / "run/f", b"1")
    apply(target, hardlink("r/h", "r/f"), lower=below)
    assert (target / "run/h").read_bytes() == b"1"


def test_a_hard_link_to_itself_or_again_changes_nothing(target):
    apply(target, file("a", b"1"), hardlink("a", "a"), hardlink("b", "a"), hardlink("b", "a"))
    assert (target / "b").samefile(target / "a")
    assert (target / "a").read_bytes() == b"1"


def test_what_this_layer_hides_is_no_target(target, below):
    make_file(below / "d/f")
    with pytest.raises(InvalidLayer, match="not there"):
        apply(target, folder("d"), opaque_marker("d"), hardlink("h", "d/f"), lower=below)


def test_a_hard_link_is_never_to_the_target_of_a_link(target, tmp_path):
    outside = tmp_path / "secret"
    outside.write_text("secret")
    apply(target, symlink("l", str(outside)), hardlink("h", "l"))
    assert outside.stat().st_nlink == 1
    assert (target / "h").is_symlink()


# -- whiteouts


def test_whiteouts_take_the_overlays_form(target):
    apply(target, whiteout("gone"), whiteout("d/gone"), opaque_marker("o"), file("o/f"))
    assert is_whiteout(target / "gone")
    assert is_whiteout(target / "d/gone")
    assert opaque(target / "o")
    assert not opaque(target / "d")
    name = "user.overlay.opaque" if ROOTLESS else "trusted.overlay.opaque"
    assert name in os.listxattr(target / "o")


def test_the_mark_that_needs_no_privilege(target):
    apply_layer(tar(opaque_marker("o")), target, rootless=True)
    assert os.listxattr(target / "o") == ["user.overlay.opaque"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_whiteout_never_removes_what_its_own_layer_has(target, order):
    apply(target, *[file("f", b"mine"), whiteout("f")][::order])
    assert (target / "f").read_bytes() == b"mine"


@pytest.mark.parametrize("order", [1, -1])
def test_a_whiteout_beside_a_directory_hides_only_what_is_below(target, order):
    apply(target, *[folder("d", 0o711), whiteout("d")][::order], file("d/f"))
    assert (target / "d/f").exists()
    assert opaque(target / "d")
    assert stat.filemode((target / "d").stat().st_mode) == "drwx--x--x"


@pytest.mark.parametrize("order", [1, -1])
def test_an_opaque_marker_hides_only_what_is_below_wherever_it_stands(target, order):
    apply(target, *[file("d/f"), opaque_marker("d")][::order])
    assert (target / "d/f").exists()
    assert opaque(target / "d")


def test_something_in_a_directory_that_a_whiteout_hides(target, below):
    make_file(below / "d/old")
    (below / "d").chmod(0o700)
    apply(target, whiteout("d"), file("d/new"), lower=below)
    assert opaque(target / "d")
    assert stat.filemode((target / "d").stat().st_mode) == "drwxr-xr-x"
    assert UnionView([below, target]).listdir("/d") == ["new"]


def test_whiteouts_that_hide_nothing_are_kept_only_where_nobody_knows(target, below):
    make_file(below / "merged/f")
    items = [whiteout("new/w"), whiteout("merged/w"), whiteout("merged/f"), whiteout("o/w"), opaque_marker("o")]
    apply(target, *items)
    assert names(target) == ["merged", "merged/f", "merged/w", "new", "new/w", "o", "o/w"]
    (below / "o").mkdir()
    apply(target.with_name("b"), *items, whiteout("new/x"), file("new/x"), lower=below)
    assert names(target.with_name("b")) == ["merged", "merged/f", "merged/w", "new", "new/x", "o"]


def test_what_becomes_hidden_later_is_hidden_all_the_way_down(target, below):
    make_file(below / "d/sub/f")
    os.symlink("/elsewhere", below / "d/sub/l")
    apply(target, whiteout("d/sub/f"), opaque_marker("d"), file("d/sub/l/f"), lower=below)
    assert names(target) == ["d", "d/sub", "d/sub/l", "d/sub/l/f"]


def test_links_in_what_is_hidden_are_not_followed(target, below):
    os.makedirs(below / "d")
    os.symlink("/elsewhere", below / "d/l")
    apply(target, folder("d"), opaque_marker("d"), file("d/l/f"), lower=below)
    assert (target / "d/l/f").exists()


def test_a_device_0_0_is_a_whiteout(target):
    apply(target, Entry("w", Kind.CHAR, mode=0o600))
    assert is_whiteout(target / "w")
    apply(target.with_name("b"), file("w"), Entry("w", Kind.CHAR))
    assert (target.with_name("b") / "w").is_file()


def test_lower_layers_marks_are_understood(target, below):
    make_opaque(below / "d")
    make_whiteout(below / "w")
    with pytest.raises(InvalidLayer, match="not there"):
        apply(target, hardlink("h", "w"), lower=below)
    apply(target.with_name("b"), file("w/f"), lower=below)


# -- rootless, and failure


def test_rootless_skips_devices_and_counts_them(target):
    stream = tar(
        Entry("null", Kind.CHAR, mode=0o666, devmajor=1, devminor=3),
        Entry("sda", Kind.BLOCK, mode=0o660, devmajor=8),
        Entry("pipe", Kind.FIFO, mode=0o600),
    )
    applied = apply_layer(stream, target, rootless=True)
    assert applied.skipped == 2
    assert names(target) == ["pipe"]


def test_malformed_archives_are_reported(target):
    with pytest.raises(MalformedTar):
        apply_layer(io.BytesIO(member(b"f", b"x" * 600)[:900]), target, rootless=ROOTLESS)


@pytest.mark.parametrize("path", ["n" * 256, "d/" + "n" * 256, "n" * 256 + "/f"])
def test_names_that_the_file_system_cannot_hold_are_the_layers_fault(target, path):
    with pytest.raises(InvalidLayer, match="too long"):
        apply(target, file(path))


def test_what_the_file_system_refuses_is_not_the_layers_fault(target):
    # Larger than any file system's files: the size is only known once the file is there.
    size = (1 << 63) - 1
    records = [(b"GNU.sparse.map", b"0,0"), (b"GNU.sparse.size", b"%d" % size)]
    with pytest.raises((ApplyFailed, InvalidLayer)):
        apply_layer(io.BytesIO(pax(records) + member(b"f") + END), target, rootless=ROOTLESS)


@pytest.mark.root
def test_a_tree_deeper_than_python_recurses_is_made_and_replaced(target):
    deep = "/".join(["d"] * 1100)
    apply(target, folder(deep), file("d"), file(f"e/{deep}"))
    assert (target / "d").is_file()
    assert measure_layer(target).entries == 1102
    remove_tree(target)  # before pytest, which does recurse

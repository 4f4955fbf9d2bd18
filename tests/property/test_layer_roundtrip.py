"""Layers as bytes and as directories are each other's inverse, for any tree."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.layer import pax
from boxwright.layer.apply import apply_layer
from boxwright.layer.diff import measure_layer, write_layer
from boxwright.layer.entry import Entry, Kind, sort_key
from boxwright.layer.reader import read_entries
from boxwright.layer.writer import TarWriter
from support.trees import ROOTLESS, snapshot

SECOND = 10**9
NAMES = st.one_of(
    st.sampled_from(["a", "b", "a-b", "a.b", "B", "é", "\udcff", "x" * 120, "ü" * 100, " ", "\n", "..."]),
    st.text("ab/-.", min_size=1, max_size=4).map(lambda text: text.replace("/", "_")),
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh."))
OWNERS = st.just(os.geteuid()) if ROOTLESS else st.sampled_from([0, 1, 1000, 2097151, 2097152, 3_000_000_000])
MODES = st.sampled_from([0o644, 0o755, 0o4755, 0o600, 0, 0o2750, 0o1777])
TIMES = st.sampled_from([0, 1, 1_700_000_000, 5_000_000_000, -1, -(1 << 31)]).map(lambda seconds: seconds * SECOND)
XATTRS = st.dictionaries(st.sampled_from(["user.a", "user.b"]), st.binary(max_size=5), max_size=2)


def attributes(**more):
    return st.fixed_dictionaries({"mode": MODES, "uid": OWNERS, "gid": OWNERS, "mtime_ns": TIMES, **more})


LEAVES = st.one_of(
    st.tuples(st.just(Kind.FILE), attributes(xattrs=XATTRS), st.binary(max_size=700)),
    st.tuples(st.just(Kind.SYMLINK), attributes(linkname=st.sampled_from(["x", "/y", "../z", "é" * 80])), st.just(b"")),
    st.tuples(st.just(Kind.FIFO), attributes(), st.just(b"")),
    st.tuples(st.just(Kind.WHITEOUT), st.just({}), st.just(b"")),
    st.tuples(st.just(Kind.HARDLINK), st.just({}), st.just(b"")),
)
FOLDERS = st.tuples(attributes(xattrs=XATTRS), st.booleans())
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, st.tuples(FOLDERS, inner)), max_size=4),
    max_leaves=20,
)

Member = tuple[Entry, bytes]


def flattened(tree, prefix: str = "") -> list[Member]:
    """The members of a tree, in canonical order; a hard link leads to the first file, or is left out."""
    found: list[Member] = []
    for name, value in tree.items():
        path = prefix + name
        if len(value) == 2:
            (fields, opaque), inner = value
            found.append((Entry(path, Kind.DIR, **fields), b""))
            if opaque:
                found.append((Entry(path, Kind.OPAQUE), b""))
            found += flattened(inner, path + "/")
        else:
            kind, fields, content = value
            if kind is Kind.SYMLINK:
                fields = {**fields, "mode": 0o777}
            found.append((Entry(path, kind, size=len(content), **fields), content))
    if prefix:
        return found
    found.sort(key=lambda member: (sort_key(member[0].path), member[0].kind is Kind.OPAQUE))
    first = next((entry for entry, _ in found if entry.kind is Kind.FILE), None)
    linked = []
    for entry, content in found:
        if entry.kind is Kind.HARDLINK:
            if first is None or sort_key(entry.path) < sort_key(first.path):
                continue
            # A link is written with the attributes of the file, as any archiver does.
            entry = first._replace(path=entry.path, kind=Kind.HARDLINK, linkname=first.path, size=0, xattrs={})
        linked.append((entry, content))
    return linked


def tar(members: list[Member]) -> bytes:
    buffer = io.BytesIO()
    writer = TarWriter(buffer.write)
    for entry, content in members:
        writer.add(entry, content)
    writer.finish()
    return buffer.getvalue()


def written(fs: Path) -> bytes:
    buffer = io.BytesIO()
    write_layer(fs, buffer.write)
    return buffer.getvalue()


def applied(data: bytes, target: Path) -> Path:
    apply_layer(io.BytesIO(data), target, rootless=ROOTLESS)
    return target


@given(TREES.map(flattened))
@settings(deadline=None, max_examples=150)
def test_a_layer_applied_and_written_again_is_the_same(members):
    data = tar(members)
    with tempfile.TemporaryDirectory() as directory:
        one = applied(data, Path(directory, "one"))
        assert written(one) == data
        assert measure_layer(one)[1:3] == (len(data), len(members))
        two = applied(written(one), Path(directory, "two"))
        assert snapshot(two) == snapshot(one)


@given(TREES.map(flattened), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_the_members_does_not_matter(members, random):
    links = [member for member in members if member[0].kind is Kind.HARDLINK]
    others = [member for member in members if member[0].kind is not Kind.HARDLINK]
    random.shuffle(others)
    random.shuffle(links)
    with tempfile.TemporaryDirectory() as directory:
        one = applied(tar(members), Path(directory, "one"))
        two = applied(tar(others + links), Path(directory, "two"))
        assert written(two) == written(one)


@given(TREES.map(flattened))
@settings(deadline=None)
def test_what_the_writer_writes_the_reader_reads(members):
    found = [(entry, content.read() if content else b"") for entry, content in read_entries(io.BytesIO(tar(members)))]
    assert found == [(entry._replace(mode=entry.mode), content) for entry, content in members]


@given(
    st.lists(
        st.tuples(
            st.text("ab.é", min_size=1, max_size=3).map(str.encode),
            st.one_of(st.binary(), st.binary(max_size=2).map(lambda b: b * 60)),
        )
    )
)
def test_extended_records_are_read_as_they_were_written(records):
    assert [(key.encode(), value) for key, value in pax.parse_records(pax.format_records(records))] == records


@given(st.binary(max_size=64))
def test_any_bytes_are_records_or_an_error(data):
    try:
        list(pax.parse_records(data))
    except ValueError:
        pass  # which is all that may be raised

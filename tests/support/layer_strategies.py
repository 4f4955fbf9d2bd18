"""Hypothesis strategies for layers: random trees, as members of a tar."""

from __future__ import annotations

import io
import os

from hypothesis import strategies as st

from boxwright.layer.entry import Entry, Kind, sort_key
from boxwright.layer.writer import TarWriter
from support.trees import ROOTLESS

SECOND = 10**9
Member = tuple[Entry, bytes]

NAMES = st.one_of(
    st.sampled_from(["a", "b", "a-b", "a.b", "B", "é", "\udcff", "x" * 120, "ü" * 100, " ", "\n", "..."]),
    st.text("ab-.", min_size=1, max_size=4),
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh."))
FEW_NAMES = st.sampled_from(["a", "b", "c"])
OWNERS = st.just(os.geteuid()) if ROOTLESS else st.sampled_from([0, 1, 1000, 2097151, 2097152, 3_000_000_000])
# Without privileges one can't look into what one may not read.
MODES = st.sampled_from([0o755, 0o4755, 0o700] if ROOTLESS else [0o644, 0o755, 0o4755, 0o600, 0, 0o2750, 0o1777])
TIMES = st.sampled_from([0, 1, 1_700_000_000, 5_000_000_000, -1, -(1 << 31)]).map(lambda seconds: seconds * SECOND)
XATTRS = st.dictionaries(st.sampled_from(["user.a", "user.b"]), st.binary(max_size=5), max_size=2)


def _attributes(**more):
    return st.fixed_dictionaries({"mode": MODES, "uid": OWNERS, "gid": OWNERS, "mtime_ns": TIMES, **more})


def _leaves(targets):
    """(kind, attributes, content) of what is no directory."""
    return st.one_of(
        st.tuples(st.just(Kind.FILE), _attributes(xattrs=XATTRS), st.binary(max_size=700)),
        st.tuples(st.just(Kind.SYMLINK), _attributes(linkname=st.sampled_from(targets)), st.just(b"")),
        st.tuples(st.just(Kind.FIFO), _attributes(), st.just(b"")),
        st.tuples(st.just(Kind.WHITEOUT), st.just({}), st.just(b"")),
        st.tuples(st.just(Kind.HARDLINK), st.just({}), st.just(b"")),
    )


def trees(names=NAMES, targets=("x", "/y", "../z", "é" * 80), *, deep: int = 20):
    """Nested dictionaries: name → a leaf, or ((attributes, opaque), inner) for a directory."""
    leaves = _leaves(targets)
    folders = st.tuples(_attributes(xattrs=XATTRS), st.booleans())
    return st.recursive(
        st.dictionaries(names, leaves, max_size=4),
        lambda inner: st.dictionaries(names, st.one_of(leaves, st.tuples(folders, inner)), max_size=4),
        max_leaves=deep,
    )


def members(**options):
    """The members of a random layer, in canonical order."""
    return trees(**options).map(_members)


def loose_members(names, targets, *, most: int = 12):
    """The members of a random layer, in canonical order, whose directories may be implied, or links, or files."""
    paths = st.lists(names, min_size=1, max_size=3).map("/".join)
    folders = st.tuples(_attributes(), st.booleans()).map(lambda folder: (folder, {}))
    things = st.one_of(_leaves(targets), folders)
    return st.dictionaries(paths, things, min_size=2, max_size=most).map(_members)


def _members(tree) -> list[Member]:
    found = _flattened(tree, "")
    found.sort(key=lambda member: (sort_key(member[0].path), member[0].kind is Kind.OPAQUE))
    first = next((entry for entry, _ in found if entry.kind is Kind.FILE), None)
    made = []
    for entry, content in found:
        if entry.kind is Kind.HARDLINK:
            # Every hard link leads to the first file; one that would come before it is left out. It is written with
            # the attributes of the file, as any archiver does.
            if first is None or sort_key(entry.path) < sort_key(first.path):
                continue
            entry = first._replace(path=entry.path, kind=Kind.HARDLINK, linkname=first.path, size=0, xattrs={})
        made.append((entry, content))
    return made


def _flattened(tree, prefix: str) -> list[Member]:
    found: list[Member] = []
    for name, value in tree.items():
        path = prefix + name
        if len(value) == 2:
            (fields, opaque), inner = value
            found.append((Entry(path, Kind.DIR, **fields), b""))
            if opaque:
                found.append((Entry(path, Kind.OPAQUE), b""))
            found += _flattened(inner, path + "/")
        else:
            kind, fields, content = value
            if kind is Kind.SYMLINK:
                fields = {**fields, "mode": 0o777}
            found.append((Entry(path, kind, size=len(content), **fields), content))
    return found


def tar(found: list[Member]) -> bytes:
    """The archive of some members."""
    buffer = io.BytesIO()
    writer = TarWriter(buffer.write)
    for entry, content in found:
        writer.add(entry, content)
    writer.finish()
    return buffer.getvalue()

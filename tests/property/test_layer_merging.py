"""Layers applied alone and seen merged are what applying them one on the other would have made."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from boxwright.errors import BoxwrightError
from boxwright.host import mounts
from boxwright.layer.apply import InvalidLayer, apply_layer
from boxwright.layer.changes import changes
from boxwright.layer.entry import Kind
from boxwright.layer.union import Node, UnionView
from support.layer_strategies import FEW_NAMES, loose_members, tar
from support.merged import Ambiguous, Merged
from support.trees import ROOTLESS

# Few names and targets that exist: so that layers meet.
LAYERS = loose_members(FEW_NAMES, ("a", "/b", "../c", "b/c", "."))
KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIR,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
}


def told(node: Node):
    status = node.stat
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    what: object = node.target
    if kind is Kind.FILE:
        what = Path(node.location).read_bytes()
    return (kind.name, status.st_mode & 0o7777, status.st_uid, status.st_gid, what)


def seen(view: UnionView):
    return {node.path: told(node) for node in view.walk()}


@pytest.mark.skipif(os.geteuid() != 0, reason="the owner of the root directory is that of root")
@given(st.lists(LAYERS, min_size=2, max_size=3))
@settings(deadline=None, max_examples=250)
def test_applied_alone_and_merged_is_applied_on_each_other(layers):
    model = Merged()
    with tempfile.TemporaryDirectory() as directory:
        done: list[Path] = []
        for index, found in enumerate(layers):
            target = Path(directory, str(index))
            try:
                refused = model.apply(found)
            except Ambiguous:
                assume(False)
            if refused:
                with pytest.raises(InvalidLayer):
                    apply_layer(io.BytesIO(tar(found)), target, rootless=ROOTLESS, lower=UnionView(done))
                return
            apply_layer(io.BytesIO(tar(found)), target, rootless=ROOTLESS, lower=UnionView(done))
            before = UnionView(done)
            done.append(target)
            assert seen(UnionView(done)) == model.seen()
            compare_changes(before, UnionView(done), target)


def compare_changes(before: UnionView, after: UnionView, upper: Path) -> None:
    """Names told as added or deleted are those that came and went, apart from what went with its directory."""
    old, new = ({node.path for node in view.walk()} for view in (before, after))
    listed = changes(upper, before)
    assert {change.path for change in listed if change.kind == "A"} == new - old
    gone = {change.path for change in listed if change.kind == "D"}
    assert gone <= old - new
    changed = {change.path for change in listed if change.kind == "C"}
    assert changed <= old & new
    for path in old - new:
        above = {path[:at] for at in range(len(path)) if path[at] == "/"} | {path}
        assert above & (gone | changed)


@pytest.mark.root
@pytest.mark.skipif(ROOTLESS, reason="mounting needs root")
@given(st.lists(LAYERS, min_size=3, max_size=5))
@settings(deadline=None, max_examples=60)
def test_the_view_sees_what_the_kernels_overlay_shows(layers):
    with tempfile.TemporaryDirectory() as directory:
        stack: list[Path] = []
        for index, found in enumerate(layers):
            target = Path(directory, str(index))
            try:
                apply_layer(io.BytesIO(tar(found)), target, lower=UnionView(stack))
            except InvalidLayer:
                continue
            stack.append(target)
        if not stack:
            return
        merged = Path(directory, "merged")
        merged.mkdir()
        try:
            mounts.overlay(str(merged), [str(path) for path in stack])
        except (BoxwrightError, OSError) as error:
            pytest.skip(f"no overlay here: {error}")
        try:
            kernel = {}
            for path in [merged, *merged.rglob("*")]:
                status = path.lstat()
                target = os.readlink(path) if path.is_symlink() else ""
                name = "/" + str(path.relative_to(merged)) if path != merged else "/"
                kernel[name] = told(Node(name, str(path), status, target))
        finally:
            mounts.detach(str(merged))
        assert seen(UnionView(stack)) == kernel

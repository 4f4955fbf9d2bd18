"""Small images in a store, to push and to compare."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from boxwright.layer.diff import measure_layer
from boxwright.layer.union import UnionView
from boxwright.oci.config import ImageConfig, RunConfig
from boxwright.oci.digest import ChainID
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store import fsck
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store

AMD64 = Platform("linux", "amd64")
Files = Mapping[str, bytes]


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that nothing can compress, the same ones each time."""
    return random.Random(seed).randbytes(size)


def make_image(store: Store, *layers: Files, name: str = "made:1", cmd: str = "sh") -> ImageRecord:
    """Make an image with one layer for each mapping of paths to contents."""
    chain: ChainID | None = None
    diff_ids = []
    for files in layers:
        with store.snapshots.draft() as draft:
            for path, content in files.items():
                target = draft.fs / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            for directory, names, leaves in os.walk(draft.fs):
                for leaf in (*names, *leaves):
                    os.utime(Path(directory) / leaf, (1_700_000_000, 1_700_000_000))
            measured = measure_layer(draft.fs)
            chain = draft.commit(chain, measured.diff_id, measured.size).chain
            diff_ids.append(measured.diff_id)
    store.snapshots.make_durable()
    record = store.images.add(ImageConfig(AMD64, RunConfig(cmd=(cmd,)), tuple(diff_ids)))
    store.images.tag(Reference.parse(name), record.id)
    return record


def content(store: Store, record: ImageRecord) -> dict[str, bytes]:
    """Return every file of an image, as a container would see it."""
    stack = [store.snapshots.path(snapshot) for snapshot in store.snapshots.stack(record.chain)]
    view = UnionView(stack)
    return {node.path: view.read(node.path, 1 << 30) for node in view.walk("/") if node.real.is_file()}


def assert_sound(store: Store, *, garbage: bool = False) -> None:
    """Fail unless everything in the store is what it says; `garbage` may lie about after a crash."""
    findings: Sequence[fsck.Finding] = fsck.check(store, deep=True)
    bad = [finding for finding in findings if finding.severity == "damage" or not garbage]
    assert [finding for finding in bad if finding.severity != "stale"] == []

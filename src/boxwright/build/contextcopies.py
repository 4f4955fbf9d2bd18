"""Copies of the context, or of parts of it, for RUNs to mount: layers of their own, in the store as cached steps are.

A copy is found by its content. So a context that didn't change is copied once, however many steps of however many
builds mount it, and what is no longer used goes with the build cache. Nothing is removed when a step ends: that would
take longer than the copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from boxwright.build.copies import Destination
from boxwright.build.keys import StepKey, step_key
from boxwright.build.trees import Selection
from boxwright.host.locks import locked
from boxwright.host.paths import Path
from boxwright.oci.digest import ChainID, Digest, chain_id
from boxwright.store.leases import Lease
from boxwright.store.store import Store

NAME = "copy"
"""What the copy is called in its layer: a file or a directory."""


@contextmanager
def context_copy(
    store: Store,
    selections: Sequence[Selection],
    content: Digest,
    settle: Callable[[Mapping[str, str]], Digest],
    *,
    made_ns: int,
    cancelled: Callable[[], bool],
) -> Iterator[Path]:
    """Yield the directory of a layer with a copy of what is selected, everything root's, called `NAME`.

    `content` is the digest of what is selected. `settle` is told what was copied (file → sha256), and returns the
    digest of that: the files may have changed meanwhile. The layer stays for the block at least.
    """
    with store.leases.hold() as lease:
        key = _key(content)
        chain = _known(store, lease, key)
        if chain is None:
            lock = store.layout.lock("step", key.key[:32])
            with locked(lock):
                try:
                    chain = _known(store, lease, key) or _make(store, lease, selections, settle, made_ns, cancelled)
                finally:
                    os.unlink(lock)
        yield store.snapshots.path(store.snapshots.require(chain))


def _key(content: Digest) -> StepKey:
    return step_key({"op": "context", "content": content})


def _known(store: Store, lease: Lease, key: StepKey) -> ChainID | None:
    step = store.steps.lookup(key.key)
    if step is None or step.chain is None:
        return None
    lease.add("snapshot", step.chain)
    if step.chain not in store.snapshots:  # collected before it was claimed
        return None
    store.steps.touch([key.key])
    return step.chain


def _make(
    store: Store,
    lease: Lease,
    selections: Sequence[Selection],
    settle: Callable[[Mapping[str, str]], Digest],
    made_ns: int,
    cancelled: Callable[[], bool],
) -> ChainID:
    from boxwright.build.placing import Staging
    from boxwright.build.writing import write
    from boxwright.layer.union import UnionView

    staging = Staging(UnionView([]), owned=False, made_ns=made_ns)
    for selection in selections:
        staging.copy(selection, Destination(f"/{NAME}", False))
    with store.snapshots.draft() as draft:
        written = write(staging.placements(), draft.fs, cancelled=cancelled)
        key = _key(settle(written.digests))
        chain = chain_id(None, written.diff_id)
        lease.add("snapshot", chain)
        draft.commit(None, written.diff_id, written.size, usage=written.content)
    store.steps.record(key.key, chain, document=key.document)
    return chain

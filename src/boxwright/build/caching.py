"""One step through the cache: answered by it, or done once by whoever comes first, and remembered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boxwright.build.actions import Document, Work
from boxwright.build.failure import CommandFailed
from boxwright.build.keys import StepKey, step_key
from boxwright.build.together import Together
from boxwright.host.locks import locked
from boxwright.oci.digest import ChainID, DiffID, chain_id
from boxwright.store.steps import CachedStep
from boxwright.store.store import Store
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.imports import Imports
    from boxwright.store.leases import Lease
    from boxwright.store.snapshots import Draft


class Answer(NamedTuple):
    """What a step gave."""

    key: str
    chain: ChainID | None
    """The layers after it."""
    diff_id: DiffID | None
    """Of the layer that it made; None when it made none."""
    created: int
    """Seconds since the epoch."""
    cached: bool
    added: int | None
    """Bytes of content in a layer that was made just now."""
    document: Document


class Cache:
    """The step cache as one build uses it; thread-safe."""

    def __init__(
        self,
        store: Store,
        *,
        read: bool = True,
        imports: Imports | None = None,
        together: Together | None = None,
        written: int | None = None,
    ) -> None:
        """Without `read` nothing is answered but what `together` has done, and everything is remembered all the same.

        What is done now is remembered as of `written`, in seconds since the epoch; None for now. What `imports` answer
        is remembered once its layers are here; the end of `together` ends fetching them.
        """
        self._store = store
        self._written = written
        self._read = read
        self._imports = imports if read else None
        self._together = together or Together(share_steps=False)
        self._awaited: dict[ChainID, list[tuple[StepKey, int]]] = {}
        self._lease: Lease | None = None
        self._lock = threading.Lock()
        self._used: list[str] = []
        self.wrote = False
        """Whether any layer was made."""

    def metadata(self, lineage: str, history: str, *, anew: bool = False) -> Answer:
        """Answer a step that changes no files: all there is to remember of it is when it was first taken.

        `lineage` names all that came before. With `anew` what is remembered is not asked for.
        """
        document = {"op": "metadata", "on": lineage, "history": history}
        key = step_key(document)
        step = self._lookup(key) if not anew else None
        cached = step is not None
        if step is None:
            found = self._imports.find(key.key, None) if self._imports is not None and not anew else None
            cached = found is not None
            created = found.created if found is not None else self._written
            step = self._store.steps.record(key.key, None, document=key.document, created=created)
            self._together.note(key.key)
        return Answer(key.key, None, None, step.created, cached, None, document)

    def answer(self, work: Work, parent: ChainID | None) -> Answer | None:
        """Return what the cache has for this work, None when it has nothing."""
        document = work.document() if self._read or self._together.shares_steps else None
        if document is None:
            return None
        key = step_key(document)
        step = self._lookup(key)
        if step is not None and document.get("link"):
            step = self._on(parent, step)
        if step is not None:
            return self._answer(key, step, parent, document, added=None)
        return self._imported(key, parent, document) if self._imports is not None else None

    def need(self, chain: ChainID | None) -> None:
        """Have the layers of an answer in the store, and keep them there until `finish`.

        Raises LayersLost when another cache promised them in vain, and CancelledError.
        """
        if chain is None or self._imports is None:
            return
        self._claim(chain, exists=False)
        if chain in self._store.snapshots:
            return
        assert self._lease is not None, "something is claimed"
        self._imports.fetch(chain, self._lease, self._together.cancelled)
        self.wrote = True
        with self._lock:
            here = [awaited for awaited in self._awaited if awaited in self._store.snapshots]
            arrived = [(awaited, *each) for awaited in here for each in self._awaited.pop(awaited)]
        for awaited, key, created in arrived:
            self._store.steps.record(key.key, awaited, document=key.document, created=created)

    def _imported(self, key: StepKey, parent: ChainID | None, document: Document) -> Answer | None:
        assert self._imports is not None
        found = self._imports.find(key.key, parent)
        if found is None:
            return None
        if found.chain is None or found.chain in self._store.snapshots:
            self._claim(found.chain, exists=False)
            self._store.steps.record(key.key, found.chain, document=key.document, created=found.created)
        else:
            with self._lock:
                self._awaited.setdefault(found.chain, []).append((key, found.created))
        return Answer(key.key, found.chain, found.layer, found.created, True, None, document)

    def do(
        self,
        work: Work,
        parent: ChainID | None,
        failed: Callable[[CommandFailed, Draft], Exception],
        finished: Callable[[Draft], None] = lambda draft: None,
        *,
        anew: bool = False,
    ) -> Answer:
        """Do the work, unless another build has just done the same, and remember what it gave.

        With `anew` it is done in any case.

        `failed` is called while the draft of a command that failed is still there, and returns what is to be raised;
        `finished` when work went well, before its draft becomes a layer, and only reads.
        Raises whatever else `Work.make` raises.
        """
        with self._alone(work.lock):
            found = self.answer(work, parent) if not anew else None
            if found is not None:
                return found
            self.need(parent)
            self._claim(parent)
            with self._store.snapshots.draft() as draft:
                try:
                    made = work.make(draft)
                except CommandFailed as failure:
                    raise failed(failure, draft) from None
                finished(draft)
                document = work.made_of()
                key = step_key(document)
                chain = parent
                if made is not None:
                    self._claim(chain_id(parent, made.diff_id), exists=False)
                    chain = draft.commit(parent, made.diff_id, made.size, usage=made.content).chain
                    self.wrote = True
            step = self._store.steps.record(key.key, chain, document=key.document, created=self._written)
            self._together.note(key.key)
            return self._answer(key, step, parent, document, added=made.content if made is not None else None)

    def finish(self) -> None:
        """Note which steps were used, and give up the claims on layers. Call it in any case."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()
        if self._used:
            self._store.steps.touch(self._used)

    def _lookup(self, key: StepKey) -> CachedStep | None:
        if not self._read and not self._together.has_done(key.key):
            return None
        step = self._store.steps.lookup(key.key)
        if step is not None:
            self._used.append(key.key)
        return step

    def _on(self, parent: ChainID | None, step: CachedStep) -> CachedStep | None:
        """Return a step that depends on nothing below it as one on top of `parent`; None where it can't be put there.

        The layer's files are those of the one that is there: further names of them, in directories of its own.
        """
        assert step.chain is not None
        layer = self._store.snapshots.require(step.chain)
        chain = chain_id(parent, layer.diff_id)
        self._claim(chain, exists=False)
        if chain not in self._store.snapshots:
            from boxwright.host.trees import link_tree

            self._claim(step.chain)
            self.need(parent)
            self._claim(parent)
            with self._store.snapshots.draft() as draft:
                if not link_tree(self._store.snapshots.path(layer), draft.fs):
                    return None
                draft.commit(parent, layer.diff_id, layer.size, usage=layer.usage, epoch=layer.epoch)
            self.wrote = True
        return step._replace(chain=chain)

    def _answer(
        self, key: StepKey, step: CachedStep, parent: ChainID | None, document: Document, *, added: int | None
    ) -> Answer:
        diff_id = None
        if step.chain is not None and step.chain != parent:
            diff_id = self._store.snapshots.require(step.chain).diff_id
        return Answer(key.key, step.chain, diff_id, step.created, added is None, added, document)

    def _claim(self, chain: ChainID | None, *, exists: bool = True) -> None:
        """Keep layers from being collected while this build needs them. Raises SnapshotNotFound."""
        if chain is None:
            return
        with self._lock:
            if self._lease is None:
                self._lease = self._store.leases.hold()
        self._lease.add("snapshot", chain)
        if exists:
            self._store.snapshots.require(chain)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        path = self._store.layout.lock("step", name[:32])
        with locked(path):
            try:
                yield
            finally:
                os.unlink(path)

"""Layers that are made of the layers of a build, not by its steps: squashed into one, or with their times bounded.

Both are remembered in the step cache like any step, under the layers that they are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from boxwright.build.actions import Document, Layers, Made
from boxwright.build.keys import step_key
from boxwright.host.paths import Path
from boxwright.oci.config import History
from boxwright.oci.digest import ChainID, DiffID, Digest
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.caching import Cache
    from boxwright.build.failure import CommandFailed
    from boxwright.build.filechanges import FileChange
    from boxwright.build.planned import BaseImage
    from boxwright.build.state import ImageState
    from boxwright.store.snapshots import Draft


def squashed(state: ImageState, base: BaseImage | None, store: Store, cache: Cache) -> ImageState:
    """Return the image with all that was built on `base` in one layer, as docker's ``--squash`` makes it.

    With fewer than two layers above it there is nothing to do.
    """
    kept = len(base.config.diff_ids) if base is not None else 0
    if len(state.diff_ids) - kept < 2:
        return state
    below = Layers(store, base.chain if base is not None else None)

    def difference() -> BinaryIO:
        from boxwright.layer.diff import tar_pieces
        from boxwright.layer.merged import differences
        from boxwright.layer.streams import PieceStream

        return PieceStream(tar_pieces(differences(Layers(store, state.chain).view(), below.view())))

    made = _made(_LayerWork({"op": "squash", "layers": state.chain}, difference, below), cache)
    merged = f"merge {Digest.of(state.image_config().to_bytes())} to {base.id if base is not None else 'scratch'}"
    filled, history = 0, []
    for line in state.history:
        filled += not line.empty_layer
        history.append(line._replace(empty_layer=True) if filled > kept else line)
    history.append(History(state.created, comment=merged))
    diff_ids = (*state.diff_ids[:kept], made[1])
    return state._replace(chain=made[0], diff_ids=diff_ids, history=tuple(history), image=None)


def clamped(state: ImageState, base: BaseImage | None, epoch: int, store: Store, cache: Cache) -> ImageState:
    """Return the image with no file in what was built on `base` that is newer than `epoch`, in seconds."""
    kept = len(base.config.diff_ids) if base is not None else 0
    chain, diff_ids = base.chain if base is not None else None, list(state.diff_ids[:kept])
    for snapshot in store.snapshots.stack(state.chain)[kept:]:
        path = store.snapshots.path(snapshot)

        def layer(path: Path = path) -> BinaryIO:
            from boxwright.layer.diff import open_layer

            return open_layer(path, epoch=epoch)

        document = {"op": "clamp", "layer": snapshot.diff_id, "epoch": epoch}
        chain, diff_id = _made(_LayerWork(document, layer, Layers(store, chain)), cache)
        diff_ids.append(diff_id)
    if chain == state.chain:
        return state
    return state._replace(chain=chain, diff_ids=tuple(diff_ids), image=None)


def _made(work: _LayerWork, cache: Cache) -> tuple[ChainID, DiffID]:
    parent = work.below.chain
    answer = cache.answer(work, parent) or cache.do(work, parent, _never)
    assert answer.chain is not None
    assert answer.diff_id is not None
    return answer.chain, answer.diff_id


def _never(failure: CommandFailed, draft: Draft) -> Exception:
    return failure


class _LayerWork:
    """A layer out of a tar stream (see `actions.Work`)."""

    __slots__ = ("_document", "_stream", "below")

    def __init__(self, document: Document, stream: Callable[[], BinaryIO], below: Layers) -> None:
        self._document = {**document, "parent": below.chain}
        self._stream = stream
        self.below = below

    def document(self) -> Document:
        return self._document

    made_of = document

    def changes(self) -> list[FileChange]:
        return []

    @property
    def lock(self) -> str:
        return step_key(self._document).key

    def make(self, draft: Draft) -> Made:
        from boxwright.layer.apply import apply_layer
        from boxwright.layer.diff import measure_layer

        with self._stream() as stream:
            apply_layer(stream, draft.fs, lower=self.below.view() if self.below.chain is not None else None)
        measured = measure_layer(draft.fs)
        return Made(measured.diff_id, measured.size, measured.content)

"""How what is copied from a stage differs from what the stage had before."""

from __future__ import annotations

from boxwright.build.actions import Layers
from boxwright.build.contents import hash_file, states_of
from boxwright.build.copies import CopyAction
from boxwright.build.filechanges import FileChange, FileState, compare
from boxwright.build.filters import Filter
from boxwright.build.scan import Item
from boxwright.build.trees import SourceNotFound, ViewTree
from boxwright.oci.digest import ChainID
from boxwright.store.snapshots import SnapshotNotFound
from boxwright.store.store import Store


def changes_between(
    store: Store, before: ChainID | None, after: ChainID | None, action: CopyAction
) -> list[FileChange]:
    """Compare what `action` copies in two stacks of layers; empty when one of them is no longer there.

    A file that both have from the same layer is read once.
    """
    if before is None:
        return []
    known: dict[str, str] = {}
    wanted = Filter(action.excludes, parents=action.parents) if action.excludes or action.parents else None

    def hasher(item: Item) -> str:
        if item.real not in known:
            known[item.real] = hash_file(item)
        return known[item.real]

    def states(chain: ChainID | None) -> dict[str, FileState]:
        return states_of(ViewTree(Layers(store, chain), "the stage").select(action.sources, wanted), hasher)

    try:
        return compare(states(before), states(after))
    except (SnapshotNotFound, SourceNotFound):
        return []

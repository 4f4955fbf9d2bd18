"""What is reachable, and removing what is not: the part that removal, pruning and collection share.

Roots are images, containers, cached steps and the leases of living processes. Rows go first, in one transaction;
directories and blobs follow, each checked again in the transaction that takes it away. So a kill leaves garbage,
never a row without what it names, and a process that leases a name first and looks afterwards is never cheated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from boxwright.host import faults
from boxwright.host.paths import Path
from boxwright.oci.digest import ChainID, Digest
from boxwright.store.database import Row
from boxwright.store.snapshots import remove_snapshots
from boxwright.store.trash import remove_directories
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.store.store import Store

_LIVE_CHAINS = """
WITH RECURSIVE live (chain) AS (
    SELECT chain FROM images WHERE chain IS NOT NULL
    UNION SELECT chain FROM containers WHERE chain IS NOT NULL
    UNION SELECT chain FROM steps WHERE chain IS NOT NULL
    UNION SELECT value FROM json_each(?)
    UNION SELECT parent FROM live JOIN snapshots USING (chain) WHERE parent IS NOT NULL
)
SELECT chain, parent, usage, blob_digest FROM snapshots WHERE chain NOT IN (SELECT chain FROM live) ORDER BY chain
"""

_NAMED_BLOBS = """
SELECT id FROM images
UNION SELECT manifest_digest FROM images WHERE manifest_digest IS NOT NULL
UNION SELECT blob_digest FROM snapshots WHERE blob_digest IS NOT NULL
UNION SELECT digest FROM attachments
"""


class Reclaimed(NamedTuple):
    """What a removal gave back."""

    snapshots: tuple[ChainID, ...] = ()
    blobs: tuple[Digest, ...] = ()
    bytes: int = 0

    def plus(self, other: Reclaimed) -> Reclaimed:
        return Reclaimed(self.snapshots + other.snapshots, self.blobs + other.blobs, self.bytes + other.bytes)


class Unreachable(NamedTuple):
    """Snapshots whose rows are gone, and what remains to be removed of them."""

    chains: tuple[ChainID, ...]
    directories: tuple[Path, ...]
    blobs: tuple[Digest, ...]
    usage: int


def unreachable_snapshots(store: Store) -> list[ChainID]:
    """Return the chains that nothing refers to. To act on the answer, ask inside the transaction that acts."""
    return [ChainID(Digest(row[0])) for row in _unreachable(store)]


def _unreachable(store: Store) -> list[Row]:
    return store.database.rows(_LIVE_CHAINS, json.dumps(sorted(store.leases.held("snapshot"))))


def forget_unreachable_snapshots(store: Store, among: Iterable[ChainID] | None = None) -> Unreachable:
    """Delete the rows of snapshots that nothing refers to, in the caller's transaction; `finish` does the rest.

    Only those `among` the given ones, where given, with what is stacked on them: that is unreachable too.
    """
    rows = _unreachable(store)
    if among is not None:
        wanted = set(among)
        while grown := {chain for chain, parent, *_ in rows if parent in wanted} - wanted:
            wanted |= grown
        rows = [row for row in rows if row[0] in wanted]
    rows = _topmost_first(rows)
    chains = [ChainID(Digest(row[0])) for row in rows]
    directories = remove_snapshots(store.database, store.layout.snapshots, chains)
    blobs = tuple(Digest(row[3]) for row in rows if row[3])
    return Unreachable(tuple(chains), tuple(directories), blobs, sum(row[2] for row in rows))


def _topmost_first(rows: list[Row]) -> list[Row]:
    parents = {row[0]: row[1] for row in rows}

    def depth(chain: str | None) -> int:
        count = 0
        while chain is not None:
            chain = parents.get(chain)
            count += 1
        return count

    return sorted(rows, key=lambda row: (-depth(row[0]), row[0]))


def named_blobs(store: Store) -> set[str]:
    """Return the digests of all blobs that rows name: configurations, manifests, layers."""
    return {row[0] for row in store.database.rows(_NAMED_BLOBS)}


def finish(store: Store, gone: Unreachable, blobs: Iterable[Digest] = ()) -> Reclaimed:
    """After the transaction: remove the directories of `gone`, and its blobs and `blobs` unless somebody names them."""
    remove_directories(list(gone.directories))
    removed, freed = remove_unnamed_blobs(store, [*gone.blobs, *blobs])
    return Reclaimed(gone.chains, removed, gone.usage + freed)


def remove_unnamed_blobs(store: Store, candidates: Iterable[Digest]) -> tuple[tuple[Digest, ...], int]:
    """Remove those of the blobs that no row names and nobody leases; return them and the bytes freed."""
    taken: dict[Digest, Path] = {}
    with store.database.transaction():
        kept = named_blobs(store) | store.leases.held("blob")
        for digest in candidates:
            if digest not in kept and digest not in taken:
                # A rename, for a large file takes long to unlink and others wait for this transaction.
                moved = store.blobs.take_away(digest)
                if moved is not None:
                    taken[digest] = moved
    freed = 0
    for path in taken.values():
        try:
            freed += os.stat(path).st_size
            os.unlink(path)
        except FileNotFoundError:
            continue  # another collector found it in the ingest directory
        faults.point("a blob is removed")
    return tuple(taken), freed

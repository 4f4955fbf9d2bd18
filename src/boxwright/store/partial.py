"""Blobs that came in part: what an interrupted pull leaves for the next one.

A partial blob is a file of the ingest directory under a name that its digest tells. Whoever writes it holds its lock;
there is one for each digest, and a second writer makes a file of its own. It is believed as long as the machine runs:
after a power failure a file may have its length, but not its bytes, so the name tells the boot, too. What is wrong with
it otherwise, its digest tells in the end.
"""

from __future__ import annotations

import os
import time

from boxwright.host.paths import Path
from boxwright.oci.digest import Digest
from boxwright.store.owner import boot_id

LEAST_BYTES = 1 << 20
"""What is smaller is fetched again."""

_PREFIX = "partial-"
_KEPT_SECONDS = 24 * 3600


def path_of(ingest: Path, digest: Digest) -> Path:
    """Return where the partial blob of a digest is, or would be."""
    return ingest / f"{_prefix()}{digest.replace(':', '-')}"


def is_kept(path: Path) -> bool:
    """Return whether a file that nobody writes is a partial blob which a pull may still take up: for a day."""
    if not os.path.basename(path).startswith(_prefix()):
        return False
    try:
        return time.time() - os.stat(path).st_mtime < _KEPT_SECONDS
    except FileNotFoundError:
        return False


def _prefix() -> str:
    return f"{_PREFIX}{boot_id()[:8]}-"

"""Claiming and destroying bytes: what a storage does under the protection of the database.

Every blob has a row before it has bytes. A collector condemns the row, in a transaction; destroys the bytes, in none,
since a storage may be slow; and forgets the row. In between nobody can claim it, so no push can mistake bytes that are
about to go for its own. Who was killed in the middle left a condemned row, and whoever wants the blob next finishes
what was begun: what is condemned is destroyed before it is anything else again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from boxwright.errors import UnavailableError
from boxwright.host import faults
from boxwright.hub.db.holders import new_holder
from boxwright.hub.db.metadata import BlobCondemned, MetadataStore
from boxwright.hub.storage.base import BlobStorage
from boxwright.oci.digest import Digest

_log = logging.getLogger(__name__)

CONDEMNED_SECONDS = 30.0
"""How long a destroyer that is heard of no more is waited for. On the same machine its death is seen at once."""

PATIENCE_SECONDS = 45.0
"""Longer than that, so that who pushes waits, but does not fail, when a server elsewhere died."""

_POLL_SECONDS = 0.1

_BATCH = 100
_BATCH_SECONDS = 1.0
"""How long garbage is destroyed before its rows are forgotten: a push of the same content waits for that."""


def claim(
    storage: BlobStorage, metadata: MetadataStore, digest: Digest, size: int, *, patience: float = PATIENCE_SECONDS
) -> None:
    """Claim a blob whose bytes are about to be stored, waiting while somebody destroys what is there. For a thread.

    Raises BlobCondemned after `patience` seconds, and what the storage raises.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            metadata.claim_blob(digest, size)
        except BlobCondemned:
            # Nothing was touched before the epoch: this is given what somebody left behind, and nothing else.
            if destroy(storage, metadata, [digest], 0.0):
                continue
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def destroy(storage: BlobStorage, metadata: MetadataStore, digests: Sequence[Digest], before: float) -> list[Digest]:
    """Destroy what is garbage still of `digests`, not touched since `before`; return which. For a thread.

    Killed at any point it leaves garbage. Raises what the storage raises, after it let the rest be.
    """
    destroyed: list[Digest] = []
    left = list(digests)
    while left:
        holder = new_holder()
        condemned = metadata.condemn_blobs(left[:_BATCH], before, holder, CONDEMNED_SECONDS)
        left = left[_BATCH:]
        if not condemned:
            continue
        faults.point("garbage is condemned")
        gone: list[Digest] = []
        try:
            with _keeping(metadata, condemned, holder):
                _destroy_some(storage, condemned, gone)
        finally:
            forget(metadata, gone, holder)
            rest = condemned[len(gone) :]
            if rest:
                metadata.spare_condemned(rest, holder)
        destroyed += gone
        left = rest + left
    return destroyed


def forget(metadata: MetadataStore, gone: Sequence[Digest], holder: str) -> None:
    """Forget the rows of bytes that `holder` destroyed."""
    if gone and metadata.forget_condemned(gone, holder) < len(gone):
        # It was not heard of for so long that others went on, and may have stored what it then destroyed.
        _log.error("removing garbage took too long: let hub fsck look whether something is missing")


def _destroy_some(storage: BlobStorage, condemned: Sequence[Digest], gone: list[Digest]) -> None:
    end = time.monotonic() + _BATCH_SECONDS
    for digest in condemned:
        storage.delete(digest)
        gone.append(digest)
        faults.point("garbage is destroyed")
        if time.monotonic() > end:
            return


@contextmanager
def _keeping(metadata: MetadataStore, condemned: Sequence[Digest], holder: str) -> Iterator[None]:
    """Stay the one who destroys them during the block, however slow the storage is."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(CONDEMNED_SECONDS / 3):
            try:
                metadata.keep_condemned(condemned, holder, CONDEMNED_SECONDS)
            except UnavailableError:
                continue  # perhaps the database is there again before the time is over

    thread = threading.Thread(target=keep, name="garbage", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

"""The contract of a blob storage on a bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

from boxwright.host import faults
from boxwright.hub.storage.base import BlobMissing, IncomingState
from boxwright.hub.storage.s3.bucket import Bucket
from boxwright.hub.storage.s3.incoming import (
    PART_BYTES,
    Checkpoint,
    S3Incoming,
    TailBudget,
    data_key,
    state_key,
    whole_key,
)
from boxwright.hub.storage.s3.links import Link, Links
from boxwright.hub.storage.s3.reader import BlobReader
from boxwright.oci.digest import Digest

_RECORDS = "records/"

_SENDERS = 8
"""Parts of all uploads that are sent at a time."""

_TAIL_BYTES = 64 << 20

REDIRECT_SECONDS = 3600
"""How long a URL that clients are redirected to lets them begin. What they read by then they read to its end."""


class S3BlobStorage:
    """A `BlobStorage` in a bucket. Any number of them, in any number of processes, may share one."""

    __slots__ = ("_bucket", "_budget", "_links", "_lock", "_open", "_pool")

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._links = Links(bucket)
        self._budget = TailBudget(_TAIL_BYTES)
        self._pool = ThreadPoolExecutor(_SENDERS, "s3-parts")
        self._open: dict[str, S3Incoming] = {}
        self._lock = threading.Lock()

    @property
    def least_chunk(self) -> int:
        # What is less than a part is stored whole at the end of each request, and read again by the next one.
        return PART_BYTES

    def begin(self, key: str) -> S3Incoming:
        return self._opened(key, S3Incoming.begin(self._bucket, self._pool, self._budget, key))

    def resume(self, key: str) -> S3Incoming:
        self._close(key)
        return self._opened(key, S3Incoming.resume(self._bucket, self._pool, self._budget, key))

    def _opened(self, key: str, incoming: S3Incoming) -> S3Incoming:
        with self._lock:
            self._open[key] = incoming
        return incoming

    def _close(self, key: str) -> None:
        """Have what this process holds of an upload stored, so that the store knows everything."""
        with self._lock:
            incoming = self._open.pop(key, None)
        if incoming is not None:
            incoming.close()

    def commit(self, key: str, digest: Digest) -> None:
        with self._lock:
            incoming = self._open.pop(key, None)
        if incoming is None or incoming.ended:
            incoming = S3Incoming.resume(self._bucket, self._pool, self._budget, key)
        held = self._intact(digest, incoming.size)
        if held is None:
            link = incoming.become(digest)
            self._link(digest, link)
        incoming.end()
        if held is None or held.key == data_key(key):
            self._bucket.delete(state_key(key))
        else:
            self.abort(key)
        faults.point("a blob is durable")

    def _intact(self, digest: Digest, size: int) -> Link | None:
        """Return where a blob is, if that is still true: a deletion may have died half-way."""
        link = self._links.find(digest, fresh=True)
        if link is None or link.size != size:
            return None
        stat = self._bucket.stat(link.key)
        return link if stat is not None and stat.size == size else None

    def _link(self, digest: Digest, link: Link) -> None:
        if self._links.add(digest, link):
            faults.point("a blob has its name")
            return
        # Somebody else was quicker with the same content, or the link that is there leads nowhere.
        other = self._intact(digest, link.size)
        if other is None:
            self._links.replace(digest, link)
        elif other.key != link.key:
            self._bucket.delete(link.key)

    def abort(self, key: str) -> None:
        with self._lock:
            incoming = self._open.pop(key, None)
        if incoming is not None:
            incoming.end()
        stat = self._bucket.stat(state_key(key))
        digest = Checkpoint.read(stat).digest if stat is not None else None
        link = self._links.find(Digest.parse(digest), fresh=True) if digest else None
        self._bucket.abort(data_key(key))
        if link is None or link.key != data_key(key):
            self._bucket.delete(data_key(key))
        # Last: as long as it is there, the sweep finds the rest.
        self._bucket.delete(state_key(key))

    def incoming(self) -> Iterator[IncomingState]:
        prefix = state_key("")
        known = set()
        for name in self._bucket.keys(prefix):
            stat = self._bucket.stat(name)
            if stat is not None:
                known.add(key := name.removeprefix(prefix))
                yield IncomingState(key, Checkpoint.read(stat).offset + stat.size, stat.changed)
        for pending in self._bucket.pending(data_key("")):
            if (key := pending.key.removeprefix(data_key(""))) not in known:
                yield IncomingState(key, 0, pending.begun)

    def open(self, digest: Digest) -> BinaryIO:
        link = self._links.find(digest)
        if link is None:
            raise BlobMissing(digest)
        return cast(BinaryIO, BlobReader(self._bucket, self._links, digest, link))

    def size(self, digest: Digest) -> int | None:
        link = self._links.find(digest)
        return None if link is None else link.size

    def redirect(self, digest: Digest) -> str | None:
        # Not what is remembered: the client could not find out that it is out of date.
        link = self._links.find(digest, fresh=True)
        if link is None:
            raise BlobMissing(digest)
        return self._bucket.sign(link.key, REDIRECT_SECONDS)

    def blobs(self) -> Iterator[Digest]:
        return self._links.digests()

    def put_record(self, key: str, content: bytes) -> None:
        self._bucket.put(_RECORDS + key, content)

    def record(self, key: str) -> bytes | None:
        stream = self._bucket.get(_RECORDS + key)
        if stream is None:
            return None
        content = bytearray()
        try:
            while chunk := stream.read(1 << 20):
                content += chunk
        finally:
            stream.close()
        return bytes(content)

    def records(self, prefix: str) -> Iterator[str]:
        for key in self._bucket.keys(_RECORDS + prefix):
            yield key.removeprefix(_RECORDS)

    def delete_record(self, key: str) -> None:
        self._bucket.delete(_RECORDS + key)

    def delete(self, digest: Digest) -> None:
        link = self._links.find(digest, fresh=True)
        # Without a link there may be content that was stored whole by somebody who died before he named it.
        self._bucket.delete(whole_key(digest) if link is None else link.key)
        faults.point("a blob's bytes are gone")
        # After the bytes: it alone says where they are.
        self._links.remove(digest)

    def close(self) -> None:
        with self._lock:
            still_open, self._open = list(self._open.values()), {}
        for incoming in still_open:
            incoming.close()
        self._pool.shutdown()

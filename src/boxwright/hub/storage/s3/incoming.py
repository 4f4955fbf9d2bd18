"""An upload as parts of a multipart upload, and a tail that is too short for one.

What S3 says: a part has 5 MiB at least, unless it is the last one; there are 10,000 at most; parts cannot be read
before the upload is complete, and nothing can be added after it.

So bytes wait in memory until they fill a part. At a checkpoint, which the end of every request is, what waits is stored
in an object of its own together with how many parts came before it: a single write, so that a kill leaves the one
checkpoint or the other. Parts that arrived after the last checkpoint are found by listing them. That is all that
another process needs to go on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from threading import Lock

from boxwright.errors import UnavailableError
from boxwright.host import faults
from boxwright.hub.storage.base import IncomingMissing, IncomingSealed, Piece
from boxwright.hub.storage.s3.bucket import Bucket, Part, Stat
from boxwright.hub.storage.s3.links import Link
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

_log = logging.getLogger(__name__)

PART_BYTES = 8 << 20
_PARTS_OF_A_SIZE = 2000
"""After so many parts they are twice as large: 10,000 of them are 496 GiB. Up to 16 GiB all parts have one size, which
some stores insist on."""

_PARTS_UNDER_WAY = 3
"""Of one upload."""

_READ_BYTES = 4 << 20

_UPLOAD_ID, _PARTS, _OFFSET, _DIGEST = "upload-id", "parts", "offset", "digest"


def state_key(key: str) -> str:
    return f"uploads/{key}"


def data_key(key: str) -> str:
    return f"data/{key}"


def whole_key(digest: Digest) -> str:
    """Return where content goes that fits one request: the same content to the same place, so that it needs no
    tidying up after a kill."""
    return f"data/{digest.algorithm}-{digest.hex}"


class TailBudget:
    """How many bytes of tails may stay in memory between requests, of all uploads together."""

    __slots__ = ("_left", "_lock")

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def take(self, size: int) -> bool:
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size


class Checkpoint(NamedTuple):
    """What the state object of an upload says. Its body is the tail."""

    upload_id: str | None = None
    parts: int = 0
    """How many parts come before the tail."""
    offset: int = 0
    """How many bytes are in them."""
    digest: str | None = None
    """What the complete upload is about to become."""

    @classmethod
    def read(cls, stat: Stat) -> Checkpoint:
        given = stat.metadata
        return cls(given.get(_UPLOAD_ID), int(given.get(_PARTS, 0)), int(given.get(_OFFSET, 0)), given.get(_DIGEST))

    def metadata(self) -> dict[str, str]:
        value = {_PARTS: str(self.parts), _OFFSET: str(self.offset)}
        if self.upload_id:
            value[_UPLOAD_ID] = self.upload_id
        if self.digest:
            value[_DIGEST] = self.digest
        return value


class _Flight(NamedTuple):
    """A part on its way to the store. The bytes stay until it has arrived."""

    number: int
    body: bytes
    future: Future[Part]


class S3Incoming:
    """An `Incoming` in a bucket."""

    __slots__ = (
        "_bucket",
        "_budget",
        "_budgeted",
        "_checkpoint",
        "_dirty",
        "_ended",
        "_flights",
        "_key",
        "_parts",
        "_pool",
        "_sealed",
        "_size",
        "_tail",
    )

    def __init__(
        self,
        bucket: Bucket,
        pool: Executor,
        budget: TailBudget,
        key: str,
        checkpoint: Checkpoint,
        parts: list[Part],
        *,
        tail_size: int,
        tail: bytearray | None = None,
        sealed: bool = False,
    ) -> None:
        self._bucket = bucket
        self._pool = pool
        self._budget = budget
        self._budgeted = 0
        self._key = key
        self._checkpoint = checkpoint
        self._parts = parts
        self._flights: deque[_Flight] = deque()
        self._tail = tail
        """None: as the state object has it."""
        self._size = sum(part.size for part in parts) + tail_size
        self._dirty = False
        self._sealed = sealed
        self._ended = False

    @classmethod
    def begin(cls, bucket: Bucket, pool: Executor, budget: TailBudget, key: str) -> S3Incoming:
        """Raises FileExistsError."""
        checkpoint = Checkpoint()
        if not bucket.put_new(state_key(key), b"", checkpoint.metadata()):
            raise FileExistsError(key)
        faults.point("an upload is begun")
        return cls(bucket, pool, budget, key, checkpoint, [], tail_size=0, tail=bytearray())

    @classmethod
    def resume(cls, bucket: Bucket, pool: Executor, budget: TailBudget, key: str) -> S3Incoming:
        """Raises IncomingMissing."""
        stat = bucket.stat(state_key(key))
        if stat is None:
            raise IncomingMissing(key)
        checkpoint = Checkpoint.read(stat)
        if checkpoint.upload_id is None:
            return cls(bucket, pool, budget, key, checkpoint, [], tail_size=stat.size)
        listed = bucket.parts(data_key(key), checkpoint.upload_id)
        if listed is None:
            # Completed, by somebody who died before it became a blob; or the store's own rules aborted it.
            whole = bucket.stat(data_key(key))
            if whole is None:
                raise IncomingMissing(key)
            return cls(bucket, pool, budget, key, checkpoint, [], tail_size=whole.size, sealed=True)
        parts = _without_gaps(listed)
        if len(parts) < checkpoint.parts:
            raise IncomingMissing(key)
        if len(parts) > checkpoint.parts:
            # Parts went on after the checkpoint, and the first of them begins with its tail.
            return cls(bucket, pool, budget, key, checkpoint, parts, tail_size=0, tail=bytearray())
        return cls(bucket, pool, budget, key, checkpoint, parts, tail_size=stat.size)

    @property
    def size(self) -> int:
        return self._size

    @property
    def ended(self) -> bool:
        """Whether nothing can be done with this object any more."""
        return self._ended

    def append(self, chunks: Sequence[Piece]) -> None:
        if self._sealed:
            raise IncomingSealed(self._key)
        added = sum(map(len, chunks))
        # What can fail comes first: all or nothing.
        self._settle(_PARTS_UNDER_WAY - 1)
        tail = self._recalled_tail()
        if self._checkpoint.upload_id is None and len(tail) + added >= PART_BYTES:
            self._begin_parts()
        for chunk in chunks:
            tail += chunk
        while len(tail) >= (length := self._next_part_size()):
            body = bytes(memoryview(tail)[:length])
            del tail[:length]
            self._launch(body)
        self._size += added
        self._dirty = self._dirty or added > 0

    def _begin_parts(self) -> None:
        upload_id = self._bucket.create_parts(data_key(self._key))
        faults.point("a multipart upload is begun")
        # Written down before there are parts, which cost money and would not be found otherwise.
        self._write(self._checkpoint._replace(upload_id=upload_id), bytes(self._recalled_tail()))
        faults.point("a multipart upload is written down")

    def _next_part_size(self) -> int:
        return PART_BYTES << ((len(self._parts) + len(self._flights)) // _PARTS_OF_A_SIZE)

    def _launch(self, body: bytes) -> None:
        upload_id = self._checkpoint.upload_id
        assert upload_id is not None
        number = len(self._parts) + len(self._flights) + 1
        sending = self._pool.submit(self._bucket.put_part, data_key(self._key), upload_id, number, body)
        self._flights.append(_Flight(number, body, sending))

    def _settle(self, allowed: int) -> None:
        """Take note of parts that have arrived, and wait until at most `allowed` are under way.

        A part that failed is sent again; when that fails, too, this raises, and the next call tries anew.
        """
        while self._flights and (len(self._flights) > allowed or self._flights[0].future.done()):
            flight = self._flights[0]
            try:
                part = flight.future.result()
            except UnavailableError:
                assert self._checkpoint.upload_id is not None
                part = self._bucket.put_part(
                    data_key(self._key), self._checkpoint.upload_id, flight.number, flight.body
                )
            self._parts.append(part)
            self._flights.popleft()
            faults.point("a part arrived")

    def _recalled_tail(self) -> bytearray:
        if self._budgeted:
            self._budget.give_back(self._budgeted)
            self._budgeted = 0
        if self._tail is None:
            stream = self._bucket.get(state_key(self._key))
            if stream is None:
                raise IncomingMissing(self._key)
            tail = bytearray()
            try:
                while chunk := stream.read(_READ_BYTES):
                    tail += chunk
            finally:
                stream.close()
            if len(tail) != self._size - sum(part.size for part in self._parts):
                raise IncomingMissing(self._key)  # another process went on with it
            self._tail = tail
        return self._tail

    def flush(self) -> None:
        """Nothing to do: parts are sent as soon as they are full."""

    def checkpoint(self) -> None:
        if not self._dirty or self._sealed or self._ended:
            return
        self._settle(0)
        tail = bytes(self._recalled_tail())
        offset = sum(part.size for part in self._parts)
        self._write(self._checkpoint._replace(parts=len(self._parts), offset=offset), tail)
        faults.point("a checkpoint of an upload is stored")
        self._dirty = False
        if self._budget.take(len(tail)):
            self._budgeted = len(tail)
        else:
            self._tail = None

    def _write(self, checkpoint: Checkpoint, tail: bytes) -> None:
        self._bucket.put(state_key(self._key), tail, checkpoint.metadata())
        self._checkpoint = checkpoint

    def read(self) -> Iterator[bytes]:
        """Yield everything. Parts cannot be read, so this ends the upload: nothing can be appended any more."""
        if self._checkpoint.upload_id is None:
            yield bytes(self._recalled_tail())
            return
        self._seal()
        stream = self._bucket.get(data_key(self._key))
        if stream is None:
            raise IncomingMissing(self._key)
        try:
            while chunk := stream.read(_READ_BYTES):
                yield chunk
        finally:
            stream.close()

    def _seal(self) -> None:
        """Make the parts one object."""
        if self._sealed:
            return
        self._settle(0)
        tail = self._recalled_tail()
        if tail:
            self._launch(bytes(tail))
            self._settle(0)
            self._tail = bytearray()
        assert self._checkpoint.upload_id is not None
        self._bucket.complete(data_key(self._key), self._checkpoint.upload_id, self._parts, self._size)
        self._sealed = True
        faults.point("a multipart upload is complete")

    def become(self, digest: Digest) -> Link:
        """Store the content where a link may point to; the caller has verified that it has this digest."""
        if self._checkpoint.upload_id is None:
            key = whole_key(digest)
            self._bucket.put(key, bytes(self._recalled_tail()))
        else:
            key = data_key(self._key)
            self._seal()
            # With this `abort` tells a blob's object from one that nobody will ever name.
            self._write(self._checkpoint._replace(digest=digest), b"")
        faults.point("an upload is durable")
        return Link(key, self._size)

    def end(self) -> None:
        """Let go of the bytes: the upload was committed or aborted. Idempotent."""
        self._ended = True
        while self._flights:
            # Whatever comes of it: but a part must not arrive after the upload was aborted.
            self._flights.popleft().future.exception()
        self._forget_tail()

    def _forget_tail(self) -> None:
        if self._budgeted:
            self._budget.give_back(self._budgeted)
            self._budgeted = 0
        self._tail = None

    def close(self, *, keep: bool = True) -> None:
        if self._ended:
            return
        try:
            if keep:
                self.checkpoint()
        except UnavailableError as error:
            # The bytes since the last checkpoint are lost, of which no client was told that they had arrived.
            _log.warning("upload %s: %s", self._key, error)
        self.end()


def _without_gaps(listed: list[Part]) -> list[Part]:
    """Return the parts before the first missing one: several are sent at a time, and may arrive in any order."""
    parts: list[Part] = []
    for part in sorted(listed, key=lambda one: one.number):
        if part.number != len(parts) + 1:
            break
        parts.append(part)
    return parts

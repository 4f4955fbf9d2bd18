"""Bodies around bodies: one that may not be longer than it should."""

from __future__ import annotations

from boxwright.errors import InvalidError
from boxwright.hub.registry.call import Body
from boxwright.hub.storage.base import Piece


class BodyTooLong(InvalidError):
    """A body holds more than may be taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body has more than {limit} bytes")
        self.limit = limit


class CappedBody:
    """A `Body` of at most `limit` bytes: raises BodyTooLong instead of giving out the batch that passes it."""

    __slots__ = ("_body", "_left", "_limit")

    def __init__(self, body: Body, limit: int) -> None:
        self._body = body
        self._limit = self._left = limit

    @property
    def length(self) -> int | None:
        return self._body.length

    async def next_batch(self) -> list[Piece]:
        if self.length is not None and self.length > self._limit:
            raise BodyTooLong(self._limit)  # before it is asked for
        batch = await self._body.next_batch()
        self._left -= sum(map(len, batch))
        if self._left < 0:
            raise BodyTooLong(self._limit)
        return batch

    async def read(self, limit: int) -> bytes | None:
        return await self._body.read(min(limit, self._limit))

"""A request and its answer as values, free of any HTTP library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

from boxwright.errors import UnavailableError
from boxwright.hub.registry.access import FullPermit, Origin, Permit
from boxwright.hub.registry.ranges import Span
from boxwright.hub.registry.routes import Route, Target
from boxwright.hub.storage.base import Piece
from boxwright.values import NamedTuple


class BodyBroken(UnavailableError):
    """The client went away, fell silent or broke the framing before the body's end. What came before it is sound."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the request's body broke off: {why}")


class Body(Protocol):
    """The body of a request. It is asked for only when somebody reads it (``Expect: 100-continue``)."""

    @property
    def length(self) -> int | None:
        """What Content-Length announced; None for a chunked body."""

    async def next_batch(self) -> list[Piece]:
        """Return the next chunks, together roughly a MiB; nothing at the end. Raises BodyBroken.

        What came before a break is returned first. The chunks are lent: when the call after the next one is made, they
        may be filled with something else.
        """

    async def read(self, limit: int) -> bytes | None:
        """Return the whole body, None when it is longer than `limit` bytes. Raises BodyBroken."""


_ANYBODY = FullPermit()


class Call(NamedTuple):
    """A request. `headers` are looked up regardless of case."""

    method: str
    route: Route
    target: Target
    headers: Mapping[str, str]
    body: Body
    origin: Origin = Origin()
    permit: Permit = _ANYBODY

    @property
    def user(self) -> str:
        """The account that calls; "" for an anonymous one."""
        return self.permit.name


@runtime_checkable
class Growing(Protocol):
    """Bytes that are still on their way here."""

    async def read_at(self, position: int, count: int) -> bytes:
        """Return from one to `count` bytes, waiting for them. Raises EOFError when they will never come."""

    def close(self) -> None:
        """Let go of it. Idempotent."""


class Stretches(NamedTuple):
    """An answer's body that lies in a file: bytes to be sent as they are, between spans of the file.

    Whoever sends it closes the file.
    """

    file: BinaryIO | Growing
    pieces: tuple[bytes | Span, ...]

    @property
    def length(self) -> int:
        return sum(piece.length if isinstance(piece, Span) else len(piece) for piece in self.pieces)


class Reply(NamedTuple):
    """An answer. Content-Length is the body's, unless the headers state one (the answer to HEAD has no body)."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | Stretches = b""

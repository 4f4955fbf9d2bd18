"""What happens to layers on their way, as events; and what becomes of them. Nothing here prints.

Events come from several threads. A layer is named as people see it: on a pull by its blob's digest, on a push by its
DiffID, since its blob may not exist before it has been sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

__all__ = [
    "Event",
    "LayerBytes",
    "LayerDone",
    "LayerExists",
    "LayerMounted",
    "Notice",
    "PlaceFailed",
    "Sink",
    "Waiting",
    "Warned",
    "ignore",
]


class Waiting(NamedTuple):
    """Tells a progress sink that a request is repeated after `seconds`, and why."""

    why: str
    seconds: float
    attempt: int


class Warned(NamedTuple):
    """What a registry wants its users to know, once a client (distribution-spec "Warnings")."""

    host: str
    text: str


class PlaceFailed(NamedTuple):
    """A mirror doesn't give what is wanted, so the next place is asked."""

    why: str


class LayerExists(NamedTuple):
    """The other side has it already."""

    layer: Digest


class LayerMounted(NamedTuple):
    """The registry took it from another of its repositories."""

    layer: Digest
    source: str


class LayerBytes(NamedTuple):
    """`done` bytes have passed, compressed; `total` is None as long as nobody knows. `done` may fall: a new start."""

    layer: Digest
    done: int
    total: int | None


class LayerDone(NamedTuple):
    """It is there whole, after `size` compressed bytes."""

    layer: Digest
    size: int


Notice: TypeAlias = Waiting | Warned
"""What a client of a registry tells, whatever it does."""
Event: TypeAlias = LayerExists | LayerMounted | LayerBytes | LayerDone | Notice | PlaceFailed
Sink: TypeAlias = Callable[[Event], object]


def ignore(event: Event) -> None:
    """The sink of whoever doesn't want to know."""

"""One instruction of a described image, and the images that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from boxwright.dockerfile.quoting import flag_value
from boxwright.engine.described.callers import Place
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.engine.described.image import Image


class Line(NamedTuple):
    parts: tuple[str | Image, ...]
    """Its text, with images in place of the names that they will have as stages."""
    body: bool
    """It goes on below with the body of a here-document."""
    place: Place

    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.parts if not isinstance(part, str))

    def text(self, names: Mapping[int, str]) -> str:
        """Return the instruction; `names` are those of the images, by `id`."""
        return "".join(part if isinstance(part, str) else names[id(part)] for part in self.parts)


def flag(name: str, value: str | Image | tuple[str | Image, ...]) -> tuple[str | Image, ...]:
    """Return ``--name=value `` as parts; a text is what the flag's value is once it is unquoted."""
    values = value if isinstance(value, tuple) else (value,)
    quoted = (flag_value(part) if isinstance(part, str) else part for part in values)
    return (f"--{name}=", *quoted, " ")

"""What a function takes, so that each is told of what fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from boxwright.bake.values import ConversionError, Type, Value, convert
from boxwright.values import NamedTuple

NULLABLE = Type("any", names=("nullable",))
"""Any value, and null, too."""


class Function(NamedTuple):
    do: Callable[..., Any]
    params: tuple[Type, ...]
    rest: Type | None = None
    """Of all further arguments."""
    optional: int = 0
    """How many of the last parameters may be left out."""

    def __call__(self, arguments: Sequence[Value]) -> Value:
        """Return what it returns. Raises ValueError."""
        count, most = len(arguments), len(self.params)
        if count < most - self.optional or (count > most and self.rest is None):
            raise ValueError(
                f"it takes {_count(most, self.optional, rest=self.rest is not None)}, and here are {count}"
            )
        taken = []
        for number, argument in enumerate(arguments):
            wanted = self.params[number] if number < most else self.rest
            assert wanted is not None
            if argument is None and wanted != NULLABLE:
                raise ValueError(f"argument {number + 1} is null")
            try:
                taken.append(convert(argument, wanted))
            except ConversionError as error:
                raise ValueError(f"argument {number + 1}: {error}") from None
        return self.do(*taken)


def _count(most: int, optional: int, *, rest: bool) -> str:
    if rest:
        return f"{most} arguments or more"
    words = f"{most - optional} to {most}" if optional else str(most)
    return f"{words} argument{'' if most == 1 else 's'}"

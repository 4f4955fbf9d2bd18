"""Verbs that take several operands do what they can, and say what they could not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from boxwright.errors import BoxwrightError


def each(operands: Sequence[str], act: Callable[[str], object], *, show: bool = False) -> int:
    """Call `act` for every operand, reporting errors as they come; return 1 when there was one, else 0.

    With `show`, an operand that went well is printed, as docker prints it.
    """
    failed = False
    for operand in operands:
        try:
            act(operand)
        except BoxwrightError as error:
            from boxwright.cli.report import report

            report(error)
            failed = True
        else:
            if show:
                print(operand, flush=True)
    return int(failed)

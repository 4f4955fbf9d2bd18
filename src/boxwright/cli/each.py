"""Verbs that take several operands do what they can, and say what they could not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from boxwright.errors import BoxwrightError, NotFoundError


def each(
    operands: Sequence[str], act: Callable[[str], object], *, show: bool = False, missing_is_fine: bool = False
) -> int:
    """Call `act` for every operand, reporting errors as they come; return 1 when there was one, else 0.

    With `show`, an operand that went well is printed, as docker prints it. With `missing_is_fine`, what isn't there is
    reported, but no failure: after ``rm -f`` it is gone, which is what was wanted.
    """
    failed = False
    for operand in operands:
        try:
            act(operand)
        except BoxwrightError as error:
            from boxwright.cli.report import report

            report(error)
            failed = failed or not (missing_is_fine and isinstance(error, NotFoundError))
        else:
            if show:
                print(operand, flush=True)
    return int(failed)

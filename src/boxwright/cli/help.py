"""Help as docker lays it out: how to call a command, what it does, its operands, commands and options."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boxwright.cli.parsing import Option, Parser

# Where the second column begins at most.
_COLUMN = 38


def render(parser: Parser) -> str:
    """Return the text of ``--help``, as wide as the terminal within reason."""
    sections = {
        "Operands": [(operand.metavar, operand.help or "") for operand in parser.operands],
        "Commands": [*parser.elsewhere.items(), *((name, summary) for name, (_, summary) in parser.commands.items())],
        "Options": [(_invocation(option), option.help) for option in parser.options if option.help is not None],
    }
    longest = max(len(left) for rows in sections.values() for left, _ in rows)
    column, width = min(longest + 4, _COLUMN), _width()
    lines = [f"Usage: {usage(parser)}", ""]
    if parser.description:
        lines += [parser.description, ""]
    for title, rows in sections.items():
        if rows:
            lines.append(f"{title}:")
            for left, right in rows:
                lines += _row(left, right, column, width)
            lines.append("")
    return "\n".join(lines)


def usage(parser: Parser) -> str:
    """Return how to call the command, without the word "Usage"."""
    if parser.usage is not None:
        return parser.usage
    shown = {"": "{}", "?": "[{}]", "*": "[{} ...]", "+": "{0} [{0} ...]", "...": "[{}...]"}
    operands = [shown[operand.nargs].format(operand.metavar) for operand in parser.operands]
    return " ".join([parser.prog, "[OPTIONS]", *operands, *(["COMMAND"] if parser.commands else [])])


def _invocation(option: Option) -> str:
    # Long options stand below each other, whether or not there is a short one.
    names = ", ".join(option.names)
    names = names if len(option.names[0]) == 2 else f"    {names}"
    return f"{names} {option.metavar}" if option.takes_value else names


def _row(left: str, right: str, column: int, width: int) -> list[str]:
    wrapped = textwrap.wrap(right, width - column) or [""]
    if len(left) + 4 > column:
        return [f"  {left}", *(" " * column + line for line in wrapped)]
    return [f"  {left}".ljust(column) + wrapped[0], *(" " * column + line for line in wrapped[1:])]


def _width() -> int:
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):  # no terminal
        columns = 80
    return max(80, min(columns, 120))

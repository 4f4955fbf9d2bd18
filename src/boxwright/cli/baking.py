"""``bake``: what its flags say, and what ``--print`` and ``--list`` show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import UsageError

if TYPE_CHECKING:
    from boxwright.bake.definition import Definition

_LISTS = ("targets", "variables")
_FORMATS = ("table", "json")


def variables(items: Sequence[str]) -> dict[str, str]:
    """Read ``--var NAME=VALUE``. Raises UsageError."""
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"invalid variable {item!r}", hint="write --var NAME=VALUE")
        found[name] = value
    return found


def as_json(value: Any) -> str:
    """Return a value as buildx prints it."""
    from boxwright.bake.values import to_json

    return to_json(value, indent=2)


def listed(what: str, definition: Definition) -> str:
    """Return what ``--list`` shows. Raises UsageError."""
    kind, form = _list(what)
    if kind == "variables":
        found = sorted(definition.variables)
        if form == "json":
            shown: list[dict[str, Any]] = [
                {
                    "name": each.name,
                    **({"description": each.description} if each.description else {}),
                    **({"type": each.type} if each.type else {}),
                    **({"value": each.value} if each.value is not None else {}),
                }
                for each in found
            ]
            return as_json(shown or None)
        rows = [
            [each.name, each.type, "<null>" if each.value is None else each.value, each.description] for each in found
        ]
        return _table([["VARIABLE", "TYPE", "VALUE", "DESCRIPTION"], *rows])
    told = sorted(_targets(definition))
    if form == "json":
        named = [
            {"name": name, **({"description": text} if text else {}), **({"group": True} if group else {})}
            for name, group, text in told
        ]
        return as_json(named or None)
    return _table([["TARGET", "DESCRIPTION"], *([name, text] for name, _, text in told)])


def _targets(definition: Definition) -> Iterable[tuple[str, bool, str]]:
    """Yield the name of each target and group, whether it is a group, and what is said of it."""
    for target in definition.targets.values():
        yield target.name, False, target.description or ""
    for group in definition.groups.values():
        members = ", ".join(sorted(group.targets))
        text = f"{group.description} ({members})" if group.description and members else group.description or members
        yield group.name, True, text


def _list(what: str) -> tuple[str, str]:
    if what in _LISTS:
        return what, "table"
    options = {"type": "", "format": "table"}
    for field in what.split(","):
        name, equals, value = field.partition("=")
        if not equals and not options["type"]:
            name, value = "type", name
        if name not in options:
            raise UsageError(f"invalid --list {what!r}", hint="write --list type=targets,format=json")
        options[name] = value
    for name, known in (("type", _LISTS), ("format", _FORMATS)):
        if options[name] not in known:
            raise UsageError(f"--list: unknown {name} {options[name]!r}", hint=f"it is one of {', '.join(known)}")
    return options["type"], options["format"]


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )

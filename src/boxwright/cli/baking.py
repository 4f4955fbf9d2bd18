"""``bake``: what its flags say, and what ``--print`` and ``--list`` show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import UsageError

if TYPE_CHECKING:
    from boxwright.bake.definition import Definition
    from boxwright.bake.selection import Selection
    from boxwright.build.request import BuildResult
    from boxwright.engine.baking.jobs import Means
    from boxwright.engine.engine import Engine

_BUILD = "build"
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


def overrides(args: Any, call: str) -> Iterable[str]:
    """Yield what flags mean as values of ``--set``. Raises UsageError."""
    from boxwright.cli.calls import parse

    if args.push:
        yield "*.push=true"
    if args.load:
        yield "*.load=true"
    if call != _BUILD:
        yield f"*.call={parse(call).method}"
    for name, said in (("no-cache", args.no_cache), ("pull", args.pull)):
        if said is not None:
            yield f"*.{name}={'true' if said else 'false'}"
    for kind, text in (("sbom", args.sbom), ("provenance", args.provenance)):
        if text:
            yield f"*.attest=type={kind},{_attestation(kind, text)}"


def _attestation(kind: str, text: str) -> str:
    """Return the fields that the value of ``--sbom`` or ``--provenance`` means."""
    from boxwright.bake.values import parse_bool

    switch = parse_bool(text)
    if switch is not None:
        return f"disabled={'false' if switch else 'true'}"
    return text if "=" in text else f"{'format' if kind == 'sbom' else 'mode'}={text}"


def called(selection: Selection) -> list[str]:
    """Return the targets that are only to be looked at."""
    return [name for name, target in selection.targets.items() if (target.call or _BUILD) != _BUILD]


def answer(call: str, selection: Selection, means: Means, engine: Engine) -> int:
    """Print what the Dockerfiles of targets say of themselves; return 1 when a check found something."""
    from boxwright.cli.calls import found, parse
    from boxwright.engine.baking.jobs import job

    as_json = call != _BUILD and parse(call).as_json
    code = 0
    told: dict[str, Any] = {}
    for number, name in enumerate(sorted(called(selection))):
        target = selection.targets[name]
        asked = parse(str(target.call))._replace(as_json=as_json)
        status, shown = found(asked, job(target, means, {}, needed=False), engine)
        code = code or status
        if isinstance(shown, dict):
            told[name] = {_BUILD: target.to_json(), asked.method: shown}
            continue
        title = [name, *([target.description] if target.description else []), ""]
        print("\n".join([*([""] if number else []), *title, *shown]))
    if as_json:
        print(
            shown_json({**{key: each for key, each in selection.to_json().items() if key == "group"}, "target": told})
        )
    return code


def write_metadata(path: str, selection: Selection, results: Mapping[str, BuildResult]) -> None:
    """Write what was built to a file, as buildx tells it: by target, without those that others needed alone."""
    import json

    from boxwright.host import durable

    told = {
        name: result.metadata or {"containerimage.config.digest": result.image, "containerimage.digest": result.image}
        for name, result in results.items()
        if name not in selection.linked
    }
    durable.write(path, (json.dumps(told, indent=2, sort_keys=True) + "\n").encode(), durable=False)


def shown_json(value: Any) -> str:
    """Return a value as buildx prints it."""
    from boxwright.bake.values import to_json

    return to_json(value, indent=2, sort=False)


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
            return shown_json(shown or None)
        rows = [
            [each.name, each.type, "<null>" if each.value is None else each.value, each.description] for each in found
        ]
        return _table([["VARIABLE", "TYPE", "VALUE", "DESCRIPTION"], *rows])
    told = sorted(each for each in _targets(definition) if not each[0].startswith("_"))  # those are for inheriting
    if form == "json":
        named = [
            {"name": name, **({"description": text} if text else {}), **({"group": True} if group else {})}
            for name, group, text in told
        ]
        return shown_json(named or None)
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

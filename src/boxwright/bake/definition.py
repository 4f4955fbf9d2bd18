"""Files → the targets, groups and variables that they define."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from boxwright.bake.bodies import parse_hcl
from boxwright.bake.jsonfile import parse_json
from boxwright.bake.mistakes import BakeError, BakeFileError
from boxwright.bake.scope import Named, Outside, Scope
from boxwright.bake.syntax import Body
from boxwright.bake.targets import ATTRIBUTES, Group, Target
from boxwright.bake.variables import Described, described
from boxwright.dockerfile.source import Source
from boxwright.values import NamedTuple

_COMPOSE = (".yaml", ".yml")
_MAX_SIZE = 1 << 20


class File(NamedTuple):
    name: str
    data: bytes


class Definition(NamedTuple):
    targets: Mapping[str, Target]
    """What each says itself, without what it inherits."""
    groups: Mapping[str, Group]
    variables: tuple[Described, ...]


def read(
    files: Sequence[File], outside: Outside, environment: Mapping[str, str], open_: Callable[[str], File]
) -> Definition:
    """Read files; what is said later of a name is added to what was said before, compose files going first.

    `environment` is what compose files put in place of ``${NAME}``; `open_` gives further files that they name, by
    their paths. Raises BakeError and its kinds, and what `open_` raises.
    """
    bodies: list[Body] = []
    composed: list[Source] = []
    for file in files:
        source = _source(file)
        if file.name.lower().endswith(_COMPOSE):
            composed.append(source)
            continue
        found = _parse(source)
        if found is None:
            composed.append(source)
        else:
            bodies.append(found)
    targets: dict[str, Target] = {}
    groups: dict[str, Group] = {}
    if composed:
        from boxwright.bake.compose import read_compose

        targets, groups = read_compose(composed, environment, lambda path: _source(open_(path)))
    variables: tuple[Described, ...] = ()
    if bodies:
        scope = Scope(bodies, outside)
        variables = _variables(scope)
        _blocks(scope, targets, groups)
        for name in scope.settings:
            scope.variable(name)
    return Definition(targets, groups, variables)


def _source(file: File) -> Source:
    if len(file.data) > _MAX_SIZE:
        raise BakeError(f"{file.name} is longer than {_MAX_SIZE >> 20} MiB, too long for a bake file")
    try:
        return Source(file.name, file.data.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise BakeError(f"{file.name} is not UTF-8") from None


def _parse(source: Source) -> Body | None:
    """Return the body of a file in HCL or JSON; None where its name doesn't tell and it is neither."""
    if source.name.endswith(".json"):
        return parse_json(source)
    if source.name.endswith(".hcl"):
        return parse_hcl(source)
    if source.text.lstrip("\ufeff \t\r\n").startswith("{"):
        return parse_json(source)
    try:
        return parse_hcl(source)
    except BakeFileError as error:
        if _looks_composed(source):
            return None
        raise error


def _looks_composed(source: Source) -> bool:
    return any(line.startswith("services:") for line in source.lines())


def _variables(scope: Scope) -> tuple[Described, ...]:
    evaluator = scope.evaluator()
    values = {name: scope.variable(name) for name in scope.declared}
    for variable in scope.declared.values():
        variable.check(evaluator)
    return tuple(described(variable, values[name], evaluator) for name, variable in scope.declared.items())


def _blocks(scope: Scope, targets: dict[str, Target], groups: dict[str, Group]) -> None:
    """Add what the files say of targets and groups to what is known of them."""
    renamed: dict[str, list[str]] = {}
    for named in scope.named():
        if named.block.kind == "target":
            target = _target(scope, named)
            known = targets.get(target.name)
            targets[target.name] = target if known is None else known.merged(target)
            renamed.setdefault(named.block.labels[0], []).append(target.name)
        else:
            values = scope.attributes(named)
            members = tuple(dict.fromkeys(values.get("targets") or ()))
            groups[named.name] = Group(named.name, members, values.get("description") or "")
    for label, names in renamed.items():
        if set(names) != {label} and label not in groups:
            groups[label] = Group(label, tuple(dict.fromkeys(names)))


def _target(scope: Scope, named: Named) -> Target:
    values = scope.attributes(named)
    return Target(named.name, **{ATTRIBUTES[name].field: value for name, value in values.items()})

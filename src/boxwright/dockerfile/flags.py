"""The ``--name[=value]`` flags of an instruction."""

from __future__ import annotations

from boxwright.dockerfile.parser import Node
from boxwright.dockerfile.source import DockerfileError, UnsupportedSyntax
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple


class FlagSet(NamedTuple):
    """The flags that an instruction knows. Each takes one value."""

    known: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    """Part of the language, but not supported yet."""


NO_FLAGS = FlagSet()


def parse_flags(node: Node, flags: FlagSet) -> dict[str, str]:
    """Return the values of a node's flags by name. Raises DockerfileError and UnsupportedSyntax."""
    values: dict[str, str] = {}
    for flag in node.flags:
        name, equals, value = flag[2:].partition("=")
        mark = "--" + name
        if name in flags.unsupported:
            raise UnsupportedSyntax(f"{node.keyword} --{name} is not supported yet", node.span, mark=mark)
        if name not in flags.known:
            suggestion = did_you_mean(name, flags.known | flags.unsupported, "--")
            hint = None if suggestion else f"write {node.keyword} -- … when the first argument starts with --"
            raise DockerfileError(f"unknown flag: --{name}{suggestion}", node.span, mark=mark, hint=hint)
        if name in values:
            raise DockerfileError(f"duplicate flag specified: {name}", node.span, mark=mark)
        if not equals:
            raise DockerfileError(
                f"missing a value on flag: {name}", node.span, mark=mark, hint=f"write --{name}=VALUE"
            )
        values[name] = value
    return values

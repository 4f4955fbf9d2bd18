"""The ``--name[=value]`` flags of an instruction."""

from __future__ import annotations

from collections.abc import Mapping

from boxwright.dockerfile.parser import Node
from boxwright.dockerfile.source import DockerfileError, UnsupportedSyntax
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple

_BOOLEANS = {"true": True, "false": False}


class FlagSet(NamedTuple):
    """The flags that an instruction knows."""

    known: frozenset[str] = frozenset()
    """Those that take one value."""
    unsupported: frozenset[str] = frozenset()
    """Part of the language, but not supported yet."""
    repeated: frozenset[str] = frozenset()
    """Those that take a value each time they are given."""
    switches: frozenset[str] = frozenset()
    """Those that are on when they are given, or say ``=true`` or ``=false``."""


NO_FLAGS = FlagSet()


class Flags:
    """The flags that an instruction was given."""

    __slots__ = ("_switches", "_values")

    def __init__(self, values: Mapping[str, tuple[str, ...]], switches: Mapping[str, bool]) -> None:
        self._values = values
        self._switches = switches

    def get(self, name: str) -> str | None:
        """Return the value of a flag that takes one, None when it wasn't given."""
        values = self._values.get(name)
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of a flag that may be given several times, in order."""
        return self._values.get(name, ())

    def switch(self, name: str) -> bool | None:
        """Return what a switch was set to, None when it wasn't given."""
        return self._switches.get(name)


def parse_flags(node: Node, flags: FlagSet) -> Flags:
    """Return a node's flags. Raises DockerfileError and UnsupportedSyntax."""
    values: dict[str, tuple[str, ...]] = {}
    switches: dict[str, bool] = {}
    for flag in node.flags:
        name, equals, value = flag[2:].partition("=")
        mark = "--" + name
        if name in flags.unsupported:
            raise UnsupportedSyntax(f"{node.keyword} --{name} is not supported yet", node.span, mark=mark)
        known = flags.known | flags.repeated | flags.switches
        if name not in known:
            suggestion = did_you_mean(name, known | flags.unsupported, "--")
            hint = None if suggestion else f"write {node.keyword} -- … when the first argument starts with --"
            raise DockerfileError(f"unknown flag: --{name}{suggestion}", node.span, mark=mark, hint=hint)
        if name in switches or (name in values and name not in flags.repeated):
            raise DockerfileError(f"duplicate flag specified: {name}", node.span, mark=mark)
        if name in flags.switches:
            if equals and value.lower() not in _BOOLEANS:
                raise DockerfileError(
                    f"expected boolean value for flag {name}, not '{value[:100]}'",
                    node.span,
                    mark=mark,
                    hint=f"write --{name}, --{name}=true or --{name}=false",
                )
            switches[name] = not equals or _BOOLEANS[value.lower()]
            continue
        if not equals:
            raise DockerfileError(
                f"missing a value on flag: {name}", node.span, mark=mark, hint=f"write --{name}=VALUE"
            )
        values[name] = (*values.get(name, ()), value)
    return Flags(values, switches)

"""Variables of a build: what ARG and ENV define, where, and who sees it.

Before the first FROM lies the global scope: its ARGs reach the FROM lines and each other's defaults, nothing else. A
stage begins with the environment of its base; a stage built on another stage goes on with that one's variables. An
ARG takes its value from the command line, else from its default, else (when it says none) from the global ARG of the
same name. What is declared last wins for everything that comes after; the image's own Env is ENV alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from boxwright.oci.platform import Platform

PROXY_NAMES = frozenset(
    spelling
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for spelling in (name, name.upper())
)
"""Usable without an ARG, and kept out of history and cache keys unless an ARG names them."""

_SETTINGS = frozenset({"SOURCE_DATE_EPOCH"})
"""Build arguments that speak to the builder itself, so that nobody has to declare them."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class BuildArgs:
    """The values from the command line, and which of them were asked for."""

    __slots__ = ("_consumed", "_values")

    def __init__(self, values: Mapping[str, str | None]) -> None:
        """`values` without one (``--build-arg NAME`` of a variable that isn't set) are as if not given."""
        self._values = {name: value for name, value in values.items() if value is not None}
        self._consumed: set[str] = set()

    def take(self, name: str) -> str | None:
        """Return the value given for an ARG of this name, and note that there is such an ARG."""
        self._consumed.add(name)
        return self._values.get(name)

    def proxies(self) -> dict[str, str]:
        return {name: value for name, value in self._values.items() if name in PROXY_NAMES}

    def unused(self) -> list[str]:
        """Return the names given that no ARG asked for, sorted."""
        own = PROXY_NAMES | _SETTINGS
        return sorted(
            name
            for name in self._values
            if name not in self._consumed and name not in own and not name.startswith("BUILDKIT_")
        )


def platform_arguments(build: Platform, target: Platform, stage: str = "") -> dict[str, str]:
    """Return the ARGs that are predefined; FROM lines see them as they are, a stage once it declares them."""
    values = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        values[f"{prefix}PLATFORM"] = str(platform)
        values[f"{prefix}OS"] = platform.os
        values[f"{prefix}ARCH"] = platform.architecture
        values[f"{prefix}VARIANT"] = platform.variant or ""
    if stage:
        values["TARGETSTAGE"] = stage
    return values


class GlobalScope:
    """ARGs before the first FROM."""

    __slots__ = ("_arguments", "_declared", "_predefined")

    def __init__(self, arguments: BuildArgs, predefined: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._predefined = predefined
        self._declared: dict[str, str | None] = {}

    def declare(self, name: str, default: Callable[[Mapping[str, str]], str] | None) -> None:
        """Take up one ARG; `default` expands its default with the variables so far, and is called only if needed."""
        given = self._arguments.take(name)
        if given is None and default is not None:
            given = default(self.variables())
        self._declared[name] = given

    def variables(self) -> dict[str, str]:
        """Return what a FROM line sees."""
        return {**self._predefined, **{name: value for name, value in self._declared.items() if value is not None}}

    def value(self, name: str) -> str | None:
        """Return what a bare ARG of this name in a stage gets from here."""
        value = self._declared.get(name)
        return self._predefined.get(name) if value is None else value


class Argument(NamedTuple):
    """A declared ARG with the value it has."""

    name: str
    value: str


class StageScope:
    """The variables of one stage, changed by its ARG and ENV instructions in order."""

    __slots__ = ("_arguments", "_declared", "_globals", "_stage", "_variables")

    def __init__(
        self, arguments: BuildArgs, globals_: GlobalScope, env: Iterable[str] = (), *, stage: str = ""
    ) -> None:
        """`env` is that of the base image, ``NAME=value``; `stage` the name that TARGETSTAGE has."""
        self._arguments = arguments
        self._globals = globals_
        self._stage = stage
        self._variables: dict[str, str] = dict(entry.partition("=")[::2] for entry in env)
        self._declared: dict[str, str] = {}

    def continued(self, *, stage: str = "") -> StageScope:
        """Return the scope of a stage that is built on this one, as it is now."""
        child = StageScope(self._arguments, self._globals, stage=stage)
        child._variables = dict(self._variables)
        child._declared = dict(self._declared)
        return child

    def declare(self, name: str, default: Callable[[Mapping[str, str]], str] | None) -> None:
        """Take up one ARG; `default` expands its default with the variables so far, and is called only if needed."""
        value = self._arguments.take(name)
        if value is None and default is not None:
            value = default(self._variables)
        elif value is None:
            value = self._stage if name == "TARGETSTAGE" and self._stage else self._globals.value(name)
        if value is not None:
            self._declared[name] = value
            self._variables[name] = value

    def set_env(self, values: Mapping[str, str]) -> None:
        """Take up one ENV instruction, its values already expanded."""
        self._variables.update(values)

    def variables(self) -> Mapping[str, str]:
        """Return what ``$NAME`` means at this point."""
        return self._variables

    def arguments(self) -> tuple[Argument, ...]:
        """Return the declared ARGs that have a value, by name: what history shows of a RUN, and what is in its key."""
        return tuple(Argument(name, self._declared[name]) for name in sorted(self._declared))

    def run_env(self) -> dict[str, str]:
        """Return the environment of a RUN at this point, without undeclared proxies."""
        env = dict(self._variables)
        env.setdefault("PATH", DEFAULT_PATH)
        return env

    def proxies(self) -> dict[str, str]:
        """Return the proxy settings that a RUN gets although no ARG or ENV names them."""
        return {name: value for name, value in self._arguments.proxies().items() if name not in self._variables}

"""Variables of a build: what ARG and ENV define, where, and who sees it.

Before the first FROM lies the global scope: its ARGs reach the FROM lines and each other's defaults, nothing else. A
stage begins with the environment of its base; a stage built on another stage goes on with that one's variables. An
ARG takes its value from the command line, else from its default, else (when it says none) from the global ARG of the
same name. What is declared last wins for everything that comes after; the image's own Env is ENV alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from boxwright.dockerfile.expand import Expanded, expand, resolve_arg
from boxwright.dockerfile.instructions import Arg
from boxwright.oci.platform import Platform

T = TypeVar("T")

PROXY_NAMES = frozenset(
    spelling
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for spelling in (name, name.upper())
)
"""Usable without an ARG, and kept out of history and cache keys unless an ARG names them."""

_SETTINGS = frozenset(
    {
        "BUILDKIT_CACHE_MOUNT_NS",
        "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
        "BUILDKIT_DOCKERFILE_CHECK",
        "BUILDKIT_INLINE_CACHE",
        "BUILDKIT_MULTI_PLATFORM",
        "BUILDKIT_SANDBOX_HOSTNAME",
        "BUILDKIT_SYNTAX",
        "SOURCE_DATE_EPOCH",
    }
)
"""Build arguments that speak to the builder itself, so that nobody has to declare them. What BuildKit has beyond these
does nothing here, and is told to do nothing."""


class BuildArgs:
    """The values from the command line, and which of them were asked for."""

    __slots__ = ("_consumed", "values")

    def __init__(self, values: Mapping[str, str | None]) -> None:
        """A name without a value (``--build-arg NAME`` of a variable that isn't set) is as one that isn't given."""
        self.values = {name: value for name, value in values.items() if value is not None}
        self._consumed: set[str] = set()

    def consume(self, arg: Arg) -> None:
        """Note that the file has an ARG of these names."""
        self._consumed.update(value.name for value in arg.values)

    def proxies(self) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if name in PROXY_NAMES}

    def unused(self) -> list[str]:
        """Return the names given that no ARG asked for, sorted."""
        own = PROXY_NAMES | _SETTINGS | self._consumed
        return sorted(name for name in self.values if name not in own)


def predefined_arguments(build: Platform, target: Platform, stage: str) -> dict[str, str]:
    """Return the ARGs that are predefined: of the platforms, and of the stage that is built for.

    FROM lines see them as they are, a stage once it declares them.
    """
    values = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        values[f"{prefix}PLATFORM"] = str(platform)
        values[f"{prefix}OS"] = platform.os
        values[f"{prefix}ARCH"] = platform.architecture
        values[f"{prefix}OSVERSION"] = ""  # of Windows alone
        values[f"{prefix}VARIANT"] = platform.variant or ""
    values["TARGETSTAGE"] = stage
    return values


class GlobalScope:
    """ARGs before the first FROM."""

    __slots__ = ("_arguments", "_declared", "_escape", "_predefined")

    def __init__(self, arguments: BuildArgs, predefined: Mapping[str, str], escape: str = "\\") -> None:
        self._arguments = arguments
        self._predefined = predefined
        self._escape = escape
        self._declared: dict[str, str] = {}

    def declare(self, arg: Arg) -> None:
        """Take up one ARG instruction. Raises DockerfileError."""
        resolved = resolve_arg(arg, self.variables(), self._arguments.values, {}, self._escape).instruction
        self._arguments.consume(resolved)
        self._declared.update({name: value for name, value in resolved.values if value is not None})

    def variables(self) -> dict[str, str]:
        """Return what a FROM line sees, and what a bare ARG in a stage takes its value from."""
        return {**self._predefined, **self._declared}


class StageScope:
    """The variables of one stage, changed by its ARG and ENV instructions in order."""

    __slots__ = ("_arguments", "_declared", "_escape", "_globals", "_variables")

    def __init__(
        self, arguments: BuildArgs, globals_: Mapping[str, str], env: Iterable[str] = (), *, escape: str = "\\"
    ) -> None:
        """`globals_` is what the global ARGs and the predefined ones are; `env` is the base's, ``NAME=value``."""
        self._arguments = arguments
        self._globals = globals_
        self._escape = escape
        self._variables: dict[str, str] = dict(entry.partition("=")[::2] for entry in env)
        self._declared: dict[str, None] = {}
        """Names of ARGs, of the stages below, too, in the order of their first lines."""

    def continued(self, globals_: Mapping[str, str]) -> StageScope:
        """Return the scope of a stage that is built on this one, as it is now."""
        child = StageScope(self._arguments, globals_, escape=self._escape)
        child._variables = dict(self._variables)
        child._declared = dict(self._declared)
        return child

    def declare(self, arg: Arg) -> Arg:
        """Take up one ARG instruction; return it with the values that its names have. Raises DockerfileError."""
        given, globals_ = self._arguments.values, self._globals
        resolved = resolve_arg(arg, self._variables, given, globals_, self._escape).instruction
        self._arguments.consume(resolved)
        for name, value in resolved.values:
            self._declared[name] = None
            if value is not None:
                self._variables[name] = value
        return resolved

    def set_env(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take up one ENV instruction, already expanded."""
        self._variables.update(pairs)

    def expand(self, instruction: T) -> Expanded[T]:
        """Return an instruction with the variables of this point. Raises DockerfileError."""
        return expand(instruction, self._variables, self._escape)

    def names(self) -> tuple[str, ...]:
        """Return the variables that are set at this point."""
        return tuple(self._variables)

    def arguments(self) -> tuple[tuple[str, str], ...]:
        """Return the ARGs with the values that a RUN sees, in order: what its history shows."""
        return tuple((name, self._variables.get(name, "")) for name in self._declared)

    def run_env(self) -> dict[str, str]:
        """Return the environment of a RUN at this point, without undeclared proxies."""
        return dict(self._variables)

    def proxies(self) -> dict[str, str]:
        """Return the proxy settings that a RUN gets although no ARG or ENV names them."""
        return {name: value for name, value in self._arguments.proxies().items() if name not in self._variables}

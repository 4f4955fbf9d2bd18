"""Rules of our own about package managers: what they leave behind, and what goes stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from boxwright.dockerfile.instructions import Add, Arg, Copy, Env, Instruction, Run
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, lineage
from boxwright.dockerfile.lint.script import SimpleCommand, commands, is_mounted
from boxwright.dockerfile.stages import Stage
from boxwright.values import NamedTuple

_APT = ("apt-get", "apt", "aptitude")
_DNF = ("dnf", "yum", "microdnf", "tdnf")
_PIP = ("pip", "pip2", "pip3")


def _verb(command: SimpleCommand) -> str:
    return command.operands[0] if command.operands else ""


def _is(command: SimpleCommand, names: tuple[str, ...], *verbs: str) -> bool:
    return command.name in names and _verb(command) in verbs


def _pip_install(command: SimpleCommand) -> bool:
    if command.name in _PIP or command.name.startswith("pip3."):
        return _verb(command) == "install"
    return command.name.startswith("python") and command.words[1:4] == ("-m", "pip", "install")


class _Manager(NamedTuple):
    fills: Callable[[SimpleCommand], bool]
    """Whether a command leaves a cache."""
    caches: tuple[str, ...]
    """The directories of the cache."""
    cleans: Callable[[SimpleCommand], bool]
    """Whether a command empties it, beyond removing one of the directories."""
    message: str


_MANAGERS = (
    _Manager(
        lambda command: _is(command, _APT, "update"),
        ("/var/lib/apt/lists", "/var/lib/apt"),
        lambda command: False,
        "apt's package lists stay in the layer: end the RUN with rm -rf /var/lib/apt/lists/*",
    ),
    _Manager(
        lambda command: _is(command, ("apk",), "add") and not command.has("--no-cache"),
        ("/var/cache/apk", "/etc/apk/cache"),
        lambda command: command.words[:3] == ("apk", "cache", "clean"),
        "apk's index stays in the layer: apk add --no-cache",
    ),
    _Manager(
        lambda command: _is(command, _DNF, "install", "update", "upgrade", "localinstall", "groupinstall"),
        ("/var/cache/dnf", "/var/cache/yum", "/var/cache"),
        lambda command: _is(command, _DNF, "clean"),
        "the package cache stays in the layer: end the RUN with dnf clean all, or yum clean all",
    ),
    _Manager(
        lambda command: _pip_install(command) and not command.has("--no-cache-dir"),
        ("/root/.cache/pip", "/root/.cache"),
        lambda command: command.name in _PIP and command.words[1:3] == ("cache", "purge"),
        "pip's downloads stay in the layer: pip install --no-cache-dir, or --mount=type=cache,target=/root/.cache/pip",
    ),
)
_PIP_VARIABLE = "PIP_NO_CACHE_DIR"


def _kept_caches(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.dockerfile
    # Layers of a stage that is only copied from are in no image.
    for stage in lineage(dockerfile, dockerfile.stages[-1]):
        variables: set[str] = set()
        for instruction in stage.instructions:
            variables |= _set_names(instruction)
            if not isinstance(instruction, Run):
                continue
            found = commands(instruction)
            for manager in _MANAGERS:
                fills = next((command for command in found if manager.fills(command)), None)
                if (
                    fills is None
                    or any(manager.cleans(command) or _removes(command, manager.caches) for command in found)
                    or is_mounted(instruction, *manager.caches)
                    or (_pip_install(fills) and (_PIP_VARIABLE in variables or _PIP_VARIABLE in instruction.original))
                ):
                    continue
                yield Finding(manager.message, instruction.span, fills.written)


def _set_names(instruction: Instruction) -> set[str]:
    if isinstance(instruction, Env):
        return {name for name, _ in instruction.pairs}
    if isinstance(instruction, Arg):
        return {value.name for value in instruction.values}
    return set()


def _removes(command: SimpleCommand, caches: tuple[str, ...]) -> bool:
    # "~" is root's home for nearly all, and this is about not accusing anybody wrongly.
    paths = [path.replace("~", "/root", 1).replace("$HOME", "/root", 1) for path in command.operands]
    if command.name not in ("rm", "find"):
        return False
    return any(
        path.startswith(caches) or any(cache.startswith(path.rstrip("/*") + "/") for cache in caches) for path in paths
    )


def _stale_indexes(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        for instruction in stage.instructions:
            if not isinstance(instruction, Run):
                continue
            found = commands(instruction)
            updates = [command for command in found if _is(command, _APT, "update")]
            if updates and len(found) == len(updates) and not is_mounted(instruction, "/var/lib/apt/lists"):
                yield Finding(
                    "the cache keeps this list of packages while later steps change: update and install in one RUN",
                    instruction.span,
                    updates[0].written,
                )


def _upgrades(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        for instruction in stage.instructions:
            if isinstance(instruction, Run):
                for command in commands(instruction):
                    if (
                        _is(command, _APT, "upgrade", "dist-upgrade", "full-upgrade")
                        or _is(command, ("apk",), "upgrade")
                        or (_is(command, _DNF, "update", "upgrade") and len(command.operands) == 1)
                    ):
                        yield Finding(
                            f"{command.name} {_verb(command)} stores the base's packages a second time: "
                            "take a newer base image",
                            instruction.span,
                            command.written,
                        )


def _manifest_install(command: SimpleCommand) -> bool:
    """Whether a command installs what a file of the context lists."""
    operands = command.operands
    if _pip_install(command):
        return command.has("-r", "--requirement") or any(word.startswith("-r") for word in command.words)
    match command.name:
        case "npm":
            return operands in (("ci",), ("install",), ("i",))
        case "yarn":
            return operands in ((), ("install",))
        case "pnpm":
            return operands in (("install",), ("i",), ("fetch",))
        case "bundle" | "composer":
            return operands[:1] == ("install",)
        case "go":
            return operands[:2] == ("mod", "download")
        case "cargo":
            return operands[:1] == ("fetch",)
    return False


def _whole_context(instruction: Instruction) -> bool:
    return (
        isinstance(instruction, Copy | Add)
        and getattr(instruction, "from_", None) is None
        and any(source in (".", "./", "/") for source in instruction.sources)
    )


def _cache_busters(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        copied, finding = _first_copy(stage)
        if copied is not None and finding is not None:
            yield finding


def _first_copy(stage: Stage) -> tuple[Instruction | None, Finding | None]:
    """Return the COPY of the whole context that an install of dependencies follows, with what to say of it."""
    copied: Instruction | None = None
    for instruction in stage.instructions:
        if copied is None and _whole_context(instruction):
            copied = instruction
        if isinstance(instruction, Run):
            install = next((command for command in commands(instruction) if _manifest_install(command)), None)
            if install is None:
                continue
            if copied is None:
                return None, None  # it is installed from files that were copied before
            return copied, Finding(
                f"any change in the context makes line {instruction.span.first} install all dependencies anew: "
                "copy the files that list them first",
                copied.span,
            )
    return None, None


RULES = (
    Rule(
        "PackageCacheKept",
        "A package manager's cache does not stay in a layer",
        "Lists and downloads of apt, apk, dnf, yum and pip take room in every image and are never used again; removing "
        "them in a later step makes nothing smaller. Stages that are only copied from are left alone, and so are "
        "RUNs with a cache mount there.",
        _kept_caches,
        bad="FROM debian:12\nRUN apt-get update && apt-get install -y nginx",
        good="FROM debian:12\nRUN apt-get update && apt-get install -y nginx && rm -rf /var/lib/apt/lists/*",
        own=True,
        in_builds=False,
    ),
    Rule(
        "StalePackageIndex",
        "apt-get update and apt-get install are one RUN",
        "A RUN of its own is answered from the cache, so that packages are looked up in a list that is months old.",
        _stale_indexes,
        bad="FROM debian:12\nRUN apt-get update\nRUN apt-get install -y nginx",
        good="FROM debian:12\nRUN apt-get update && apt-get install -y nginx && rm -rf /var/lib/apt/lists/*",
        own=True,
        in_builds=False,
    ),
    Rule(
        "PackageUpgrade",
        "A newer base image is taken, its packages are not upgraded",
        "What is replaced stays in the layers below, and what comes depends on the day of the build.",
        _upgrades,
        bad="FROM debian:12\nRUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*",
        good="FROM debian:12.5",
        own=True,
        in_builds=False,
    ),
    Rule(
        "CopyBeforeInstall",
        "The files that list dependencies are copied before all others",
        "With COPY . in front, every change of any file downloads all dependencies anew.",
        _cache_busters,
        bad="FROM node:22\nCOPY . .\nRUN npm ci",
        good="FROM node:22\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .",
        own=True,
        in_builds=False,
    ),
)

"""Files and the environment → the targets that are wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO

from boxwright.bake.definition import Definition, File, read
from boxwright.bake.functions.signature import Function
from boxwright.bake.interpolation import dotenv
from boxwright.bake.mistakes import BakeError
from boxwright.bake.overrides import Override
from boxwright.bake.scope import Outside
from boxwright.bake.selection import DEFAULT, HERE, Selection, select
from boxwright.bake.values import ConversionError, parse_bool
from boxwright.errors import NotFoundError, UnsupportedError
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

# Where nobody names files: all of these that are there, the later ones added to the earlier.
DEFAULT_FILES = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
)
_STDIN = "-"
_MAX_FILE = (1 << 20) + 1
_EPOCH = "SOURCE_DATE_EPOCH"
_FILES, _SEPARATOR = "BUILDX_BAKE_FILE", "BUILDX_BAKE_PATH_SEPARATOR"
_RELATIVE = "BUILDX_BAKE_FILE_RELATIVE_PATHS"
_CHECK_FILES = "BUILDX_BAKE_ENTITLEMENTS_FS"
_NO_ENVIRONMENT = "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"


class NoBakeFile(NotFoundError):
    """Nothing says what to build."""

    def __init__(self) -> None:
        super().__init__(
            "there is no bake file here",
            hint=f"name one with -f, or write one of {', '.join(DEFAULT_FILES[4:6])} and {DEFAULT_FILES[0]}",
        )


class Remote(NamedTuple):
    """A git repository with bake files."""

    url: str
    folder: str
    """Its files."""


class Bake(NamedTuple):
    """What a command line says."""

    targets: tuple[str, ...] = ()
    """Targets, groups and patterns; none: ``default``."""
    files: tuple[str, ...] = ()
    """Paths, or ``-`` for `stdin`; none: `DEFAULT_FILES`."""
    overrides: tuple[str, ...] = ()
    """``TARGET.KEY=VALUE``: see `boxwright.bake.overrides`."""
    variables: Mapping[str, str] = {}
    """Values of variables, before those of the environment."""
    stdin: BinaryIO | None = None
    remote: Remote | None = None
    """Where the files are, if not here; ``cwd://FILE`` is here in any case."""
    command_context: str = HERE
    """What files see as BAKE_CMD_CONTEXT."""


def files_are_checked(environ: Mapping[str, str]) -> bool:
    """Whether targets may use files elsewhere only where that is allowed: buildx's switch for it."""
    return parse_bool(environ.get(_CHECK_FILES, "")) is not False


def define(wanted: Bake, environ: Mapping[str, str]) -> Definition:
    """Read what files define. Raises NoBakeFile, BakeError and its kinds, OSError."""
    if parse_bool(environ.get(_RELATIVE, "").strip()):
        raise UnsupportedError(f"{_RELATIVE} is not supported", hint="paths are those of the current folder: unset it")
    seen = {} if parse_bool(environ.get(_NO_ENVIRONMENT, "")) else environ

    def lookup(name: str) -> str | None:
        return wanted.variables.get(name, seen.get(name))

    def further(path: str) -> File:
        return _file(path, wanted._replace(stdin=None))

    builtin = {
        "BAKE_CMD_CONTEXT": wanted.command_context,
        "BAKE_LOCAL_PLATFORM": str(Platform.of_machine(os.uname().machine)),
    }
    outside = Outside(lookup, builtin, _functions(environ))
    return read(_files(wanted, environ), outside, {**_dotenv(seen), **seen, **wanted.variables}, further)


def choose(wanted: Bake, definition: Definition, environ: Mapping[str, str]) -> Selection:
    """Return the targets that are wanted of a definition. Raises BakeError, TargetMissing."""
    parsed = [Override.parse(text, environ.get) for text in wanted.overrides]
    base = None if wanted.remote is None else wanted.remote.url
    selection = select(definition, wanted.targets or (DEFAULT,), [each for each in parsed if each is not None], base)
    epoch = environ.get(_EPOCH)
    if not epoch:
        return selection
    targets = {
        name: target.having("args", {_EPOCH: epoch, **(target.args or {})})
        for name, target in selection.targets.items()
    }
    return selection._replace(targets=targets)


def _files(wanted: Bake, environ: Mapping[str, str]) -> list[File]:
    names = list(wanted.files)
    if not names and _FILES in environ:
        separator = environ.get(_SEPARATOR) or os.pathsep
        names = [name.strip() for name in environ[_FILES].split(separator) if name.strip()]
    if not names:
        folder = wanted.remote.folder if wanted.remote is not None else ""
        names = [name for name in DEFAULT_FILES if os.path.isfile(os.path.join(folder, name))]
        if not names:
            raise NoBakeFile
    return [_file(name, wanted) for name in names]


def _file(name: str, wanted: Bake) -> File:
    if wanted.remote is not None and not name.startswith(HERE):
        path = os.path.realpath(os.path.join(wanted.remote.folder, name))
        if not path.startswith(os.path.join(os.path.realpath(wanted.remote.folder), "")):
            raise BakeError(
                f"{name} is outside of the repository", hint=f"write {HERE}{name} for a file of this machine"
            )
        return File(name, _content(name, path))
    name = name.removeprefix(HERE)
    return File(name, _content(name, name, wanted.stdin))


def _content(name: str, path: str, stdin: BinaryIO | None = None) -> bytes:
    if path == _STDIN:
        if stdin is None:
            raise BakeError("nothing is given as the standard input")
        return stdin.read(_MAX_FILE)
    try:
        with open(path, "rb") as stream:
            return stream.read(_MAX_FILE)
    except FileNotFoundError:
        raise NotFoundError(f"there is no bake file {name}") from None
    except IsADirectoryError:
        raise BakeError(f"{name} is a folder", hint="name a file in it") from None


def _dotenv(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what ``.env`` sets for compose files; the environment goes before it."""
    try:
        with open(".env", encoding="utf-8") as stream:
            return dotenv(stream.read(_MAX_FILE), environ)
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except UnicodeDecodeError:
        raise BakeError(".env is not UTF-8") from None
    except ConversionError as error:
        raise BakeError(str(error)) from None


def _functions(environ: Mapping[str, str]) -> dict[str, Function]:
    """Return the functions of bake files that don't give the same every time and everywhere."""

    def timestamp() -> str:
        import time

        from boxwright.bake.functions.times import rfc3339

        return rfc3339(time.time())

    def random() -> str:
        import uuid

        return str(uuid.uuid4())

    def home() -> str:
        return environ.get("HOME") or os.path.expanduser("~")

    return {"timestamp": Function(timestamp, ()), "homedir": Function(home, ()), "uuidv4": Function(random, ())}

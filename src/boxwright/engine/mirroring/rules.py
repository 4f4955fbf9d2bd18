"""What is to be mirrored, as values; from flags, or from a file:

parallel = 4
limit-rate = "20m"

[[mirror]]
from = "registry.example.com/ada/*"
to = "localhost:5000/mirror/*"
tags = ["v*"]
exclude = ["*-dev"]
versions = ">=1.2"
newest = 5
platforms = ["linux/amd64"]
referrers = true
delete = false
insecure = ["localhost:5000"]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from boxwright.engine.mirroring.selection import TagSelection
from boxwright.engine.mirroring.versions import Range
from boxwright.errors import BoxwrightError, InvalidError
from boxwright.host.paths import Path
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

PARALLEL = 4
_MAX_PARALLEL = 64
_MAX_BYTES = 1 << 20
_T = TypeVar("_T")


class InvalidMirrorFile(InvalidError):
    """A file of mirrors with something in it that is none."""

    def __init__(self, path: Path, why: str, hint: str | None = None) -> None:
        super().__init__(f"{path}: {why}", hint=hint)
        self.path = path


class Rule(NamedTuple):
    """Repositories that are to be alike."""

    source: str
    """Where from: see `boxwright.engine.mirroring.ends.parse_place`."""
    destination: str
    tags: TagSelection = TagSelection()
    platforms: tuple[Platform, ...] = ()
    """Of images for several: only these; none are all."""
    referrers: bool = True
    """Whether signatures, lists of packages and whatever else refers to an image go along."""
    delete: bool = False
    """Whether tags of the destination that aren't meant are deleted."""
    insecure: tuple[str, ...] = ()
    """Registries that may speak plain HTTP."""


class Plan(NamedTuple):
    """Rules, and how to go about them."""

    rules: tuple[Rule, ...]
    parallel: int = PARALLEL
    """How many images are copied at a time."""
    rate: float | None = None
    """Bytes of blobs a second, together; None: as many as go."""


def read_plan(path: Path, parse_rate: Callable[[str], float]) -> Plan:
    """Read a file of mirrors. Raises InvalidMirrorFile."""
    import tomllib

    try:
        content = path.read_bytes()
        if len(content) > _MAX_BYTES:
            raise InvalidMirrorFile(path, f"it has more than {_MAX_BYTES} bytes")
        table = tomllib.loads(content.decode())
    except OSError as error:
        raise InvalidMirrorFile(path, (error.strerror or str(error)).lower()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidMirrorFile(path, str(error)) from None
    reader = _Reader(path, "", table)
    rules = reader.take("mirror", list, [])
    parallel = reader.take("parallel", int, PARALLEL)
    rate = reader.take("limit-rate", str, None)
    reader.finish()
    if not rules:
        raise InvalidMirrorFile(path, "there is no [[mirror]] in it")
    try:
        limit = parse_rate(rate) if rate is not None else None
    except BoxwrightError as error:
        raise InvalidMirrorFile(path, f"limit-rate: {error.message}", error.hint) from None
    return Plan(
        tuple(_rule(_Reader(path, f"mirror {number}: ", value)) for number, value in enumerate(rules, 1)),
        check_parallel(parallel),
        limit,
    )


def check_parallel(count: int) -> int:
    """Return how many images to copy at a time. Raises InvalidError."""
    if not 1 <= count <= _MAX_PARALLEL:
        raise InvalidError(f"{count} images at a time", hint=f"it is a number from 1 to {_MAX_PARALLEL}")
    return count


def _rule(reader: _Reader) -> Rule:
    newest = reader.take("newest", int, None)
    versions = reader.take("versions", str, None)
    source, destination = reader.take("from", str, None), reader.take("to", str, None)
    if not source or not destination:
        raise reader.wrong("it needs from and to")
    if newest is not None and newest < 0:
        raise reader.wrong("newest is a number from 0 on")
    try:
        selection = TagSelection(
            reader.texts("tags"), reader.texts("exclude"), Range(versions) if versions is not None else None, newest
        )
        platforms = tuple(Platform.parse(text) for text in reader.texts("platforms"))
    except InvalidMirrorFile:
        raise
    except BoxwrightError as error:
        raise reader.wrong(error.message, error.hint) from None
    rule = Rule(
        source,
        destination,
        selection,
        platforms,
        reader.take("referrers", bool, True),
        reader.take("delete", bool, False),
        reader.texts("insecure"),
    )
    reader.finish()
    return rule


class _Reader:
    """A table whose keys are asked for one by one; what nobody asked for is refused."""

    __slots__ = ("_asked", "_path", "_values", "_where")

    def __init__(self, path: Path, where: str, values: Any) -> None:
        self._path = path
        self._where = where
        self._asked: set[str] = set()
        if not isinstance(values, dict):
            raise self.wrong("it is no table")
        self._values: dict[str, Any] = values

    def wrong(self, why: str, hint: str | None = None) -> InvalidMirrorFile:
        return InvalidMirrorFile(self._path, self._where + why, hint)

    def take(self, key: str, kind: type[_T], default: Any) -> Any:
        """Return a value of exactly this type. Raises InvalidMirrorFile."""
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is not default and type(value) is not kind:
            raise self.wrong(f"{key} = {value!r} is not a {kind.__name__}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(f"{key} is a list of texts")
        return tuple(values)

    def finish(self) -> None:
        """Raises InvalidMirrorFile for what nobody asked for."""
        if unknown := sorted(set(self._values) - self._asked):
            raise self.wrong(f"unknown key {unknown[0]}", hint=f"there are {', '.join(sorted(self._asked))}")

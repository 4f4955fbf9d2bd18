"""``--cache-from`` and ``--cache-to``: what a person writes, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from boxwright.build.exports import Mode
from boxwright.errors import InvalidError, UnsupportedError
from boxwright.layer.compression import Compression
from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple

_ELSEWHERE = frozenset({"gha", "s3", "azblob"})
_COMPRESSIONS: Mapping[str, Compression] = {"gzip": "gzip", "zstd": "zstd", "uncompressed": "none"}
_YES = frozenset({"true", "1"})
_NO = frozenset({"false", "0"})


class InvalidCache(InvalidError):
    """A cache option that isn't one."""

    def __init__(self, flag: str, text: str, why: str) -> None:
        folder = "src=DIR" if flag == "--cache-from" else "dest=DIR"
        hint = f"write type=registry,ref=HOST/NAME:TAG or type=local,{folder}"
        super().__init__(f"invalid {flag} {text!r}: {why}", hint=hint)


class From(NamedTuple):
    """A cache to be read."""

    kind: Literal["registry", "local", "image"]
    """``image``: a bare name, which may be that of an image here."""
    where: str
    """A reference, or a folder."""
    tag: str = "latest"
    """Which cache of a folder."""
    digest: str = ""
    """Of the manifest in a folder, instead of a tag."""


class To(NamedTuple):
    """A place to keep a cache in; `inline` is the image itself."""

    kind: Literal["registry", "local", "inline"]
    where: str = ""
    tag: str = "latest"
    mode: Mode = "min"
    compression: Compression = "gzip"
    level: int | None = None
    force: bool = False
    ignore_error: bool = False
    mounts: tuple[str, ...] | None = ()
    """IDs of cache mounts; None for all of the build's."""


def parse_from(text: str) -> From:
    """Raises InvalidCache, UnsupportedError, InvalidReference."""
    fields = _fields("--cache-from", text)
    if fields is None:
        return From("image", str(Reference.parse(text)))
    kind = _kind("--cache-from", text, fields)
    if kind == "registry":
        where = _needed("--cache-from", text, fields, "ref")
        _done("--cache-from", text, fields)
        return From("registry", str(Reference.parse(where)))
    if kind == "local":
        where = _needed("--cache-from", text, fields, "src")
        found = From("local", where, _one(fields, "tag", "latest"), _one(fields, "digest", ""))
        _done("--cache-from", text, fields)
        return found
    raise InvalidCache("--cache-from", text, f"there is no type {kind!r} to read from")


def parse_to(text: str) -> To:
    """Raises InvalidCache, UnsupportedError, InvalidReference."""
    fields = _fields("--cache-to", text)
    if fields is None:
        fields = {"type": ["registry"], "ref": [text]}
    kind = _kind("--cache-to", text, fields)
    if kind not in ("registry", "local", "inline"):
        raise InvalidCache("--cache-to", text, f"there is no type {kind!r}")
    mode = _one(fields, "mode", "min")
    if mode not in ("min", "max"):
        raise InvalidCache("--cache-to", text, f"mode is min or max, not {mode!r}")
    if kind == "inline":
        if mode == "max":
            raise InvalidCache("--cache-to", text, "an image holds its own layers, and those are mode=min")
        _done("--cache-to", text, fields)
        return To("inline")
    where = _needed("--cache-to", text, fields, "ref" if kind == "registry" else "dest")
    if kind == "registry":
        _check_pushable(text, where)
    compression = _one(fields, "compression", "gzip")
    if compression not in _COMPRESSIONS:
        raise InvalidCache("--cache-to", text, f"compression is {', '.join(_COMPRESSIONS)}, not {compression!r}")
    level = _one(fields, "compression-level", "")
    for name in ("image-manifest", "oci-mediatypes"):
        if not _boolean("--cache-to", text, fields, name, default=True):
            raise UnsupportedError(
                f"{name}=false is not supported: a cache is an OCI image manifest", hint="leave it out"
            )
    mounts = fields.pop("mounts", [])
    to = To(
        "registry" if kind == "registry" else "local",
        where,
        _one(fields, "tag", "latest") if kind == "local" else "latest",
        "max" if mode == "max" else "min",
        _COMPRESSIONS[compression],
        _parsed(text, level, int) if level else None,
        _boolean("--cache-to", text, fields, "force-compression", default=False),
        _boolean("--cache-to", text, fields, "ignore-error", default=False),
        None if any(item in _YES for item in mounts) else tuple(item for item in mounts if item not in _NO),
    )
    _done("--cache-to", text, fields)
    return to


def _check_pushable(text: str, where: str) -> None:
    if Reference.parse(where).digest is not None:
        raise InvalidCache("--cache-to", text, "a cache goes to a tag, and this names a digest")


def _fields(flag: str, text: str) -> dict[str, list[str]] | None:
    """Return the fields by name, None for a bare name."""
    if "=" not in text.partition(",")[0]:
        if "," in text:
            raise InvalidCache(flag, text, f"{text.partition(',')[0]!r} must be a key=value pair")
        return None
    fields: dict[str, list[str]] = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        if not equals:
            raise InvalidCache(flag, text, f"{item!r} must be a key=value pair")
        fields.setdefault(name.strip().lower(), []).append(value)
    return fields


def _kind(flag: str, text: str, fields: dict[str, list[str]]) -> str:
    kind = _one(fields, "type", "")
    if not kind:
        raise InvalidCache(flag, text, "it has no type")
    if kind in _ELSEWHERE:
        raise UnsupportedError(
            f"caches of type {kind} are not supported", hint="use type=registry: any registry holds a cache"
        )
    return kind


def _one(fields: dict[str, list[str]], name: str, default: str) -> str:
    return fields.pop(name, [default])[-1]


def _needed(flag: str, text: str, fields: dict[str, list[str]], name: str) -> str:
    value = _one(fields, name, "")
    if not value:
        raise InvalidCache(flag, text, f"it has no {name}")
    return value


def _boolean(flag: str, text: str, fields: dict[str, list[str]], name: str, *, default: bool) -> bool:
    value = _one(fields, name, "true" if default else "false").lower()
    if value not in _YES | _NO:
        raise InvalidCache(flag, text, f"{name} is true or false, not {value!r}")
    return value in _YES


def _parsed(text: str, value: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(value)
    except ValueError:
        raise InvalidCache("--cache-to", text, f"{value!r} is not a number") from None


def _done(flag: str, text: str, fields: dict[str, list[str]]) -> None:
    for name in fields:
        raise InvalidCache(flag, text, f"unexpected key {name!r}")

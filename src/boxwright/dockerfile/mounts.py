"""``RUN --mount=type=…,key=value,…``: what a command sees beside the image's own files.

Every kind has keys of its own, which have aliases: ``target`` is also ``dst`` and ``destination``, ``source`` is
``src``, ``readonly`` is ``ro``, ``readwrite`` is ``rw``. Values expand, except those of ``type`` and ``from``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from boxwright.dockerfile.source import DockerfileError, Span
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple

Fields = tuple[tuple[str, str | None], ...]
"""The keys, in lower case and without their aliases, and their values; None for a key that stands alone."""

KINDS = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARINGS = ("shared", "private", "locked")

_ALIASES = {
    "dst": "target",
    "destination": "target",
    "src": "source",
    "ro": "readonly",
    "rw": "readwrite",
}
_ALONE = ("readonly", "readwrite", "required")
_KEYS = {
    "type": KINDS,
    "target": KINDS,
    "from": ("bind", "cache"),
    "source": ("bind", "cache", "secret"),
    "readonly": KINDS,
    "readwrite": KINDS,
    "id": ("cache", "secret", "ssh"),
    "sharing": ("cache",),
    "required": ("secret", "ssh"),
    "mode": ("cache", "secret", "ssh"),
    "uid": ("cache", "secret", "ssh"),
    "gid": ("cache", "secret", "ssh"),
    "env": ("secret",),
    "size": ("tmpfs",),
}
"""Key → the kinds that have it."""

_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
_SIZE = r"([0-9]{1,15})(?:\.([0-9]{1,9}))?\s?([kmgtp]?)i?b?"
_VARIABLE = r"\$."
_MAX_ID = 2**32 - 2
_MAX_MODE = 0o7777
_LONGEST_SHOWN = 100


class RunMount(NamedTuple):
    """One mount of a RUN. What is left out is None, or what it then means."""

    kind: str
    """One of `KINDS`."""
    target: str = ""
    """As it is written; a secret and an ssh mount may do without."""
    source: str = ""
    """A path in what `from_` says; of a secret, its ID."""
    from_: str | None = None
    """A stage's name or number, or an image; None: the context, or for a cache an empty directory."""
    read_only: bool = False
    id: str = ""
    sharing: str = "shared"
    required: bool = False
    env: str | None = None
    """The variable that holds the secret."""
    size: int | None = None
    """Bytes."""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def split_mount(text: str, span: Span) -> Fields:
    """Split a ``--mount`` into its fields, with nothing expanded yet. Raises DockerfileError.

    Whatever can be told before its variables are known is checked.
    """
    fields = []
    for field in _csv(text, span):
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        key = _ALIASES.get(key, key)
        if key not in _KEYS:
            raise DockerfileError(
                f"unexpected key '{key[:_LONGEST_SHOWN]}' in '{field[:_LONGEST_SHOWN]}'"
                f"{did_you_mean(key, (*_KEYS, *_ALIASES))}",
                span,
                mark=field,
            )
        if not equals and key not in _ALONE:
            raise DockerfileError(
                f"invalid field '{field[:_LONGEST_SHOWN]}' must be a key=value pair", span, mark=field
            )
        if key in ("from", "type") and re.search(_VARIABLE, value):
            raise DockerfileError(
                f"'{key}' doesn't support variable expansion, define alias stage instead"
                if key == "from"
                else f"'{key}' doesn't support variable expansion",
                span,
                mark=field,
                hint="define a new stage with FROM using ARG from global scope" if key == "from" else None,
            )
        fields.append((key, value if equals else None))
    if not any("$" in (value or "") for _, value in fields):
        read_mount(tuple(fields), span)
    return tuple(fields)


def expand_mount(fields: Fields, word: Callable[[str], str]) -> Fields:
    """Return the fields with `word` applied to all values that expand."""
    return tuple((key, value if value is None or key in ("from", "type") else word(value)) for key, value in fields)


def read_mount(fields: Fields, span: Span) -> RunMount:
    """Return what the fields of a ``--mount`` mean, once all is expanded. Raises DockerfileError."""
    return _Reader(fields, span).read()


class _Reader:
    __slots__ = ("_fields", "_kind", "_span")

    def __init__(self, fields: Fields, span: Span) -> None:
        self._fields = fields
        self._span = span
        self._kind = "bind"

    def read(self) -> RunMount:
        for key, value in self._fields:
            if key == "type":
                if value not in KINDS:
                    raise self._error(f'unsupported mount type "{value}"{did_you_mean(value or "", KINDS)}', value)
                self._kind = value
        mount = RunMount(self._kind)
        read_only: bool | None = None
        for key, value in self._fields:
            if self._kind not in _KEYS[key]:
                raise self._error(f"unexpected key '{key}' for mount type '{self._kind}'", key)
            text = value or ""
            match key:
                case "target":
                    mount = mount._replace(target=text)
                case "source":
                    mount = mount._replace(source=text)
                case "id":
                    mount = mount._replace(id=text)
                case "env":
                    mount = mount._replace(env=text)
                case "from":
                    mount = mount._replace(from_=text or None)
                case "readonly":
                    read_only = self._boolean(key, value)
                case "readwrite":
                    read_only = not self._boolean(key, value)
                case "required":
                    mount = mount._replace(required=self._boolean(key, value))
                case "sharing":
                    if text not in SHARINGS:
                        raise self._error(f'unsupported sharing value "{text}"{did_you_mean(text, SHARINGS)}', text)
                    mount = mount._replace(sharing=text)
                case "mode":
                    mount = mount._replace(mode=self._number(key, text, 8, _MAX_MODE))
                case "uid":
                    mount = mount._replace(uid=self._number(key, text, 10, _MAX_ID))
                case "gid":
                    mount = mount._replace(gid=self._number(key, text, 10, _MAX_ID))
                case "size":
                    mount = mount._replace(size=self._size(text))
        return self._checked(mount._replace(read_only=mount.kind == "bind" if read_only is None else read_only))

    def _checked(self, mount: RunMount) -> RunMount:
        if mount.kind == "secret":
            if mount.source and mount.id:
                raise self._error("both source and id can't be set", "source")
            if not (mount.source or mount.id or mount.target):
                raise self._error("invalid secret mount. one of source, target required")
            if mount.env is not None and not re.fullmatch(r"[^=\0]+", mount.env):
                raise self._error("env is the name of a variable", "env")
            return mount._replace(id=mount.source or mount.id or posixpath.basename(mount.target), source="")
        if mount.kind == "ssh":
            return mount._replace(id=mount.id or "default")
        if not mount.target:
            raise self._error(f"a mount of type {mount.kind} needs a target", f"type={mount.kind}")
        if mount.kind == "cache" and not mount.id:
            return mount._replace(id=posixpath.normpath(mount.target))
        return mount

    def _boolean(self, key: str, value: str | None) -> bool:
        if value is None:
            return True
        if value.lower() not in _BOOLEANS:
            raise self._error(f"invalid value for {key}: {value[:_LONGEST_SHOWN]}", value)
        return _BOOLEANS[value.lower()]

    def _number(self, key: str, text: str, base: int, most: int) -> int:
        digits = r"[0-7]{1,12}" if base == 8 else r"[0-9]{1,12}"
        if not re.fullmatch(digits, text) or int(text, base) > most:
            raise self._error(f"invalid value {text[:_LONGEST_SHOWN]} for {key}", text)
        return int(text, base)

    def _size(self, text: str) -> int:
        match = re.fullmatch(_SIZE, text.lower())
        if match is None:
            raise self._error(f"invalid value for size: {text[:_LONGEST_SHOWN]}", text)
        factor = 1024.0 ** " kmgtp".index(match[3] or " ")
        return round(float(f"{match[1]}.{match[2] or 0}") * factor)

    def _error(self, message: str, mark: str | None = None) -> DockerfileError:
        return DockerfileError(message, self._span, mark=mark or "--mount")


def _csv(text: str, span: Span) -> list[str]:
    """Split at commas; a field in double quotes may hold some, and doubled quotes. Raises DockerfileError."""
    fields: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            match = re.match(r'"((?:[^"]|"")*)"(,|$)', rest)
            if match is None:
                raise DockerfileError(f"failed to parse csv mounts: {text[:_LONGEST_SHOWN]}", span, mark="--mount")
            fields.append(match[1].replace('""', '"'))
            more, rest = match[2] == ",", rest[match.end() :]
        else:
            field, comma, rest = rest.partition(",")
            fields.append(field)
            more = bool(comma)
        if not more:
            return fields

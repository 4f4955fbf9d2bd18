"""What targets say in fields: ``type=registry,ref=user/app:cache``, or an object with the same names.

Everything here raises ConversionError for a text or an object that makes no sense.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from boxwright.bake.values import ConversionError, Value, parse_bool, to_list, to_map, to_string
from boxwright.values import NamedTuple

_T = TypeVar("_T")


class Attestation(NamedTuple):
    """What is to be said of an image beside it; only the last one of a type counts."""

    type: str
    disabled: bool
    attributes: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Attestation:
        return cls.of(_named(text))

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Attestation:
        attributes = _texts(values)
        kind, disabled = attributes.pop("type", ""), attributes.pop("disabled", "false")
        if not kind:
            raise ConversionError("an attestation has no type")
        said = parse_bool(disabled)
        if said is None:
            raise ConversionError(f"disabled is true or false, not {disabled!r}")
        return cls(kind, said, attributes)

    def to_json(self) -> dict[str, Any]:
        return dict(
            sorted({**self.attributes, "type": self.type, **({"disabled": True} if self.disabled else {})}.items())
        )

    def __str__(self) -> str:
        return _joined(
            [("type", self.type), *([("disabled", "true")] if self.disabled else []), *_sorted(self.attributes)]
        )


class CacheEntry(NamedTuple):
    """Where cached steps come from or go to."""

    type: str
    attributes: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> list[CacheEntry]:
        """Return the one that ``type=…`` names, or all of ``image,image``."""
        if "=" not in text:
            return [cls("registry", {"ref": name}) for name in fields(text)]
        return [cls.of(_named(text))]

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> CacheEntry:
        attributes = _texts(values)
        kind = attributes.pop("type", "")
        if not kind:
            raise ConversionError("a cache has no type")
        return cls(kind, attributes)

    def to_json(self) -> dict[str, Any]:
        return dict(sorted({**self.attributes, "type": self.type}.items()))

    def __str__(self) -> str:
        return _joined([("type", self.type), *_sorted(self.attributes)])


class Export(NamedTuple):
    """What becomes of what is built."""

    type: str
    dest: str
    attributes: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Export:
        parts = fields(text)
        if parts == [text] and not text.startswith("type="):
            return cls("tar" if text == "-" else "local", text, {})
        return cls.of(_named(text))

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Export:
        attributes = _texts(values)
        kind, dest = attributes.pop("type", ""), attributes.pop("dest", "")
        if not kind:
            raise ConversionError("an output has no type")
        return cls(kind, dest, attributes)

    def to_json(self) -> dict[str, Any]:
        return dict(
            sorted({**self.attributes, "type": self.type, **({"dest": self.dest} if self.dest else {})}.items())
        )

    def __str__(self) -> str:
        return _joined([("type", self.type), *([("dest", self.dest)] if self.dest else []), *_sorted(self.attributes)])


class SecretEntry(NamedTuple):
    """A secret that RUN steps may see; only the last one of an ID counts."""

    id: str
    source: str = ""
    """A file."""
    env: str = ""
    """A variable of the environment."""

    @classmethod
    def parse(cls, text: str) -> SecretEntry:
        values = _named(text)
        kind = values.pop("type", "")
        if kind not in ("", "file", "env"):
            raise ConversionError(f"there is no secret of type {kind!r}")
        entry = cls.of({("src" if name == "source" else name): value for name, value in values.items()})
        if kind == "env" and not entry.env:
            return cls(entry.id, "", entry.source)
        return entry

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> SecretEntry:
        texts = _texts(values)
        made = cls(texts.pop("id", ""), texts.pop("src", ""), texts.pop("env", ""))
        _nothing_else(texts, "a secret")
        return made

    def to_json(self) -> dict[str, Any]:
        named = {"id": self.id, "src": self.source, "env": self.env}
        return {name: value for name, value in named.items() if value}

    def __str__(self) -> str:
        return _joined(list(self.to_json().items()))


class SshEntry(NamedTuple):
    """An SSH agent that RUN steps may use; only the last one of an ID counts."""

    id: str
    paths: tuple[str, ...] = ()
    """Of its socket, or of keys; none: that of the environment."""

    @classmethod
    def parse(cls, text: str) -> SshEntry:
        id, equals, paths = text.partition("=")
        return cls(id, tuple(paths.split(",")) if equals else ())

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> SshEntry:
        left = dict(values)
        id, paths = left.pop("id", None), left.pop("paths", None)
        _nothing_else(left, "an SSH agent")
        return cls("" if id is None else to_string(id), tuple(map(to_string, to_list(paths or []))))

    def to_json(self) -> dict[str, Any]:
        return {**({"id": self.id} if self.id else {}), **({"paths": list(self.paths)} if self.paths else {})}

    def __str__(self) -> str:
        return f"{self.id}={','.join(self.paths)}" if self.paths else self.id


def read_all(
    value: Value, parse: Callable[[str], _T | list[_T]], of: Callable[[Mapping[str, Value]], _T]
) -> tuple[_T, ...]:
    """Return the entries of a list; empty texts are none."""
    found: list[_T] = []
    for item in to_list(value):
        if item == "" or item is None:
            continue
        if isinstance(item, str):
            parsed = parse(item)
            found += parsed if isinstance(parsed, list) else [parsed]
        else:
            found.append(of(to_map(item)))
    return tuple(found)


def last_of_each(entries: Iterable[_T], key: Callable[[_T], Any]) -> tuple[_T, ...]:
    """Return the last entry of every key, each where the first one of the key was."""
    return tuple({key(entry): entry for entry in entries}.values())


def without_repeated(entries: Iterable[_T]) -> tuple[_T, ...]:
    """Return entries with one of those that are equal, in buildx's order: the last one takes a repeated one's place."""
    kept = list(entries)
    for at in range(len(kept) - 2, -1, -1):
        for other in range(at + 1, len(kept)):
            if kept[at] == kept[other]:
                kept[other] = kept[-1]
                kept.pop()
                break
    return tuple(kept)


def fields(text: str) -> list[str]:
    """Split at commas; a field in quotes may hold some: ``type=image,"name=a,b"``."""
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise ConversionError(f"{text[:200]!r}: {error}") from None
    return rows[0] if rows else []


def _named(text: str) -> dict[str, str]:
    found = {}
    for field in fields(text):
        name, equals, value = field.partition("=")
        if not equals:
            raise ConversionError(f"{field[:200]!r} has to be a name, '=' and a value")
        name = name.strip()
        found[name.lower() if name.lower() in ("type", "dest", "disabled", "id", "src", "source", "env") else name] = (
            value
        )
    return found


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: to_string(value) for name, value in values.items() if value is not None}


def _nothing_else(left: Mapping[str, Value], what: str) -> None:
    if left:
        raise ConversionError(f"{what} has no {next(iter(left))!r}")


def _sorted(attributes: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    return sorted(attributes.items())


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return ",".join(_quoted(f"{name}={value}") for name, value in pairs)


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"' if any(char in field for char in ',"\n') else field

"""Functions of texts."""

from __future__ import annotations

import posixpath
import re

from boxwright.bake.functions.signature import Function
from boxwright.bake.values import ANY, NUMBER, STRING, Type, Value, to_string

_BEGINNING = re.compile(r"(^|[^\w'])(\w)")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
_LIST = Type("list", (STRING,))
_MAX_INDENT = 1000


def _substr(text: str, offset: float, length: float) -> str:
    if not isinstance(offset, int) or not isinstance(length, int):
        raise ValueError("the offset and the length are whole numbers")
    start = max(len(text) + offset, 0) if offset < 0 else offset
    return text[start:] if length < 0 else text[start : start + length]


def _indent(spaces: float, text: str) -> str:
    if not isinstance(spaces, int) or not 0 <= spaces <= _MAX_INDENT:
        raise ValueError(f"the number of blanks is one from 0 to {_MAX_INDENT}")
    return text.replace("\n", "\n" + " " * spaces)


def _join(separator: str, *lists: list[str]) -> str:
    return separator.join(each for items in lists for each in items)


def _split(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _reverse(value: Value) -> Value:
    return value[::-1] if isinstance(value, list) else to_string(value)[::-1]


def _basename(path: str) -> str:
    return posixpath.basename(path.rstrip("/")) or ("/" if path else ".")


def _dirname(path: str) -> str:
    return posixpath.normpath(posixpath.dirname(path) or ".")


TEXTS = {
    "upper": Function(str.upper, (STRING,)),
    "lower": Function(str.lower, (STRING,)),
    "title": Function(lambda text: _BEGINNING.sub(lambda match: match[1] + match[2].upper(), text), (STRING,)),
    "trim": Function(lambda text, chars: text.strip(chars) if chars else text, (STRING, STRING)),
    "trimspace": Function(str.strip, (STRING,)),
    "trimprefix": Function(str.removeprefix, (STRING, STRING)),
    "trimsuffix": Function(str.removesuffix, (STRING, STRING)),
    "chomp": Function(lambda text: text.rstrip("\r\n"), (STRING,)),
    "indent": Function(_indent, (NUMBER, STRING)),
    "join": Function(_join, (STRING,), _LIST),
    "split": Function(_split, (STRING, STRING)),
    "replace": Function(lambda text, old, new: text.replace(old, new), (STRING, STRING, STRING)),
    "substr": Function(_substr, (STRING, NUMBER, NUMBER)),
    "strlen": Function(len, (STRING,)),
    "byteslen": Function(lambda text: len(text.encode()), (STRING,)),
    "reverse": Function(_reverse, (ANY,)),
    "sanitize": Function(lambda text: _UNSAFE.sub("_", text), (STRING,)),
    "basename": Function(_basename, (STRING,)),
    "dirname": Function(_dirname, (STRING,)),
}

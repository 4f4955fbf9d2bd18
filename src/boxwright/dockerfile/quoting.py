"""Values → the words that mean them: the reverse of `words`, `arguments` and `heredoc`. The escape token is ``\\``.

What is written means the value itself: a ``$`` in it names no variable. Text in which variables do expand is an
`Expand`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=~][A-Za-z0-9_./:@%+,=~*?-]*", re.ASCII)
_SPECIAL = re.compile(r"([\\\"$])")
_SPECIAL_UNQUOTED = re.compile(r"([\\\"'$])")
_UNESCAPED_QUOTE = re.compile(r"\\.|[\"']|\\$", re.DOTALL)
_FLAG_SPECIAL = re.compile(r"([\\\"'\s])")
_HEREDOC_NAME = "EOF"


class Expand(str):
    """A text in which ``$name`` and ``${name…}`` stand for variables of the build, and a backslash for the next
    character: ``Expand("/opt/bin:$PATH")``."""

    __slots__ = ()


def is_plain(text: str) -> bool:
    """Whether `text` means itself as it stands, in every place where a word can be."""
    return _PLAIN.fullmatch(text) is not None


def quoted(value: str) -> str:
    """Return the one word, in double quotes if need be, that means `value`."""
    if isinstance(value, Expand):
        return f'"{_UNESCAPED_QUOTE.sub(_escape_quote, value)}"'
    return value if is_plain(value) else f'"{_SPECIAL.sub(_ESCAPED, value)}"'


def escaped(value: str) -> str:
    """Return `value` escaped for where words expand, but are not split: a string of a JSON array, a flag."""
    if isinstance(value, Expand):
        return str(value)
    return _SPECIAL_UNQUOTED.sub(_ESCAPED, value)


def flag_value(text: str) -> str:
    """Return what stands behind ``--name=`` for the flag's value to be `text`."""
    return _FLAG_SPECIAL.sub(_ESCAPED, text)


def csv_field(text: str) -> str:
    """Return `text` as a field of a line of comma-separated values."""
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in ',"\n\r') else text


def words_or_json(values: Iterable[str]) -> str:
    """Return arguments that expand, plain where they can be, else as a JSON array."""
    values = tuple(values)
    if all(is_plain(value) for value in values):
        return " ".join(values)
    return json_array(escaped(value) for value in values)


def json_array(values: Iterable[str]) -> str:
    """Return words as they stand in the exec form."""
    import json

    return json.dumps(list(values), ensure_ascii=False)


def heredoc(text: str) -> str:
    """Return `text` as a here-document in which nothing expands: the marker, the lines, the end.

    The body of a here-document ends with a line break; `text` is given one if it has none.
    """
    lines = text.removesuffix("\n").split("\n")
    taken = {line.rstrip("\r") for line in lines}
    name, number = _HEREDOC_NAME, 1
    while name in taken:
        number += 1
        name = f"{_HEREDOC_NAME}{number}"
    return "\n".join((f"<<'{name}'", *lines, name))


_ESCAPED = r"\\\1"


def _escape_quote(match: re.Match[str]) -> str:
    text = match[0]
    if text == "\\":
        return "\\\\"  # the last character: it has nothing to escape
    if text == '"':
        return '\\"'
    return text

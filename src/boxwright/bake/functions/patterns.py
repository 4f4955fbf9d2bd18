"""Functions of regular expressions."""

from __future__ import annotations

import re

from boxwright.bake.functions.signature import Function
from boxwright.bake.values import STRING, Value

_MAX_PATTERN = 1000
_MAX_TEXT = 1 << 16
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")
_CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:upper:]": "A-Z",
    "[:word:]": r"\w",
    "[:xdigit:]": "0-9A-Fa-f",
}


def _compiled(pattern: str, text: str) -> re.Pattern[str]:
    if len(pattern) > _MAX_PATTERN or len(text) > _MAX_TEXT:
        raise ValueError("the pattern or the text is too long")
    for written, meant in _CLASSES.items():
        pattern = pattern.replace(written, meant)
    try:
        return re.compile(pattern.replace(r"\z", r"\Z"), re.ASCII)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None


def _replace(text: str, pattern: str, replacement: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            if name is None:
                return "$"
            try:
                return match[int(name) if name.isdecimal() else name] or ""
            except IndexError:  # a group that isn't there is empty
                return ""

        return _REFERENCE.sub(group, replacement)

    return _compiled(pattern, text).sub(replaced, text)


def _found(match: re.Match[str]) -> Value:
    if match.re.groupindex:
        return match.groupdict()
    return list(match.groups()) if match.re.groups else match[0]


def _regex(pattern: str, text: str) -> Value:
    match = _compiled(pattern, text).search(text)
    if match is None:
        raise ValueError("the pattern did not match")
    return _found(match)


PATTERNS = {
    "regex": Function(_regex, (STRING, STRING)),
    "regexall": Function(
        lambda pattern, text: [_found(match) for match in _compiled(pattern, text).finditer(text)], (STRING, STRING)
    ),
    "regex_replace": Function(_replace, (STRING, STRING, STRING)),
}

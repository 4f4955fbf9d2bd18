"""Functions of regular expressions."""

from __future__ import annotations

import re

from boxwright.bake.functions.signature import Function
from boxwright.bake.regex.machine import Match, Pattern
from boxwright.bake.values import STRING, Value

_MAX_PATTERN = 1000
_MAX_TEXT = 1 << 16
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


def _compiled(pattern: str, text: str) -> Pattern:
    if len(pattern) > _MAX_PATTERN or len(text) > _MAX_TEXT:
        raise ValueError("the pattern or the text is too long")
    return Pattern(pattern)


def _replace(text: str, pattern: str, replacement: str) -> str:
    def filled(match: Match) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            if name is None:
                return "$"
            number = int(name) if name.isdecimal() else match.names.index(name) + 1 if name in match.names else -1
            # A group that isn't there is empty.
            return (match.group(number) or "") if 0 <= number <= len(match.names) else ""

        return _REFERENCE.sub(group, replacement)

    made, at = [], 0
    for match in _compiled(pattern, text).matches(text):
        made += [text[at : match.start], filled(match)]
        at = match.end
    return "".join([*made, text[at:]])


def _found(match: Match) -> Value:
    if any(match.names):
        return {name: group for name, group in zip(match.names, match.groups(), strict=True) if name}
    return match.groups() if match.names else match.group(0)


def _regex(pattern: str, text: str) -> Value:
    match = _compiled(pattern, text).search(text)
    if match is None:
        raise ValueError("the pattern did not match")
    return _found(match)


PATTERNS = {
    "regex": Function(_regex, (STRING, STRING)),
    "regexall": Function(
        lambda pattern, text: [_found(match) for match in _compiled(pattern, text).matches(text)], (STRING, STRING)
    ),
    "regex_replace": Function(_replace, (STRING, STRING, STRING)),
}

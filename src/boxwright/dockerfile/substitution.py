"""The shell patterns of ``${x#p}``, ``${x%p}`` and ``${x/p/r}``: ``*`` any text, ``?`` any character, ``\\`` escapes.

Matching keeps the set of offsets reachable so far as the bits of one integer, so that no pattern, however hostile,
makes it backtrack.
"""

from __future__ import annotations

from typing import Final

_STAR: Final = "*"
_ANY: Final = "?"

# A token is _STAR, _ANY, or "=" and the literal character.
Tokens = tuple[str, ...]


def parse_pattern(text: str, escape: str) -> Tokens:
    """Raises ValueError for an escaped character that needs no escape."""
    tokens: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char != escape:
            tokens.append(char if char in (_STAR, _ANY) else "=" + char)
            continue
        escaped = text[position : position + 1]
        position += 1
        # "}" and "/" need their escape because of the ${} around the pattern.
        if not escaped or escaped not in (_STAR, _ANY, escape, "}", "/"):
            raise ValueError(f"invalid escape '{escape}{escaped}'")
        tokens.append("=" + escaped)
    return tuple(tokens)


def trim_prefix(value: str, pattern: Tokens, *, longest: bool) -> str:
    """Return `value` without the shortest or longest prefix that matches."""
    end = _Text(value).match(pattern, 0, longest=longest)
    return value if end is None else value[end:]


def trim_suffix(value: str, pattern: Tokens, *, longest: bool) -> str:
    """Return `value` without the shortest or longest suffix that matches."""
    end = _Text(value[::-1]).match(pattern[::-1], 0, longest=longest)
    return value if end is None else value[: len(value) - end]


def replace(value: str, pattern: Tokens, replacement: str, *, every: bool) -> str:
    """Return `value` with the first match, or every one, replaced; a match starts leftmost and is the longest there."""
    text = _Text(value)
    parts: list[str] = []
    kept = start = 0
    while start <= len(value):
        end = text.match(pattern, start, longest=True)
        if end is None and pattern[:1] == (_STAR,):
            break  # a star that finds nothing from here finds nothing further right
        if end is None or (end == start == kept and parts):  # no empty match right behind another match
            start += 1
            continue
        parts.append(value[kept:start] + replacement)
        kept = end
        start = max(end, start + 1)
        if not every:
            break
    return "".join(parts) + value[kept:]


class _Text:
    __slots__ = ("_all", "_masks", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._all = (2 << len(value)) - 1
        self._masks: dict[str, int] = {}

    def match(self, pattern: Tokens, start: int, *, longest: bool) -> int | None:
        """Return where the shortest or longest match that starts at `start` ends, None when there is none."""
        ends = 1 << start
        for token in pattern:
            if token == _STAR:
                ends = self._all ^ ((ends & -ends) - 1)
            elif token == _ANY:
                ends = (ends << 1) & self._all
            else:
                ends = (ends & self._mask(token[1])) << 1
            if not ends:
                return None
        return (ends if longest else ends & -ends).bit_length() - 1

    def _mask(self, char: str) -> int:
        """Return the offsets at which `char` stands."""
        mask = self._masks.get(char)
        if mask is None:
            bits = "".join("1" if other == char else "0" for other in reversed(self._value))
            mask = self._masks[char] = int(bits or "0", 2)
        return mask

"""The comment right above a stage or an ARG, which describes it when it starts with its name."""

from __future__ import annotations

import re

from boxwright.dockerfile.blanks import BLANKS
from boxwright.dockerfile.source import Span

_DIRECTIVE = re.compile(r"#\s*(escape|syntax|check)\s*=", re.IGNORECASE)


def comment_above(span: Span) -> str:
    """Return the last line of the comment that ends right above a place, without its ``#``; "" if there is none."""
    lines = span.source.lines()
    if not 2 <= span.first <= len(lines):
        return ""
    line = lines[span.first - 2].strip(BLANKS)
    if not line.startswith("#") or _DIRECTIVE.match(line):
        return ""
    return line.lstrip("#").strip(BLANKS)


def description(span: Span, name: str) -> str:
    """Return what the comment above the definition of `name` says of it; "" if it says nothing."""
    word, _, text = comment_above(span).partition(" ")
    return text.strip(BLANKS) if word == name else ""

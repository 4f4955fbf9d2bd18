"""What counts as a blank. Python's own idea also takes U+001C–U+001F, the language's doesn't."""

from __future__ import annotations

import re

BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Every blank, fit for ``str.strip``; a line break is one."""

_SEPARATORS = re.compile("[\t\v\f\r ]+")


def split_plain(text: str, most: int = 0) -> list[str]:
    """Split at runs of the blanks that part plain words, at most `most` times (0: at all of them)."""
    return _SEPARATORS.split(text, most)

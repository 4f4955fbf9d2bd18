"""The licences of a Debian package: its copyright file, where that is in the form that programs can read (DEP 5)."""

from __future__ import annotations

import re

from boxwright.sbom.licence import is_expression
from boxwright.sbom.package import clean

LIMIT = 1 << 20
"""Bytes that are read of a copyright file."""
_MOST = 64
_FORMAT = re.compile(rb"^Format(-Specification)?:.*(copyright-format|dep5|DEP-?5)", re.IGNORECASE)
_FIELD = re.compile(rb"^License:[ \t]*([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
# Debian's names of licences that SPDX calls otherwise.
_SPDX = {
    "expat": "MIT",
    "artistic": "Artistic-1.0-Perl",
    "zlib": "Zlib",
    "psf-2": "PSF-2.0",
    "unicode-dfs-2016": "Unicode-DFS-2016",
    "public-domain": "public-domain",
}
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)(?:\.(\d))?(\+?)")
_BSD = re.compile(r"bsd-(\d)-clause", re.IGNORECASE)


def licence(data: bytes) -> str:
    """Return what a copyright file says of the licences of all files together; empty for one in another form.

    An SPDX expression where all of it can be said as one, else Debian's own names.
    """
    if not _FORMAT.match(data):
        return ""
    names = dict.fromkeys(clean(match.group(1)) for match in _FIELD.finditer(data))
    parts = sorted({_translated(name) for name in list(names)[:_MOST] if name})
    if len(parts) == 1:
        return parts[0]
    return " AND ".join(f"({part})" if " OR " in part else part for part in parts)


def _translated(name: str) -> str:
    """Return one of Debian's synopses in SPDX's words as far as they are known."""
    words = []
    for word in name.replace(",", " ").split():
        lower = word.lower()
        gnu, bsd = _GNU.fullmatch(word), _BSD.fullmatch(word)
        if lower in ("and", "or", "with"):
            words.append(lower.upper())
        elif gnu is not None:
            kind, major, minor, later = gnu.groups()
            words.append(f"{kind}-{major}.{minor or 0}-{'or-later' if later else 'only'}")
        elif bsd is not None:
            words.append(f"BSD-{bsd.group(1)}-Clause")
        else:
            words.append(_SPDX.get(lower, word))
    text = " ".join(words)
    return text if is_expression(text) else name

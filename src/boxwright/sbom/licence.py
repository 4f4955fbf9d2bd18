"""What a package says of its licence, as documents may say it.

SPDX expressions are made of identifiers from a list. What a package says is kept as it is where all of it is on that
list (as far as it is known here: the licences that packages do have); else the document quotes it, under a reference.
"""

from __future__ import annotations

import re

from boxwright.hashes import hexdigest

_OPERATORS = frozenset({"AND", "OR", "WITH"})
_LIST = """
    0BSD AFL-2.1 AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-1.0 Artistic-1.0-Perl
    Artistic-2.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-4-Clause BSL-1.0 blessing BlueOak-1.0.0
    bzip2-1.0.6 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 CDDL-1.1 CNRI-Python curl EPL-1.0
    EPL-2.0 EUPL-1.2 FSFAP FSFUL FSFULLR FTL GFDL-1.3-only GFDL-1.3-or-later GPL-1.0-or-later GPL-2.0-only
    GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG ISC JSON LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only
    LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later Libpng libpng-2.0 libtiff MirOS MIT MIT-0 MPL-1.1 MPL-2.0 MS-PL
    NCSA OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Python-2.0.1 QPL-1.0 Ruby SISSL Sleepycat
    SMLNJ TCL Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Xnet Zlib ZPL-2.1 zlib-acknowledgement
"""
_EXCEPTION_LIST = """
    Autoconf-exception-3.0 Bison-exception-2.2 Classpath-exception-2.0 Font-exception-2.0 GCC-exception-3.1
    Libtool-exception Linux-syscall-note LLVM-exception OpenJDK-assembly-exception-1.0 u-boot-exception-2.0
"""
_KNOWN = frozenset(_LIST.split())
_EXCEPTIONS = frozenset(_EXCEPTION_LIST.split())


def is_expression(text: str) -> bool:
    """Whether a text is an SPDX expression of identifiers that are known here."""
    depth = 0
    wants_name, after_with = True, False
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(" and wants_name and not after_with:
            depth += 1
        elif token == ")" and not wants_name and depth:
            depth -= 1
        elif token in _OPERATORS and not wants_name and not (token == "WITH" and after_with):
            wants_name, after_with = True, token == "WITH"
        elif wants_name and token.removesuffix("+") in (_EXCEPTIONS if after_with else _KNOWN):
            wants_name, after_with = False, False
        else:
            return False
    return not wants_name and depth == 0


def is_identifier(text: str) -> bool:
    """Whether a text is one identifier of SPDX's list."""
    return text in _KNOWN


def reference(text: str) -> str:
    """Return the name under which a document quotes a licence that is on no list."""
    word = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")[:40]
    return f"LicenseRef-{word or 'text'}-{hexdigest(text.encode('utf-8', 'replace'))[:8]}"

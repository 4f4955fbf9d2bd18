"""What a bake file can call: buildx's functions by their names, which are those of HCL's standard library.

Every function raises ValueError for arguments that it can't take. ``try``, ``can`` and ``convert`` are no functions:
they look at expressions, and the evaluator has them. ``timestamp``, ``homedir`` and ``uuidv4`` are given by whoever
reads the file.
"""

from __future__ import annotations

from boxwright.bake.functions.encodings import ENCODINGS
from boxwright.bake.functions.formats import FORMATS
from boxwright.bake.functions.lists import LISTS
from boxwright.bake.functions.logic import LOGIC
from boxwright.bake.functions.networks import NETWORKS
from boxwright.bake.functions.numbers import NUMBERS
from boxwright.bake.functions.patterns import PATTERNS
from boxwright.bake.functions.signature import Function
from boxwright.bake.functions.texts import TEXTS
from boxwright.bake.functions.times import TIMES
from boxwright.bake.functions.versions import VERSIONS

FUNCTIONS: dict[str, Function] = {
    **LOGIC,
    **NUMBERS,
    **TEXTS,
    **PATTERNS,
    **FORMATS,
    **LISTS,
    **ENCODINGS,
    **TIMES,
    **NETWORKS,
    **VERSIONS,
}

UNSUPPORTED = frozenset(
    {
        "bcrypt",
        "bytesslice",
        "rsadecrypt",
    }
)
"""Functions that buildx has and boxwright doesn't."""

"""SHA-256 of what is small.

hashlib loads OpenSSL, which takes 2.5 ms: long for the few hundred bytes that most commands hash, if any. The same
function in Python's own C takes 0.1 ms to load, and is several times slower by the byte.
"""

from __future__ import annotations

import sys
from typing import Protocol

_SMALL = 1 << 18
"""From here on, loading OpenSSL pays."""


class Hash(Protocol):
    """What hashlib's objects are, as far as it is used."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def sha256(size: int) -> Hash:
    """Return a hash for about `size` bytes."""
    if size < _SMALL and "hashlib" not in sys.modules:
        try:
            if sys.version_info >= (3, 12):
                from _sha2 import sha256
            else:
                from _sha256 import sha256  # type: ignore[import-not-found]  # see the module random
        except ImportError:
            pass  # an interpreter built without it
        else:
            made: Hash = sha256()
            return made
    import hashlib

    return hashlib.sha256()


def hexdigest(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of `data` in lower-case hexadecimal digits."""
    if algorithm == "sha256":
        digest = sha256(len(data))
        digest.update(data)
        return digest.hexdigest()
    import hashlib

    return hashlib.new(algorithm, data).hexdigest()

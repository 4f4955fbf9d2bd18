"""Personal access tokens, and those of robots: what stands in for a password.

    bxw_<43 characters: 256 random bits><6 characters: CRC-32 of what is before them>

in the digits 0-9A-Za-z. The prefix and the checksum let scanners find a leaked one without asking anybody. What is kept
is its SHA-256: a random value of this length cannot be guessed, so a slow hash would only cost time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

PREFIX = "bxw_"
REFRESH_PREFIX = "bxr_"
"""Of what a client gets in place of a password when it logs in (OAuth 2.0 refresh tokens)."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_DIGITS = 43  # 62**43 > 2**256
_CHECK_DIGITS = 6
_FORM = re.compile(rf"bx[wr]_[0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECK_DIGITS}}}", re.ASCII)


def mint(prefix: str = PREFIX) -> str:
    """Return a new token."""
    body = prefix + _base62(secrets.randbits(256), _RANDOM_DIGITS)
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether `text` has the form and the checksum of a token, so that it is worth being looked up."""
    return _FORM.fullmatch(text) is not None and text[-_CHECK_DIGITS:] == _checksum(text[:-_CHECK_DIGITS])


def fingerprint(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, "0")

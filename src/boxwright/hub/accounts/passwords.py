"""Passwords, kept as argon2id hashes (RFC 9106)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

MIN_LENGTH = 8
"""Characters."""
MAX_BYTES = 1024
CONCURRENT = 2
"""Hashes that are computed at once: each takes 64 MiB and a good part of a core."""

_REMEMBERED = 1024


class InvalidPassword(InvalidError):
    """A password that cannot be set."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the password is {why}", hint=f"it has at least {MIN_LENGTH} characters")


class Verdict(NamedTuple):
    """Whether a password was right, and the hash to keep from now on when its parameters are out of date."""

    right: bool
    renewed: str | None = None


class Passwords:
    """Hashes and checks passwords, a few at a time. Safe to use from several threads.

    A password that was right is remembered (as a keyed hash, beside the hash that it was right for): clients send it
    again and again, and argon2 is slow on purpose.
    """

    __slots__ = ("_decoy", "_hasher", "_key", "_lock", "_remembered", "_slots")

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(CONCURRENT)
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, None] = {}
        self._decoy = ""

    def hash(self, password: str) -> str:
        """Return what to keep of a password. Raises InvalidPassword."""
        if len(password) < MIN_LENGTH:
            raise InvalidPassword(f"shorter than {MIN_LENGTH} characters")
        raw = _bytes(password)
        if len(raw) > MAX_BYTES:
            raise InvalidPassword(f"longer than {MAX_BYTES} bytes")
        with self._slots:
            return self._hasher.hash(raw)

    def verify(self, kept: str | None, password: str) -> Verdict:
        """Check a password against what is kept.

        None, for a name that nobody has, takes as long as a wrong password.
        """
        raw = _bytes(password)
        if len(raw) > MAX_BYTES:
            return Verdict(False)
        proof = hmac.digest(self._key, f"{kept}\0".encode() + raw, hashlib.sha256)
        with self._lock:
            if proof in self._remembered:
                return Verdict(True)
        with self._slots:
            try:
                self._hasher.verify(kept or self._decoy_hash(), raw)
            except (Argon2Error, InvalidHashError):
                return Verdict(False)
            if kept is None:
                return Verdict(False)
            renewed = self._hasher.hash(raw) if self._hasher.check_needs_rehash(kept) else None
        with self._lock:
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[proof] = None
        return Verdict(True, renewed)

    def _decoy_hash(self) -> str:
        if not self._decoy:
            self._decoy = self._hasher.hash(secrets.token_hex())
        return self._decoy


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")  # a terminal may give anything

"""Users in an htpasswd file: one ``name:bcrypt hash`` a line, as ``htpasswd -B`` writes it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import threading
from pathlib import Path

import bcrypt

from boxwright.errors import InvalidError

_log = logging.getLogger(__name__)

_PREFIXES = ("$2y$", "$2b$", "$2a$")
_MAX_PASSWORD_BYTES = 72  # what bcrypt looks at; a longer one must not match by its beginning


class InvalidHtpasswd(InvalidError):
    """A file of users that cannot be used; `line` is 0 when it cannot be read at all."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}{f':{line}' if line else ''}: {why}", hint=f"add users with: htpasswd -B {path} NAME")
        self.path = path
        self.line = line


class HtpasswdCredentials:
    """`Credentials` of an htpasswd file, which is read again whenever it changes.

    A password that was right is remembered (as a keyed hash) until the file changes, since docker sends it with every
    request and bcrypt takes tenths of a second. Safe to use from several threads.
    """

    __slots__ = ("_decoy", "_hashes", "_key", "_lock", "_path", "_stamp", "_verified", "challenge")

    def __init__(self, path: Path) -> None:
        """Raises InvalidHtpasswd."""
        self.challenge = 'Basic realm="boxwright registry"'
        self._path = path
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}
        try:
            self._stamp = self._read_stamp()
            self._hashes = parse_htpasswd(path.read_text(), path)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidHtpasswd(path, 0, str(error)) from None
        # Checked for a name that does not exist, so that the time taken does not tell which names do.
        self._decoy = next(iter(self._hashes.values()), None) or bcrypt.hashpw(b"", bcrypt.gensalt())

    def check(self, authorization: str | None) -> str | None:
        user, password = parse_basic(authorization)
        return user if self.check_password(user, password) else None

    def check_password(self, user: str, password: bytes) -> bool:
        """Whether this is the user's password. For a thread: it may take tenths of a second."""
        if not user or len(password) > _MAX_PASSWORD_BYTES:
            return False
        self._reload()
        hashed = self._hashes.get(user)
        proof = hmac.digest(self._key, password, hashlib.sha256)
        if hashed is not None and hmac.compare_digest(self._verified.get(user, b""), proof):
            return True
        try:
            right = bcrypt.checkpw(password, hashed or self._decoy)
        except ValueError as error:  # a hash of the right form with an impossible salt
            _log.warning("%s: user %r: %s", self._path, user, error)
            return False
        if not right or hashed is None:
            return False
        with self._lock:
            # Unless the file was read again meanwhile, and this password is an old one.
            if self._hashes.get(user) == hashed:
                self._verified[user] = proof
        return True

    def mark(self, user: str) -> str | None:
        """Return what changes when the user's password does; None when the file has no such user."""
        self._reload()
        hashed = self._hashes.get(user)
        return None if hashed is None else hashlib.sha256(hashed).hexdigest()

    def _read_stamp(self) -> tuple[int, int, int]:
        status = self._path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _reload(self) -> None:
        """Read the file if it changed. One that became unusable leaves the users as they were."""
        with self._lock:
            try:
                stamp = self._read_stamp()
                if stamp == self._stamp:
                    return
                self._stamp = stamp
                self._hashes = parse_htpasswd(self._path.read_text(), self._path)
            except (OSError, UnicodeDecodeError, InvalidHtpasswd) as error:
                _log.warning("%s: users stay as they were: %s", self._path, error)
                return
            self._verified.clear()


def parse_htpasswd(text: str, path: Path) -> dict[str, bytes]:
    """Return the hash of every user. Raises InvalidHtpasswd: skipping a line would lock somebody out silently."""
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        user, colon, hashed = line.partition(":")
        if not colon or not user:
            raise InvalidHtpasswd(path, number, "not of the form name:hash")
        if not hashed.startswith(_PREFIXES):
            raise InvalidHtpasswd(path, number, f"the password of {user!r} is not hashed with bcrypt")
        hashes[user] = hashed.encode()
    return hashes


def parse_basic(authorization: str | None) -> tuple[str, bytes]:
    """Return user and password of a Basic Authorization header; ("", b"") when it is none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
        user, colon, password = decoded.partition(b":")
        return (user.decode(), password) if colon else ("", b"")
    except (binascii.Error, UnicodeDecodeError):
        return "", b""

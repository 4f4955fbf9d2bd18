"""Keys that access tokens are signed with (ES256), shared by all servers of a hub and changed from time to time.

A key is made when the newest is `ROTATE_SECONDS` old. It signs only after `LEAD_SECONDS`, when every server has had
the time to read it, unless there is no older one; and it verifies until no token that it signed can be valid.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from joserfc.jwk import ECKey

from boxwright.values import NamedTuple

ROTATE_SECONDS = 30 * 86400.0
LEAD_SECONDS = 300.0
_KEEP_SECONDS = 2 * ROTATE_SECONDS
_FRESH_SECONDS = 60.0
"""How old what a server knows of the keys may be."""
_RELOAD_SECONDS = 1.0
"""How often somebody who makes up names of keys can have them read again."""


class StoredKey(NamedTuple):
    """A key at rest. `kid` is its thumbprint (RFC 7638), `jwk` its private JSON form."""

    kid: str
    jwk: str
    created: float


class KeyStore(Protocol):
    """Where keys are kept. Methods may be called from any thread."""

    def keys(self) -> list[StoredKey]:
        """Return all keys, the newest first."""

    def add_key(self, key: StoredKey) -> None:
        """Keep another key."""

    def remove_keys(self, before: float) -> None:
        """Forget keys that were created before this time."""


def make_key(created: float) -> StoredKey:
    """Return a new key."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    return StoredKey(str(key.kid), json.dumps(key.as_dict(private=True)), created)


def signing_key(keys: Sequence[StoredKey], now: float) -> StoredKey:
    """Return which of some keys, the newest first, signs: the newest that every server has had the time to read."""
    # None is old enough only when the hub is new: the oldest is what the others know, if anybody does.
    return next((one for one in keys if now - one.created >= LEAD_SECONDS), keys[-1])


class KeyRing:
    """The keys as one server knows them. Methods may be called from any thread, and may read the store."""

    __slots__ = ("_clock", "_keys", "_loaded", "_lock", "_names", "_store")

    def __init__(self, store: KeyStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: list[tuple[StoredKey, ECKey]] = []
        self._names: frozenset[str] = frozenset()
        self._loaded = 0.0

    def signing(self) -> ECKey:
        """Return the key to sign with now, making one when it is time."""
        with self._lock:
            now = self._clock()
            if not self._is_fresh():
                self._load()
            if not self._keys or now - self._keys[0][0].created > ROTATE_SECONDS:
                self._store.remove_keys(now - _KEEP_SECONDS)
                self._store.add_key(make_key(now))
                self._load()
            chosen = signing_key([stored for stored, _ in self._keys], now)
            return next(key for stored, key in self._keys if stored == chosen)

    def verifying(self, kid: str) -> ECKey | None:
        """Return the key of this name, None when there is none (any more)."""
        with self._lock:
            if not self._is_fresh():
                self._load()
            found = self._find(kid)
            if found is None and self._clock() - self._loaded > _RELOAD_SECONDS:
                self._load()
                found = self._find(kid)
            return found

    def knows(self, kid: str) -> bool:
        """Whether there was a key of this name a minute ago. Reads nothing and waits for nobody."""
        return self._is_fresh() and kid in self._names

    def public(self) -> dict[str, Any]:
        """Return all keys without what is secret of them: a JWK set (RFC 7517)."""
        self.signing()
        with self._lock:
            return {"keys": [key.as_dict(private=False) for _, key in self._keys]}

    def _is_fresh(self) -> bool:
        return self._clock() - self._loaded <= _FRESH_SECONDS

    def _find(self, kid: str) -> ECKey | None:
        return next((key for stored, key in self._keys if stored.kid == kid), None)

    def _load(self) -> None:
        stored = self._store.keys()
        self._keys = [(one, ECKey.import_key(json.loads(one.jwk))) for one in stored]
        self._names = frozenset(one.kid for one in stored)
        self._loaded = self._clock()

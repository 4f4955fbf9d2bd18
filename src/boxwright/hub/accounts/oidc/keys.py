"""The keys of a provider (RFC 7517), fetched when they are needed and remembered.

A server that hangs, or somebody who makes up names of keys, must not keep logins waiting: one fetch at a time, not more
often than every `RETRY_SECONDS` (`DOWN_SECONDS` after one that failed), and nobody waits longer than `PATIENCE` for it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from boxwright.remote.provider import SILENT_SECONDS, Provider, ProviderFailed, ask, discover
from boxwright.remote.transport import PooledTransport
from boxwright.values import NamedTuple

_log = logging.getLogger(__name__)

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519"), "OKP"),
}
"""Signatures that are taken, and the kind of key of each: none whose key both sides have, and never none at all."""

FRESH_SECONDS = 600.0
"""How long keys count without being looked at again: what a provider withdraws is good for so long at most."""
STALE_SECONDS = 86400.0
"""How long they count while the provider is down."""
RETRY_SECONDS = 10.0
"""The least time between two fetches."""
DOWN_SECONDS = 30.0
"""The same after one that failed: logins wait in the threads that others need for their passwords."""
PATIENCE = 5.0
"""Seconds that a login waits for keys."""

_MAX_KEYS = 100
_LEAST_RSA_BITS = 2048

Key = RSAKey | ECKey | OKPKey


class Known(NamedTuple):
    """A key with the name and the algorithm that its provider gives it, either of them None where it gives none."""

    key: Key
    kid: str | None
    algorithm: str | None

    def fits(self, kid: str | None, algorithm: str) -> bool:
        """Whether a token with this header may be signed by it."""
        same = kid is None or kid == self.kid
        return same and self.key.key_type == ALGORITHMS[algorithm] and self.algorithm in (None, algorithm)


class ProviderKeys:
    """The keys of one provider. Methods may be called from any thread."""

    __slots__ = ("_changed", "_clock", "_failure", "_fetch", "_fetching", "_keys", "_loaded", "_tried", "_where")

    def __init__(
        self, issuer: str, fetch: Callable[[], Mapping[str, Any]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`fetch` returns the JWK set of the issuer; it raises ProviderFailed."""
        self._where = issuer
        self._fetch = fetch
        self._clock = clock
        self._changed = threading.Condition()
        self._keys: list[Known] = []
        self._loaded = -math.inf
        self._tried = -math.inf
        self._fetching = False
        self._failure = ""

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the one key for a token's header; None when there is none, or more than one. May wait.

        Raises ProviderFailed when the provider could not be asked.
        """
        with self._changed:
            found = self._known(kid, algorithm)
            if found is not None and self._age() < FRESH_SECONDS:
                return found
            self._refresh()
            found = self._known(kid, algorithm) if self._age() <= STALE_SECONDS else None
            if found is None and (self._fetching or self._failure):
                # Nobody knows whether there is one.
                raise ProviderFailed(self._where, self._failure or "it does not answer in time")
            return found

    def _age(self) -> float:
        return self._clock() - self._loaded

    def _known(self, kid: str | None, algorithm: str) -> Key | None:
        fitting = [one.key for one in self._keys if one.fits(kid, algorithm)]
        return fitting[0] if len(fitting) == 1 else None

    def _refresh(self) -> None:
        """Have the keys fetched unless that was tried just now, and wait for it. With the lock."""
        now = self._clock()
        pause = RETRY_SECONDS if not self._failure else DOWN_SECONDS
        if not self._fetching and now - self._tried >= pause:
            self._fetching, self._tried = True, now
            # A thread of its own: one that hangs in a provider's answer must be none of those that check passwords.
            threading.Thread(target=self._load, name="oidc-keys", daemon=True).start()
        while self._fetching and (left := self._tried + PATIENCE - self._clock()) > 0:
            self._changed.wait(left)

    def _load(self) -> None:
        failure = ""
        keys: list[Known] = []
        try:
            keys = read_keys(self._fetch())
        except ProviderFailed as error:
            _log.warning("%s", error)
            failure = error.why
        except Exception:  # of kinds that nobody thought of: logins are waiting
            _log.exception("the keys of the identity provider")
            failure = "an unforeseen error, see the log of the hub"
        with self._changed:
            self._failure = failure
            if not failure:
                self._keys, self._loaded = keys, self._clock()
            self._fetching = False
            self._changed.notify_all()


def fetcher(issuer: str) -> Callable[[], Mapping[str, Any]]:
    """Return what fetches the JWK set of an issuer over HTTP, from where its provider says."""

    def fetch() -> Mapping[str, Any]:
        transport = PooledTransport(idle_seconds=SILENT_SECONDS)
        try:
            provider: Provider = discover(transport, issuer)
            answer = ask(transport, provider.keys_url)
        finally:
            transport.close()
        if answer.status != 200:
            raise ProviderFailed(provider.keys_url, f"its keys come with status {answer.status}")
        return answer.fields

    return fetch


def read_keys(document: Mapping[str, Any]) -> list[Known]:
    """Return the keys of a JWK set that signatures can be verified with; others are left out (RFC 7517 §5)."""
    listed = document.get("keys")
    found = []
    for raw in listed[:_MAX_KEYS] if isinstance(listed, list) else []:
        if not isinstance(raw, dict) or raw.get("kty") not in ("RSA", "EC", "OKP") or raw.get("use", "sig") != "sig":
            continue
        if _is_weak(raw):
            _log.warning("a key of the identity provider is too short to be of use")
            continue
        try:
            key = JWKRegistry.import_key({name: raw[name] for name in raw if name not in _PRIVATE})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            _log.warning("a key of the identity provider is of no use: %s", error)
            continue
        if not isinstance(key, RSAKey | ECKey | OKPKey):
            continue
        kid, algorithm = (value if isinstance(value := raw.get(name), str) else None for name in ("kid", "alg"))
        found.append(Known(key, kid, algorithm))
    return found


_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"})
"""What is no part of a public key, or would keep it from being used for what it is fetched for."""


def _is_weak(raw: Mapping[str, Any]) -> bool:
    """Whether a key is shorter than anybody's should be (NIST SP 800-131A); told before it is used for anything."""
    return raw["kty"] == "RSA" and len(str(raw.get("n"))) * 6 < _LEAST_RSA_BITS

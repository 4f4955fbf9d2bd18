"""Access tokens: what a client shows with every request once the issuer has given it one (JSON Web Tokens, ES256)."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import CompactSignature

from boxwright.hub.accounts.keys import KeyRing
from boxwright.hub.accounts.scopes import Scope
from boxwright.values import NamedTuple

LIFETIME = 300.0
"""Seconds for which a token is good: long enough for an upload to start, short enough for a revocation to matter."""
SKEW = 60
"""Seconds that clocks of machines may differ."""

_ALGORITHM = "ES256"
_MAX_LENGTH = 32 << 10
_REMEMBERED = 4096


class Claims(NamedTuple):
    """What a token says: whose it is, and what it allows."""

    subject: str
    """The account; "" for nobody in particular."""
    grants: Mapping[tuple[str, str], frozenset[str]]
    """(type, name) → actions."""
    expires: float


class Issued(NamedTuple):
    """A new token."""

    token: str
    issued: float
    lifetime: float


class BearerTokens:
    """Issues and verifies access tokens. Safe to use from several threads.

    What was verified is remembered until it expires, or its key is gone: the many requests of a pull cost one signature
    check.
    """

    __slots__ = ("_clock", "_lifetime", "_lock", "_registry", "_remembered", "_ring", "service")

    def __init__(
        self, ring: KeyRing, service: str, *, lifetime: float = LIFETIME, clock: Callable[[], float] = time.time
    ) -> None:
        """`service` names the hub: tokens are by it (``iss``) and for it (``aud``)."""
        self._ring = ring
        self.service = service
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._remembered: dict[bytes, tuple[Claims, str]] = {}
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=SKEW,
            iss={"essential": True, "value": service},
            aud={"essential": True, "value": service},
            exp={"essential": True},
            nbf={"essential": True},
            iat={"essential": True},
            sub={"essential": True, "allow_blank": True},
        )

    def issue(self, subject: str, grants: Iterable[Scope]) -> Issued:
        """Return a token that allows `grants`."""
        key, now = self._ring.signing(), int(self._clock())
        claims: dict[str, Any] = {
            "iss": self.service,
            "sub": subject,
            "aud": self.service,
            "exp": now + int(self._lifetime),
            "nbf": now,
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "access": [{"type": one.type, "name": one.name, "actions": sorted(one.actions)} for one in grants],
        }
        header = {"alg": _ALGORITHM, "kid": key.kid, "typ": "JWT"}
        return Issued(jwt.encode(header, claims, key, algorithms=[_ALGORITHM]), now, self._lifetime)

    def recall(self, token: str) -> Claims | None:
        """Return the claims of a token that was verified before and is still good."""
        claims, kid = self._remembered.get(_key(token), (None, ""))
        if claims is None or not self._ring.knows(kid):
            return None
        return claims if self._clock() < claims.expires + SKEW else None

    def verify(self, token: str) -> Claims | None:
        """Return the claims of a token that is ours and good now; None for all others."""
        if len(token) > _MAX_LENGTH or not token.isascii():
            return None
        known = self.recall(token)
        if known is not None:
            return known
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[_ALGORITHM])
            self._registry.validate(decoded.claims)
            claims, kid = _claims(decoded.claims), str(decoded.header["kid"])
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            # Whatever is wrong with it, it isn't one that we issued.
            return None
        with self._lock:
            while len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[_key(token)] = claims, kid
        return claims

    def _key_of(self, signature: Any) -> ECKey:
        assert isinstance(signature, CompactSignature)
        kid = signature.headers().get("kid")
        found = self._ring.verifying(kid) if isinstance(kid, str) else None
        if found is None:
            raise ValueError("signed with no key of ours")
        return found


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _claims(values: Mapping[str, Any]) -> Claims:
    subject, access = values["sub"], values["access"]
    if not isinstance(subject, str):
        raise TypeError("sub is no text")
    grants = {(str(one["type"]), str(one["name"])): frozenset(map(str, one["actions"])) for one in access}
    return Claims(subject, grants, float(values["exp"]))

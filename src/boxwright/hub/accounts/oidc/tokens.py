"""ID tokens of a provider, verified (OpenID Connect Core 1.0 §3.1.3.7)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import CompactSignature
from joserfc.util import urlsafe_b64decode

from boxwright.hub.accounts.bearer import SKEW
from boxwright.hub.accounts.oidc.identity import Identity
from boxwright.hub.accounts.oidc.keys import ALGORITHMS, Key, ProviderKeys
from boxwright.hub.accounts.oidc.settings import OIDCSettings

MAX_LENGTH = 32 << 10
"""Of a token."""

_MAX_SUBJECT = 255  # §2
_MAX_USERNAME = 255
_FORM = re.compile(r"ey[\w-]{10,}\.ey[\w-]*\.[\w-]*", re.ASCII)


def is_id_token(text: str) -> bool:
    """Whether `text` is a signed JSON Web Token by its form, so that it is worth being looked at, and no password."""
    return len(text) <= MAX_LENGTH and _FORM.fullmatch(text) is not None and _header(text) is not None


class IDTokens:
    """Verifies the tokens of one provider. Methods may be called from any thread, and may wait for its keys."""

    __slots__ = ("_claims", "_keys", "_settings")

    def __init__(self, settings: OIDCSettings, keys: ProviderKeys, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=SKEW,
            iss={"essential": True, "values": [settings.issuer, settings.issuer + "/"]},
            aud={"essential": True, "value": settings.wanted_audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )

    def verify(self, token: str) -> Identity | None:
        """Return whom a token proves; None when it is not good now, and for us. Raises ProviderFailed."""
        header = _header(token) if len(token) <= MAX_LENGTH and token.isascii() else None
        if header is None:
            return None
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not isinstance(kid, str | None):
            return None
        if str(header.get("typ", "JWT")).upper() != "JWT":
            return None  # what a provider signs for another purpose, such as access (RFC 9068) or logging out
        key = self._keys.find(kid, algorithm)
        if key is None:
            return None
        try:
            decoded = jwt.decode(token, _only(key, algorithm), algorithms=[algorithm])
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            # Whatever is wrong with it, it proves nothing.
            return None
        return self._identity(decoded.claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity | None:
        audience, party = claims["aud"], claims.get("azp")
        if isinstance(audience, list) and len(audience) > 1 and party not in (None, self._settings.client_id):
            return None  # somebody else's, that was made to be shown to us as well
        subject, name = claims["sub"], claims.get(self._settings.username_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            return None
        if not isinstance(name, str) or len(name) > _MAX_USERNAME:
            name = ""
        return Identity(self._settings.issuer, subject, name, _groups(claims.get(self._settings.groups_claim)))


def _groups(claim: object) -> frozenset[str] | None:
    return frozenset(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else None


def _only(key: Key, algorithm: str) -> Callable[[Any], Key]:
    def choose(signature: Any) -> Key:
        # The header is read a second time by whoever verifies it: it must be what the key was chosen by.
        assert isinstance(signature, CompactSignature)
        if signature.headers().get("alg") != algorithm:
            raise ValueError("two algorithms in one token")
        return key

    return choose


def _header(token: str) -> Mapping[str, Any] | None:
    """Return the header of a token, as nobody has verified it."""
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None

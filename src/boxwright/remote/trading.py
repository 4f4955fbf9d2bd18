"""What a boxwright hub does for users of an OpenID provider: it says which, and trades an ID token for one of its own.

The endpoints are described in the hub's `exchange` module; other registries do not have them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from boxwright.errors import DeniedError, UnsupportedError
from boxwright.remote.failure import AccessDenied, NotInRegistry, RegistryRefused, RegistryUnsupported, nonsense
from boxwright.remote.issuer import InvalidIssuer, check_issuer
from boxwright.remote.session import Session
from boxwright.remote.transport import Response
from boxwright.values import NamedTuple

SETTINGS_PATH = "/.well-known/boxwright-oidc"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"

_MAX_BYTES = 64 << 10


class NoProvider(UnsupportedError):
    """A registry has no login through an OpenID provider."""

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"{domain} has no login through an identity provider", hint="log in with a name and a password or a token"
        )
        self.domain = domain


class TradeRefused(DeniedError):
    """A registry takes no token of its provider's for one of its own."""

    def __init__(self, domain: str, why: str) -> None:
        super().__init__(f"{domain} does not let you in: {why}")
        self.domain = domain


class LoginPlace(NamedTuple):
    """Where the users of a registry log in."""

    issuer: str
    client_id: str
    scope: str
    token_path: str


class Traded(NamedTuple):
    """A token of the registry."""

    username: str
    secret: str
    seconds: float
    """How long it is good."""


def login_place(session: Session) -> LoginPlace:
    """Ask a registry where its users log in. Raises NoProvider, RegistryFailure, ConnectionFailed."""
    what = f"log in to {session.domain}"
    try:
        response = session.request("GET", SETTINGS_PATH, what=what)
    except (AccessDenied, NotInRegistry):
        raise NoProvider(session.domain) from None  # what registries answer to paths that they do not know
    fields = _fields(response)
    values = [fields.get(name) for name in ("issuer", "client_id", "scope", "token_endpoint")]
    if not all(isinstance(value, str) and value for value in values) or not str(values[3]).startswith("/"):
        raise NoProvider(session.domain)
    place = LoginPlace(*map(str, values))
    try:
        return place._replace(issuer=check_issuer(place.issuer))
    except InvalidIssuer as error:
        raise nonsense(session.domain, what, response.status, error.message) from None


def trade(
    session: Session, place: LoginPlace, token: str, *, name: str, can: str = "", on: Sequence[str] = ()
) -> Traded:
    """Give an ID token for a token of the registry, which has a `name` there and may do what `can` and `on` say.

    Raises TradeRefused, RegistryFailure, ConnectionFailed.
    """
    form = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ID_TOKEN), ("client_id", name)]
    form += [("can", can)] * bool(can) + [("on", pattern) for pattern in on]
    body = urlencode(form).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    what = f"log in to {session.domain}"
    try:
        response = session.request("POST", place.token_path, what=what, headers=headers, body=body)
    except (AccessDenied, RegistryRefused, RegistryUnsupported) as error:
        why = next((one.message for one in error.complaints if one.message), f"status {error.status}")
        raise TradeRefused(session.domain, why) from None
    fields = _fields(response)
    username, secret, seconds = (fields.get(name) for name in ("username", "access_token", "expires_in"))
    if not isinstance(username, str) or not isinstance(secret, str) or not isinstance(seconds, int | float):
        raise nonsense(session.domain, what, response.status, "its answer has no token")
    return Traded(username, secret, float(seconds))


def _fields(response: Response) -> Mapping[str, Any]:
    try:
        fields = json.loads(response.body(_MAX_BYTES))
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}

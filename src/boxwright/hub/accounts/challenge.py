"""Where clients are sent for a token: the WWW-Authenticate of the registry (distribution "Token Authentication")."""

from __future__ import annotations

from boxwright.hub.accounts.scopes import Scope
from boxwright.hub.registry.access import Origin
from boxwright.hub.registry.errors import RegistryError

TOKEN_PATH = "/token"
KEYS_PATH = "/.well-known/jwks.json"


def realm(origin: Origin) -> str:
    """Return the address of the issuer as the caller has to call it: by the name by which it called the registry.

    Raises RegistryError when the Host header is none: it goes into an answer.
    """
    if not origin.base:
        raise RegistryError("UNSUPPORTED", "the Host header is missing or is none", status=400)
    return origin.base + TOKEN_PATH


def challenge(realm: str, service: str, scope: Scope | None, *, error: str = "") -> tuple[str, str]:
    """Return the header that says where to get a token, and with what scope."""
    values = [f'realm="{realm}"', f'service="{service}"']
    if scope is not None:
        values.append(f'scope="{scope}"')
    if error:
        values.append(f'error="{error}"')
    return "WWW-Authenticate", "Bearer " + ",".join(values)

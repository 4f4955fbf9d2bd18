"""OpenID providers: what they say of themselves (OpenID Connect Discovery 1.0), and JSON from what they name.

Redirects are not followed: whoever configured a provider trusts that one. TLS is needed, but on this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from boxwright.errors import UnavailableError
from boxwright.remote.issuer import is_safe
from boxwright.remote.transport import BodyTooLarge, ConnectionFailed, Request, Transport
from boxwright.values import NamedTuple

SILENT_SECONDS = 5.0
"""How long a provider may be silent."""

_DISCOVERY = "/.well-known/openid-configuration"
_MAX_BYTES = 256 << 10
_SHOWN = 200


class ProviderFailed(UnavailableError):
    """A provider is out of reach, or what it says makes no sense."""

    def __init__(self, url: str, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"the identity provider {urlsplit(url).netloc[:_SHOWN]} is of no use: {why}", hint=hint)
        self.url = url
        self.why = why


class Provider(NamedTuple):
    """What a provider says of itself, as far as anybody here needs it."""

    issuer: str
    keys_url: str
    """Its keys, as a JWK set."""
    token_url: str = ""
    device_url: str = ""
    """Where devices begin a login (RFC 8628); "" where it has none."""


class Answer(NamedTuple):
    """What an endpoint answered: a JSON object."""

    status: int
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a field's text, "" when there is none."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


def discover(transport: Transport, issuer: str) -> Provider:
    """Return what the provider of an issuer (see `check_issuer`) says of itself. Raises ProviderFailed."""
    url = issuer + _DISCOVERY
    answer = ask(transport, url)
    # It must be what it was asked for, letter by letter (§4.3), but for the slash that people add and forget.
    if answer.status != 200 or answer.text("issuer").rstrip("/") != issuer:
        why = f"status {answer.status}" if answer.status != 200 else f"it says it is {answer.text('issuer')[:_SHOWN]!r}"
        raise ProviderFailed(url, why, hint=f"{url} should be a document whose issuer is {issuer}")
    found = Provider(
        answer.text("issuer"),
        answer.text("jwks_uri"),
        answer.text("token_endpoint"),
        answer.text("device_authorization_endpoint"),
    )
    for name, endpoint in zip(("jwks_uri", "token_endpoint", "device_authorization_endpoint"), found[1:], strict=True):
        if endpoint and not is_safe(endpoint):
            raise ProviderFailed(url, f"its {name} is no https URL")
    if not found.keys_url:
        raise ProviderFailed(url, "it has no jwks_uri")
    return found


def ask(transport: Transport, url: str, form: Mapping[str, str] | None = None) -> Answer:
    """Get a JSON object, or POST a form for one. Raises ProviderFailed."""
    headers = {"Accept": "application/json"}
    body = None
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form).encode()
        headers["Content-Length"] = str(len(body))
    try:
        response = transport.send(Request("GET" if form is None else "POST", url, headers, body))
        raw = response.body(_MAX_BYTES)
    except (ConnectionFailed, BodyTooLarge) as error:
        raise ProviderFailed(url, error.message, hint=error.hint) from None
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise ProviderFailed(url, f"its answer (status {response.status}) is no JSON object")
    return Answer(response.status, fields)

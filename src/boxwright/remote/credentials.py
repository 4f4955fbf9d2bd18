"""Who we are to a registry, as values."""

from __future__ import annotations

import base64
from typing import Protocol

from boxwright.values import NamedTuple


class Credential(NamedTuple):
    """A user with a password, or a token that stands for them. Its text shows no secret."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    """A refresh token: it is traded for access tokens and never sent to the registry itself."""
    registry_token: str = ""
    """An access token, sent as it is."""

    def __repr__(self) -> str:
        return f"Credential(username={self.username!r}, …)"

    def basic(self) -> str:
        """Return the value of an ``Authorization: Basic`` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Keychain(Protocol):
    """Where credentials come from."""

    def get(self, domain: str) -> Credential | None:
        """Return the credential for a registry, None for an anonymous visit."""


class NoCredentials:
    """The keychain of an anonymous visitor."""

    def get(self, domain: str) -> Credential | None:
        return None


class GivenCredential:
    """A keychain that knows one credential for one registry: what `login` verifies with."""

    def __init__(self, domain: str, credential: Credential) -> None:
        self._domain = domain
        self._credential = credential

    def get(self, domain: str) -> Credential | None:
        return self._credential if domain == self._domain else None

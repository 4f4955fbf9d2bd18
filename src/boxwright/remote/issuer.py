"""The URLs of OpenID providers: which of them can be trusted with what is sent there."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from boxwright.errors import InvalidError
from boxwright.remote.headers import origin_of

_SHOWN = 200


class InvalidIssuer(InvalidError):
    """No URL of a provider."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"invalid issuer {url[:_SHOWN]!r}: {why}", hint="an issuer looks like https://id.example.com")


def check_issuer(url: str) -> str:
    """Return the URL of an issuer without a slash at its end. Raises InvalidIssuer."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username is not None or not url.isascii():
        raise InvalidIssuer(url, "it is a URL without ?, # and @")
    if not is_safe(url):
        raise InvalidIssuer(url, "it begins with https://, or with http:// on this machine alone")
    return url.rstrip("/")


def is_safe(url: str) -> bool:
    """Whether what is sent to a URL is seen by nobody between: by TLS, or since it stays on this machine."""
    origin = origin_of(url)
    if origin is None or any(char <= " " for char in url):
        return False
    return origin.scheme == "https" or _is_loopback(origin.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Signatures of webhooks, by the Standard Webhooks specification, version 1 (symmetric)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from boxwright.errors import InvalidError

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


class InvalidSecret(InvalidError):
    """Text that is no secret of a webhook. It isn't repeated."""

    def __init__(self) -> None:
        super().__init__(
            "invalid webhook secret",
            hint=f"it is {_PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64; without one, one is made",
        )


def new_secret() -> str:
    """Return a secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> str:
    """Return `secret`. Raises InvalidSecret."""
    _key(secret)
    return secret


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return ``v1,SIGNATURE``: HMAC-SHA256 of ``id.timestamp.body``. Raises InvalidSecret."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a message. With several secrets, any of them verifies it."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in keys),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecret from None
    if not secret.startswith(_PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise InvalidSecret
    return key

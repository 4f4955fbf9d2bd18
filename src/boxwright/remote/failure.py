"""What a registry refuses, and why: responses as errors.

RegistryFailure        mixed into each: the status, the registry's own codes and messages
├── AccessDenied           DeniedError       401, 403
├── NotInRegistry          NotFoundError     404
├── TooManyRequests        UnavailableError  429
├── RegistryUnsupported    UnsupportedError  405, 415, 501
├── RegistryRefused        InvalidError      any other 4xx
└── RegistryBroken         UnavailableError  5xx, and answers that make no sense
"""

from __future__ import annotations

import json

from boxwright.errors import (
    BoxwrightError,
    DeniedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from boxwright.values import NamedTuple

MAX_ERROR_BODY = 64 << 10
"""How much of an error's body is read: a page of a proxy may be any size."""

# What these codes of the specification mean, in a person's words; of others the registry's own message is told.
_WORDS = {
    "MANIFEST_UNKNOWN": "there is no such tag or digest",
    "NAME_UNKNOWN": "there is no such repository",
    "BLOB_UNKNOWN": "the registry does not have this layer",
    "BLOB_UPLOAD_UNKNOWN": "the registry has forgotten the upload",
    "UNAUTHORIZED": "",
    "DENIED": "",
}
_MAX_MESSAGES = 8
_MAX_MESSAGE = 400


class Complaint(NamedTuple):
    """One entry of a registry's error document."""

    code: str
    message: str


class RegistryFailure(BoxwrightError):
    """A registry answered with an error."""

    def __init__(
        self, host: str, what: str, status: int, complaints: tuple[Complaint, ...], message: str, hint: str | None
    ) -> None:
        super().__init__(message, hint=hint)
        self.host = host
        self.what = what
        self.status = status
        self.complaints = complaints
        self.retry_after: float | None = None
        """The seconds after which the registry wants to be asked again, when it said so."""

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(complaint.code for complaint in self.complaints)


class AccessDenied(RegistryFailure, DeniedError):
    """The registry wants other credentials, or none are good enough."""


class NotInRegistry(RegistryFailure, NotFoundError):
    """The registry doesn't have it."""


class TooManyRequests(RegistryFailure, UnavailableError):
    """The registry limits how often one may ask."""


class RegistryUnsupported(RegistryFailure, UnsupportedError):
    """The registry knows what was meant, and doesn't do it."""


class RegistryRefused(RegistryFailure, InvalidError):
    """The registry took what was sent for malformed."""


class RegistryBroken(RegistryFailure, UnavailableError):
    """The registry failed."""


def parse_complaints(body: bytes) -> tuple[Complaint, ...]:
    """Parse ``{"errors": [{"code", "message"}]}``, or a token server's ``{"error"}`` and ``{"details"}``.

    Returns nothing for any other body. The text is the registry's: control characters are taken out and the length
    is limited, since it ends on a terminal.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(document, dict):
        return ()
    entries = document.get("errors")
    if isinstance(entries, list):
        return tuple(
            Complaint(_clean(entry.get("code")), _clean(entry.get("message")))
            for entry in entries[:_MAX_MESSAGES]
            if isinstance(entry, dict)
        )
    text = document.get("error_description") or document.get("details") or document.get("message")
    if "error" in document or text:
        return (Complaint(_clean(document.get("error")), _clean(text)),)
    return ()


def _clean(text: object) -> str:
    if not isinstance(text, str):
        return ""
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_MESSAGE]).strip()


def failure_of(host: str, what: str, status: int, body: bytes = b"", *, insufficient: bool = False) -> RegistryFailure:
    """Return the error that a response means.

    `what` completes "cannot …": ``"pull ada/web:1 from localhost:5000"``. `insufficient` says that a challenge told of
    good credentials that don't allow it.
    """
    complaints = parse_complaints(body)
    codes = {complaint.code for complaint in complaints}
    told = (_WORDS.get(complaint.code, complaint.message or complaint.code) for complaint in complaints)
    said = "; ".join(dict.fromkeys(filter(None, told)))
    kind, reason, hint = _classify(host, status, codes, insufficient)
    return kind(host, what, status, complaints, f"cannot {what}: {said or reason}", hint)


def _classify(
    host: str, status: int, codes: set[str], insufficient: bool
) -> tuple[type[RegistryFailure], str, str | None]:
    login = f"log in with an account that may: boxwright login {host}"
    if status == 401 and not insufficient:
        return AccessDenied, "the registry asks for a login", f"boxwright login {host}"
    if status in (401, 403) or "DENIED" in codes:
        return AccessDenied, "access is denied, or it does not exist", login
    if status == 404:
        return NotInRegistry, "the registry does not have it", None
    if status == 429 or "TOOMANYREQUESTS" in codes:
        return TooManyRequests, "too many requests", f"wait, or raise the limit: boxwright login {host}"
    if status in (405, 415, 501) or "UNSUPPORTED" in codes:
        return RegistryUnsupported, "the registry does not support it", None
    if status == 413:
        return RegistryRefused, "it is too large for the registry", "a proxy in front of the registry may set the limit"
    if 400 <= status < 500:
        return RegistryRefused, f"the registry refused it with status {status}", None
    return RegistryBroken, f"the registry answered with status {status}", None


def nonsense(host: str, what: str, status: int, why: str) -> RegistryBroken:
    """Return the error for an answer that breaks the protocol: `why` says how."""
    return RegistryBroken(host, what, status, (), f"cannot {what}: {why}", "is this the address of a registry?")


def wrong_credentials(failure: RegistryFailure) -> AccessDenied:
    """Return `failure` as what it means when credentials were sent along: they are not good."""
    said = next((f'it says "{one.message}"; ' for one in failure.complaints if one.message), "")
    return AccessDenied(
        failure.host,
        failure.what,
        failure.status,
        failure.complaints,
        f"{failure.host} does not accept the user name or password",
        f"{said}log in anew: boxwright login {failure.host}",
    )

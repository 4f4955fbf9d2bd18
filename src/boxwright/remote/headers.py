"""Pure reading of the headers of the distribution protocol, as registries really write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit

from boxwright.values import NamedTuple

RECLAIMABLE = "Boxwright-Reclaimable-Bytes"
"""In boxwright's answer to the deletion of a manifest: what comes free, once garbage is collected."""

_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_PARAMETER = re.compile(r""";\s*([^\s=;,"]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]*))""")
_UPLOAD_RANGE = re.compile(r"(?:bytes[= ])?\s*(\d{1,19})-(\d{1,19})")
_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
_MAX_WARNING = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Who is at the other end, as far as credentials are concerned (RFC 6454)."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """Return the origin of an absolute http or https URL, None when it isn't one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return Origin(parts.scheme, parts.hostname, port if port is not None else _DEFAULT_PORTS[parts.scheme])


def resolve(location: str, request_url: str) -> str | None:
    """Return the absolute URL of a ``Location`` header: relative or absolute, its query untouched.

    A registry behind a TLS proxy often gives ``http://`` for itself: on the same host, a connection that is TLS stays
    TLS. Returns None for what is no http URL, holds credentials, or has blanks and control characters in it.
    """
    if any(char <= " " or char == "\x7f" for char in location):
        return None
    try:
        url = urljoin(request_url, location)
    except ValueError:
        return None
    target, source = origin_of(url), origin_of(request_url)
    if target is None or source is None or "@" in urlsplit(url).netloc:
        return None
    if source.scheme == "https" and target.scheme == "http" and target.host == source.host:
        parts, here = urlsplit(url), urlsplit(request_url)
        if target.port in (80, source.port):
            url = parts._replace(scheme="https", netloc=here.netloc).geturl()
    return url.partition("#")[0]


def with_query(url: str, **parameters: str) -> str:
    """Append parameters to a URL whose own query is opaque."""
    added = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{url}{'&' if '?' in url else '?'}{added}"


def next_link(values: Iterable[str], request_url: str) -> str | None:
    """Return the absolute URL of the next page (RFC 8288, ``rel="next"``), None on the last.

    A link to another origin is not followed: it would carry the credentials there.
    """
    for value in values:
        for match in _LINK.finditer(value):
            if "next" in _relations(match[2]):
                url = resolve(match[1], request_url)
                if url is not None and origin_of(url) == origin_of(request_url):
                    return url
    return None


def _relations(parameters: str) -> list[str]:
    """Return what the ``rel`` of a link says, in small letters; only the first one counts."""
    for match in _PARAMETER.finditer(parameters):
        if match[1].lower() == "rel":
            return (match[2] or match[3] or "").lower().split()
    return []


def warnings(values: Iterable[str]) -> list[str]:
    """Return what ``Warning: 299 - "text"`` headers say to users, fit for a terminal (distribution-spec "Warnings")."""
    found = []
    for value in values:
        match = _WARNING.fullmatch(value.strip()) if len(value) <= _MAX_WARNING else None
        text = re.sub(r"\\(.)", r"\1", match[1]) if match else ""
        text = "".join(char if char.isprintable() else " " for char in text).strip()
        if text:
            found.append(text)
    return found


def upload_offset(value: str | None) -> int | None:
    """Return how many bytes of an upload the registry holds, from its ``Range: 0-<last>``.

    None when it doesn't say, and for ``0-0``, which registries send for an empty upload and for one byte alike.
    Quay writes ``bytes=`` in front.
    """
    match = _UPLOAD_RANGE.fullmatch(value.strip()) if value else None
    if not match or int(match[1]) != 0 or int(match[2]) == 0:
        return None
    return int(match[2]) + 1


class ContentRange(NamedTuple):
    start: int
    end: int
    """The last byte, inclusive."""
    total: int | None


def content_range(value: str | None) -> ContentRange | None:
    """Parse ``Content-Range: bytes 0-99/200``; None when it is missing or malformed."""
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value else None
    if not match:
        return None
    return ContentRange(int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3]))


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds to wait that a ``Retry-After`` asks for (a number or a date), None when it asks nothing.

    `now` is the time in seconds since the epoch.
    """
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None

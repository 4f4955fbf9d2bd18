"""Request targets: what is asked for, from the bytes of the request line (distribution-spec "Endpoints").

    /v2/                                   PING
    /v2/_catalog                           CATALOG
    /v1/search                             SEARCH (docker's, from before the specification)
    /v2/<name>/tags/list                   TAGS
    /v2/<name>/manifests/<tag or digest>   MANIFEST
    /v2/<name>/referrers/<digest>          REFERRERS
    /v2/<name>/blobs/<digest>              BLOB
    /v2/<name>/blobs/uploads/              UPLOADS
    /v2/<name>/blobs/uploads/<id>          UPLOAD

A name may hold any of these words itself (``a/blobs/b``), and what follows a name holds no slash: so a path is read
from its end.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from boxwright.errors import InvalidError
from boxwright.hub.registry.errors import RegistryError
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

PING = "ping"
CATALOG = "catalog"
SEARCH = "search"
TAGS = "tags"
MANIFEST = "manifest"
REFERRERS = "referrers"
BLOB = "blob"
UPLOADS = "uploads"
UPLOAD = "upload"
ENDPOINT = "endpoint"
"""A path beside the protocol's own, known to the application by its whole name."""

_MAX_NAME = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


class Target(NamedTuple):
    """A request target: the decoded path, and the query's pairs in order."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    def first(self, key: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for name, value in self.query if name == key), None)

    def every(self, key: str) -> list[str]:
        """Return all values of a query parameter."""
        return [value for name, value in self.query if name == key]


class Route(NamedTuple):
    """A resource: its kind, the repository, and the last component (a tag, a digest, an upload's id) as it was sent."""

    kind: str
    name: str = ""
    reference: str = ""


def parse_target(raw: str) -> Target:
    """Split and decode a request target, in origin form (``/v2/?a=b``) or in absolute form (``http://host/v2/``).

    Bytes that are no UTF-8 become U+FFFD, which no name, tag or digest holds; so does NUL, which PostgreSQL refuses.
    """
    raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not raw.startswith("/"):
        _, _, rest = raw.partition("://")
        _, slash, raw = rest.partition("/")
        raw = slash + raw
    path, _, query = raw.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    return Target(_without_nul(unquote(path)), tuple((_without_nul(key), _without_nul(value)) for key, value in pairs))


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd")


def route(path: str) -> Route | None:
    """Return what a decoded path names, None when it is nothing of ours. Raises RegistryError for a bad name."""
    if path in ("/v2", "/v2/"):
        return Route(PING)
    if path == "/v2/_catalog":
        return Route(CATALOG)
    if path == "/v1/search":
        return Route(SEARCH)
    if not path.startswith("/v2/"):
        return None
    parts = path.removeprefix("/v2/").split("/")
    if len(parts) < 3:
        return None
    before, last = parts[-2:]
    if before == "manifests":
        return Route(MANIFEST, _name(parts[:-2]), last)
    if before == "referrers":
        return Route(REFERRERS, _name(parts[:-2]), last)
    if before == "tags" and last == "list":
        return Route(TAGS, _name(parts[:-2]))
    if before == "uploads" and parts[-3] == "blobs":
        name = _name(parts[:-3])
        return Route(UPLOAD, name, last) if last else Route(UPLOADS, name)
    if before == "blobs":
        name = _name(parts[:-2])
        return Route(UPLOADS, name) if last == "uploads" else Route(BLOB, name, last)
    return None


def _name(parts: list[str]) -> str:
    name = "/".join(parts)
    if not is_name(name):
        raise RegistryError("NAME_INVALID", f"invalid repository name {name[:300]!r}", data={"name": name[:300]})
    return name


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a repository."""
    return len(text) <= _MAX_NAME and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether `text` can be a tag. A digest cannot: it has a colon."""
    return _TAG.fullmatch(text) is not None


def parse_digest(text: str) -> Digest:
    """Return `text` as a digest. Raises RegistryError."""
    try:
        return Digest.parse(text)
    except InvalidError as error:
        raise RegistryError("DIGEST_INVALID", error.message, data={"digest": text[:200]}) from None


def parse_reference(text: str) -> Digest | str:
    """Return a manifest's reference as a `Digest`, or as a plain string when it is a tag. Raises RegistryError.

    Text with a colon that is no digest is an error and never a tag.
    """
    if ":" in text:
        return parse_digest(text)
    if not is_tag(text):
        raise RegistryError("TAG_INVALID", f"invalid tag {text[:200]!r}", data={"tag": text[:200]})
    return text

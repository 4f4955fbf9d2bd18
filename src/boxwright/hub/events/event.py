"""What happened in the registry, as a value."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from boxwright.hub.db.metadata import Manifest
from boxwright.hub.observe.request import current
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

PUSH = "push"
"""A manifest was stored under a tag, or, with an empty tag, by its digest alone."""
DELETE = "delete"
"""A manifest was deleted, with all its tags; where there is a tag, this tag alone; without a digest, the repository."""
MOUNT = "mount"
"""A blob of one repository was mounted into another one."""
PING = "ping"
"""Nothing happened: somebody tries whether events arrive."""

ACTIONS = (PUSH, DELETE, MOUNT)


class Event(NamedTuple):
    """What happened, once. All texts may be empty when they are not known or do not apply."""

    id: str
    """The same however often it is delivered."""
    at: float
    """Seconds since the epoch."""
    action: str
    repository: str
    tag: str = ""
    digest: str = ""
    media_type: str = ""
    size: int = 0
    """Bytes of the manifest or blob."""
    artifact_type: str = ""
    subject: str = ""
    """The digest of the manifest that a pushed one refers to."""
    source: str = ""
    """The repository that a blob was mounted from."""
    actor: str = ""
    """The account."""
    client: str = ""
    """Its address."""
    agent: str = ""
    method: str = ""
    scheme: str = ""
    host: str = ""
    """The name under which the client knows this server."""
    request: str = ""
    """The id of the request, as in the log."""

    def to_json(self) -> str:
        """Return the text in which it is stored."""
        return json.dumps({name: value for name, value in self._asdict().items() if value})

    @classmethod
    def from_json(cls, text: str) -> Event:
        """Return the event of `to_json`; what a later version wrote besides is left out."""
        stored: dict[str, Any] = json.loads(text)
        return cls(**{name: value for name, value in stored.items() if name in cls._fields})


def pushed(repository: str, manifest: Manifest, tag: str = "") -> Event:
    """A manifest was stored, now, on behalf of the current request."""
    return _event(PUSH, repository)._replace(
        tag=tag,
        digest=str(manifest.digest),
        media_type=manifest.media_type,
        size=len(manifest.content),
        artifact_type=manifest.artifact_type or "",
        subject=str(manifest.subject or ""),
    )


def deleted(repository: str, digest: Digest | str = "", tag: str = "") -> Event:
    """A manifest, a tag or all of a repository was deleted, now, on behalf of the current request."""
    return _event(DELETE, repository)._replace(digest=str(digest), tag=tag)


def mounted(repository: str, digest: Digest, source: str, size: int) -> Event:
    """A blob was mounted, now, on behalf of the current request."""
    return _event(MOUNT, repository)._replace(
        digest=str(digest), source=source, size=size, media_type="application/octet-stream"
    )


def ping(repository: str) -> Event:
    """Somebody tries a webhook."""
    return _event(PING, repository)


def _event(action: str, repository: str) -> Event:
    made = Event(f"evt_{secrets.token_hex(12)}", time.time(), action, repository)
    request = current()
    if request is None:
        return made
    return made._replace(
        actor=request.user,
        client=request.client,
        agent=request.agent,
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        request=request.id,
    )

"""The bodies in which an event can be told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from boxwright.hub.events.event import DELETE, MOUNT, PING, PUSH, Event
from boxwright.hub.events.webhook import DISTRIBUTION, DOCKER_HUB, JSON
from boxwright.values import NamedTuple

DISTRIBUTION_TYPE = "application/vnd.docker.distribution.events.v2+json"

_JSON_TYPE = "application/json"
_TYPES = {PUSH: "manifest.pushed", MOUNT: "blob.mounted", PING: "ping"}


class Body(NamedTuple):
    content_type: str
    content: bytes


def render(event: Event, format: str) -> Body:
    """Return an event in one of `webhook.FORMATS`. The same event gives the same bytes, each time."""
    content_type, make = _FORMATS[format]
    return Body(content_type, json.dumps(make(event), ensure_ascii=False, separators=(",", ":")).encode())


def _own(event: Event) -> dict[str, Any]:
    """What Standard Webhooks recommends: type, timestamp, data."""
    if event.action == DELETE:
        kind = "tag.deleted" if event.tag else "manifest.deleted" if event.digest else "repository.deleted"
    else:
        kind = _TYPES[event.action]
    data = {
        "repository": event.repository,
        "tag": event.tag,
        "digest": event.digest,
        "mediaType": event.media_type,
        "size": event.size,
        "artifactType": event.artifact_type,
        "subject": event.subject,
        "from": event.source,
        "actor": event.actor,
        "client": event.client,
        "userAgent": event.agent,
        "registry": event.host,
        "request": event.request,
    }
    told = {name: value for name, value in data.items() if value}
    return {"id": event.id, "type": kind, "timestamp": _rfc3339(event.at), "data": told}


def _docker_hub(event: Event) -> dict[str, Any]:
    """The JSON of Docker Hub's webhooks. There is no callback_url: nothing waits for an answer."""
    namespace, _, name = event.repository.rpartition("/")
    return {
        "push_data": {"pushed_at": int(event.at), "pusher": event.actor, "tag": event.tag, "images": []},
        "repository": {
            "comment_count": 0,
            "date_created": int(event.at),
            "description": "",
            "dockerfile": "",
            "full_description": "",
            "is_official": not namespace,
            "is_private": True,
            "is_trusted": False,
            "name": name,
            "namespace": namespace or "library",
            "owner": namespace or "library",
            "repo_name": event.repository,
            "repo_url": _url(event, f"/v2/{event.repository}/"),
            "star_count": 0,
            "status": "Active",
        },
    }


def _distribution(event: Event) -> dict[str, Any]:
    """The envelope of distribution's notifications, with one event."""
    target: dict[str, Any] = {"repository": event.repository}
    if event.digest:
        target |= {"mediaType": event.media_type, "size": event.size, "digest": event.digest, "length": event.size}
        kind = "blobs" if event.action == MOUNT else "manifests"
        target["url"] = _url(event, f"/v2/{event.repository}/{kind}/{event.digest}")
    if event.tag:
        target["tag"] = event.tag
    if event.source:
        target["fromRepository"] = event.source
    request = {
        "id": event.request,
        "addr": event.client,
        "host": event.host,
        "method": event.method,
        "useragent": event.agent,
    }
    told = {
        "id": event.id,
        "timestamp": _rfc3339(event.at),
        "action": event.action,
        "target": {name: value for name, value in target.items() if value != ""},
        "request": request,
        "actor": {"name": event.actor} if event.actor else {},
        "source": {"addr": event.host, "instanceID": event.host},
    }
    return {"events": [told]}


_FORMATS: dict[str, tuple[str, Callable[[Event], dict[str, Any]]]] = {
    JSON: (_JSON_TYPE, _own),
    DOCKER_HUB: (_JSON_TYPE, _docker_hub),
    DISTRIBUTION: (DISTRIBUTION_TYPE, _distribution),
}


def _url(event: Event, path: str) -> str:
    return f"{event.scheme or 'http'}://{event.host}{path}" if event.host else ""


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"

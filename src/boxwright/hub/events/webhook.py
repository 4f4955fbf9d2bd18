"""Who wants to be told what, as a value."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from boxwright.errors import InvalidError, NotFoundError
from boxwright.hub.events.event import ACTIONS, Event
from boxwright.values import NamedTuple

JSON = "json"
DOCKER_HUB = "dockerhub"
DISTRIBUTION = "distribution"
FORMATS = (JSON, DOCKER_HUB, DISTRIBUTION)

_MAX_URL = 2000
_MAX_PATTERN = 128


class WebhookUnknown(NotFoundError):
    """There is no webhook of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no webhook {number}", hint="hub webhook list shows them")
        self.number = number


class Webhook(NamedTuple):
    """A URL that is told of events."""

    id: int
    scope: str
    """What it is about: "" for everything, ``ada/`` for a namespace, ``ada/tools`` for a repository."""
    url: str
    format: str = JSON
    actions: tuple[str, ...] = ACTIONS
    tags: str = ""
    """A pattern as of the shell: only events of tags that match. "": of all, also those without a tag."""
    active: bool = True
    reason: str = ""
    """Why it is not active."""
    created: float = 0.0
    failing_since: float | None = None
    """When its first failure was, if there was no success since."""

    @property
    def scope_text(self) -> str:
        """The scope as a person reads it."""
        return "everything" if not self.scope else self.scope + "*" if self.scope.endswith("/") else self.scope

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of an event inside of its scope."""
        if event.action not in self.actions:
            return False
        if self.format == DOCKER_HUB and (event.action != "push" or not event.tag):
            return False  # there is no word for it in that format
        return not self.tags or bool(event.tag and fnmatchcase(event.tag, self.tags))


class Keys(NamedTuple):
    """The secrets with which messages are signed: the one, and until `old_until` also the one before."""

    secret: str
    old_secret: str | None = None
    old_until: float = 0.0

    def at(self, now: float) -> list[str]:
        """Return those that count now."""
        return [self.secret, self.old_secret] if self.old_secret and now < self.old_until else [self.secret]


def scopes_of(repository: str) -> list[str]:
    """Return every scope that a repository is in."""
    parts = repository.split("/")
    return ["", *("/".join(parts[:count]) + "/" for count in range(1, len(parts))), repository]


def check_url(url: str) -> str:
    """Return `url`. Raises InvalidError unless it is ``http(s)://host[:port][/path]`` without a password."""
    hint = "a webhook's URL looks like https://example.com/hooks/registry"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidError("invalid URL", hint=hint) from None
    printable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not printable or port == 0 or len(url) > _MAX_URL:
        raise InvalidError(f"invalid URL {url[:200]!r}", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise InvalidError(
            "a webhook's URL holds no password", hint="its messages are signed: the receiver verifies that"
        )
    return url


def check_actions(actions: Iterable[str]) -> tuple[str, ...]:
    """Return actions, each once, in their order of ACTIONS; none of them are all. Raises InvalidError."""
    given = set(actions)
    if unknown := given - set(ACTIONS):
        raise InvalidError(f"unknown event {min(unknown)!r}", hint=f"it is one of {', '.join(ACTIONS)}")
    return tuple(action for action in ACTIONS if not given or action in given)


def check_pattern(pattern: str) -> str:
    """Return a pattern of tags. Raises InvalidError."""
    if len(pattern) > _MAX_PATTERN:
        raise InvalidError(f"a pattern of tags has at most {_MAX_PATTERN} characters")
    return pattern

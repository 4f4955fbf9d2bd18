"""Scopes of docker's token protocol (distribution "Token Scope Documentation"): ``repository:a/b:pull,push``.

A name may hold colons itself (``host:5000/a``), so the type ends at the first colon and the actions begin after the
last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from boxwright.hub.registry.access import EVERYTHING, PULL, PUSH, Need
from boxwright.values import NamedTuple

REPOSITORY = "repository"
CATALOG_TYPE = "registry"
CATALOG_NAME = "catalog"

MAX_SCOPES = 100
"""Scopes of one request; what goes beyond is not granted."""

_TYPE = re.compile(r"([a-z0-9]+)(?:\([a-z0-9]+\))?")  # "repository(plugin)" is an older client's repository
_ACTION = re.compile(r"[a-z]+|\*")


class Scope(NamedTuple):
    """A resource and actions on it."""

    type: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(sorted(self.actions))}"


def parse_scope(text: str) -> Scope | None:
    """Return a scope; None for text that is none, which nobody can be granted."""
    kind, _, rest = text.partition(":")
    name, colon, actions = rest.rpartition(":")
    match = _TYPE.fullmatch(kind)
    if not colon or not name or match is None:
        return None
    return Scope(match[1], name, frozenset(one for one in actions.split(",") if _ACTION.fullmatch(one)))


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """Return what is asked for, each resource once, in order. Texts may hold several scopes between spaces."""
    found: dict[tuple[str, str], Scope] = {}
    for word in [word for text in texts for word in text.split(" ") if word][:MAX_SCOPES]:
        scope = parse_scope(word)
        if scope is not None:
            key = scope.type, scope.name
            known = found.get(key)
            found[key] = scope._replace(actions=scope.actions | known.actions) if known else scope
    return list(found.values())


def scope_of(need: Need) -> Scope:
    """Return the scope that a client should ask for. Who pushes also pulls: it looks for what is there already."""
    if not need.repository:
        return Scope(CATALOG_TYPE, CATALOG_NAME, frozenset({EVERYTHING}))
    return Scope(REPOSITORY, need.repository, frozenset({PULL, PUSH} if need.action == PUSH else {need.action}))


def granted(asked: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """Return those of the actions asked for that are allowed; ``*`` asks for all of them."""
    return allowed if EVERYTHING in asked else asked & allowed

"""What a registry asks for: ``WWW-Authenticate`` (RFC 9110 §11.6.1) and scopes of tokens, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from boxwright.values import NamedTuple

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Some registries forget the quotes around URLs and scopes.
_BARE = re.compile(r'[^\s,"]+')
_SEPARATORS = re.compile(r"[ \t,]*")
_TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")

MAX_HEADER = 16 << 10
"""Longer headers than this are not looked at: no honest registry sends them."""


class Challenge(NamedTuple):
    """One way to authenticate; `scheme` and the parameters' names are lower-case."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def insufficient(self) -> bool:
        """Whether the credentials were good, but don't allow what was asked."""
        return self.parameters.get("error") == "insufficient_scope"


class Scope(NamedTuple):
    """What a token allows: ``type:name:action,action``. A name may hold colons (``host:5000/x``)."""

    kind: str
    name: str
    actions: frozenset[str]

    @classmethod
    def repository(cls, name: str, *actions: str) -> Scope:
        return cls("repository", name, frozenset(actions))

    @classmethod
    def parse(cls, text: str) -> Scope | None:
        """Return None for text that is no scope."""
        kind, first, rest = text.partition(":")
        name, last, actions = rest.rpartition(":")
        if not (first and last and kind and name):
            return None
        return cls(kind, name, frozenset(action for action in actions.split(",") if action))

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(sorted(self.actions))}"


CATALOG = Scope("registry", "catalog", frozenset({"*"}))


def parse_scopes(text: str) -> frozenset[Scope]:
    """Parse the ``scope`` parameter of a challenge: scopes with spaces between."""
    return frozenset(scope for scope in map(Scope.parse, text.split()) if scope)


def merge_scopes(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes with those of one resource united, so that a set of them has one spelling."""
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for scope in scopes:
        key = (scope.kind, scope.name)
        merged[key] = merged.get(key, frozenset()) | scope.actions
    return frozenset(Scope(kind, name, actions) for (kind, name), actions in merged.items())


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Parse every ``WWW-Authenticate`` header of a response, in order.

    A header may hold several challenges. What is malformed ends the header it is in; the challenges before it count.
    """
    challenges: list[Challenge] = []
    for value in values:
        if len(value) <= MAX_HEADER:
            challenges.extend(_parse_header(value))
    return tuple(challenges)


def _parse_header(text: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while True:
        position = _end(_SEPARATORS, text, position)
        name = _TOKEN.match(text, position)
        if not name:
            break
        position = name.end()
        equals = _EQUALS.match(text, position)
        if not equals:
            found.append((name[0].lower(), {}))
            # "Negotiate oYG2...": a value without a name; nothing here understands one.
            position = _end(_TOKEN68, text, position)
            continue
        value = _QUOTED.match(text, equals.end()) or _BARE.match(text, equals.end())
        if not value or not found:
            break
        position = value.end()
        content = re.sub(r"\\(.)", r"\1", value[1]) if value.re is _QUOTED else value[0]
        found[-1][1].setdefault(name[0].lower(), content)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position

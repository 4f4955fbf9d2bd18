"""What a rule applies to: "" is everything, ``ada/`` what is below that namespace, ``ada/tools`` one repository."""

from __future__ import annotations

from sqlalchemy import Column, and_, true
from sqlalchemy.sql.expression import ColumnElement

from boxwright.errors import InvalidError

_ALL = "*"


class InvalidScope(InvalidError):
    """Text that is neither a repository nor a namespace nor everything."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid scope {text[:100]!r}",
            hint="a scope is a repository (ada/tools), a namespace (ada/), or * for all",
        )
        self.text = text


def parse_scope(text: str) -> str:
    """Return the scope that a person writes as ``*``, ``ada/`` or ``ada/*``, or ``ada/tools``. Raises InvalidScope."""
    from boxwright.hub.registry.routes import is_name

    if text == _ALL:
        return ""
    name = text.removesuffix("*") if text.endswith("/*") else text
    if not is_name(name.removesuffix("/")):
        raise InvalidScope(text)
    return name


def scope_text(scope: str) -> str:
    """Return a scope as a person reads it."""
    return scope or _ALL


def scopes_of(repository: str) -> list[str]:
    """Return every scope that a repository is in, the narrowest last."""
    parts = repository.split("/")
    return ["", *("/".join(parts[:count]) + "/" for count in range(1, len(parts))), repository]


def is_within(name: Column[str], scope: str) -> ColumnElement[bool]:
    """Return the condition that the repository `name` is in a scope: a range of the index."""
    if not scope:
        return true()
    if not scope.endswith("/"):
        return name == scope
    return and_(name >= scope, name < scope[:-1] + "0")  # "0" follows "/"

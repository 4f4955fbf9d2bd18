"""The permission model: what is known about an account and a repository in, a role out. Nothing here asks a database.

    role     actions
    none
    read     pull
    write    pull, push
    admin    pull, push, delete, and settings of the repository

The highest of these counts:

    an administrator of the hub                        admin, everywhere
    the user whose namespace it is                     admin
    an owner of the organisation whose namespace it is admin
    a curator                                          admin, at the top level
    what is granted to the account or its teams        that, on a repository or a whole namespace; at the top level read
    everybody, on a public repository                  read

An account that is disabled is nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from boxwright.errors import InvalidError
from boxwright.hub.accounts.names import TOP_LEVEL, matches, namespace_of
from boxwright.hub.registry.access import DELETE, EVERYTHING, PULL, PUSH
from boxwright.values import NamedTuple


class Role(IntEnum):
    """What somebody may do with a repository. Each includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @classmethod
    def parse(cls, text: str) -> Role:
        """Return the role of a word. Raises InvalidError."""
        if text not in ("read", "write", "admin"):
            raise InvalidError(f"{text[:40]!r} is no role", hint="a role is read, write or admin")
        return cls[text.upper()]

    def __str__(self) -> str:
        return self.name.lower()


ACTIONS: dict[Role, frozenset[str]] = {
    Role.NONE: frozenset(),
    Role.READ: frozenset({PULL}),
    Role.WRITE: frozenset({PULL, PUSH}),
    Role.ADMIN: frozenset({PULL, PUSH, DELETE, EVERYTHING}),
}


class Grant(NamedTuple):
    """A role on what a pattern covers."""

    pattern: str
    role: Role


class Standing(NamedTuple):
    """What is known about an account, as far as it decides what it may do. The default is nobody's."""

    name: str = ""
    """"" is nobody in particular."""
    administrator: bool = False
    curator: bool = False
    owns: frozenset[str] = frozenset()
    """Namespaces: the account's own, and those of organisations that it is an owner of."""
    grants: tuple[Grant, ...] = ()
    """Its own and its teams'."""


NOBODY = Standing()


class Limit(NamedTuple):
    """What a token may be used for at most, whatever its account may do. The default limits nothing."""

    actions: frozenset[str] = ACTIONS[Role.ADMIN]
    patterns: tuple[str, ...] = ()
    """Of repositories; empty: all."""

    def covers(self, repository: str) -> bool:
        """Whether the token is good for this repository."""
        return not self.patterns or any(matches(pattern, repository) for pattern in self.patterns)


UNLIMITED = Limit()


def role_of(standing: Standing, repository: str, *, public: bool) -> Role:
    """Return the role of an account on a repository."""
    if standing.administrator:
        return Role.ADMIN
    namespace = namespace_of(repository)
    if standing.curator if namespace == TOP_LEVEL else namespace in standing.owns:
        return Role.ADMIN
    role = max(_granted(standing.grants, repository), default=Role.NONE)
    if namespace == TOP_LEVEL:
        role = min(role, Role.READ)  # only curators write there, whatever was granted
    return max(role, Role.READ if public else Role.NONE)


def actions_of(standing: Standing, repository: str, *, public: bool, limit: Limit = UNLIMITED) -> frozenset[str]:
    """Return what an account may do with a repository, when it uses a token with this limit.

    What everybody may do is not taken away by a limit: without the token it would be allowed.
    """
    everybody = ACTIONS[role_of(NOBODY, repository, public=public)]
    if not limit.covers(repository):
        return everybody
    return (ACTIONS[role_of(standing, repository, public=public)] & limit.actions) | everybody


def _granted(grants: Iterable[Grant], repository: str) -> Iterable[Role]:
    return (grant.role for grant in grants if matches(grant.pattern, repository))

"""Names of accounts, robots and teams, and which namespace a repository belongs to.

    ada                 a user or an organisation
    ada+ci              a robot of ada
    shop/deployers      a team of the organisation shop
    ada/static_web      a repository in the namespace ada; so is ada/a/b
    debian              a repository at the top level, whose namespace is ""

An account's name is the first component of its repositories, so it has the grammar of one, less the dot: a client takes
``my.name/repo`` for a repository on the host ``my.name``.
"""

from __future__ import annotations

import re

from boxwright.errors import InvalidError

TOP_LEVEL = ""
"""The namespace of repositories that have no other."""

MAX_NAME = 64

_SIMPLE = re.compile(r"[a-z0-9]+(?:(?:__?|-+)[a-z0-9]+)*")

# What a page or an endpoint may be called one day, what clients take for something else, and what would sound like the
# house's own word.
_RESERVED = """
account accounts admin administrator anonymous api assets audit auth boxwright catalog docs events explore
favicon health healthz help hub index internal library livez localhost login logout me metrics new null oauth
org organisations organizations orgs ping public readyz register registry repositories repository robot robots
root search security settings setup signin signup static status support system team teams token tokens
undefined user users v1 v2 v3 webhook webhooks well-known
"""
RESERVED = frozenset(_RESERVED.split())


class InvalidName(InvalidError):
    """A name that an account, a robot or a team cannot have."""

    def __init__(self, kind: str, name: str, why: str) -> None:
        super().__init__(
            f"{name[:100]!r} cannot be the name of {kind}: {why}",
            hint="a name is of a-z and 0-9, with single - or _ between them",
        )
        self.name = name


def check_account(name: str) -> str:
    """Return the name of a user or an organisation. Raises InvalidName."""
    _check("an account", name, least=2)
    if name in RESERVED:
        raise InvalidName("an account", name, "it is reserved")
    return name


def check_team(name: str) -> str:
    """Return the name of a team, without its organisation's. Raises InvalidName."""
    _check("a team", name, least=1)
    return name


def check_robot(name: str) -> tuple[str, str]:
    """Return the namespace and the short name of ``namespace+short``. Raises InvalidName."""
    namespace, plus, short = name.partition("+")
    if not plus or not namespace:
        raise InvalidName("a robot", name, "it is of the form ACCOUNT+NAME")
    _check("a robot", short, least=1)
    return namespace, short


def is_login(name: str) -> bool:
    """Whether a user or a robot can be called so: what is not, need not be looked for."""
    first, plus, rest = name.partition("+")
    return _fits(first) and (not plus or _fits(rest))


def namespace_of(repository: str) -> str:
    """Return the namespace of a repository; TOP_LEVEL when it has none."""
    first, slash, _ = repository.partition("/")
    return first if slash else TOP_LEVEL


def matches(pattern: str, repository: str) -> bool:
    """Whether a pattern covers a repository: its own name, or ``namespace/*`` for all below a namespace."""
    if pattern.endswith("/*"):
        return repository.startswith(pattern[:-1])
    return pattern == repository


def check_pattern(pattern: str) -> str:
    """Return a pattern of repositories: a name, or ``namespace/*``. Raises InvalidError."""
    from boxwright.hub.registry.routes import is_name

    if not is_name(pattern.removesuffix("/*")):
        raise InvalidError(
            f"{pattern[:300]!r} is no repository",
            hint="a repository is NAMESPACE/NAME or NAME; NAMESPACE/* is all of one",
        )
    return pattern


def _check(kind: str, name: str, *, least: int) -> None:
    if len(name) < least:
        raise InvalidName(kind, name, f"it is shorter than {least} characters" if name else "it is empty")
    if len(name) > MAX_NAME:
        raise InvalidName(kind, name, f"it is longer than {MAX_NAME} characters")
    if not _fits(name):
        raise InvalidName(kind, name, "it holds other characters")


def _fits(name: str) -> bool:
    return len(name) <= MAX_NAME and _SIMPLE.fullmatch(name) is not None

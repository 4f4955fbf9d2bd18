from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

COMMANDS = {
    "serve": "serve a registry with accounts until it is told to end",
    "user": "make, change and list users",
    "org": "make, change and list organisations",
    "team": "make, change and list teams of organisations",
    "robot": "make, change and list accounts of programs",
    "token": "make, list and revoke tokens, which stand in for passwords",
    "identity": "say who of an OpenID provider is which user",
    "key": "list and change the keys that access tokens are signed with",
    "repo": "list, make, change and remove repositories",
    "grant": "let a user, a robot or a team read, write or administer repositories",
    "revoke": "take back what was granted",
    "grants": "list what was granted",
    "curator": "let an account write repositories at the top level",
    "audit": "show who did what, and who was refused",
    "webhook": "manage what is told when something happens",
    "tag": "show where tags pointed, and put them back",
    "immutable": "say which tags never move",
    "retention": "say which tags and manifests go by themselves, and see it first",
    "quota": "limit how many bytes repositories and namespaces have",
    "stats": "count repositories, tags and bytes",
    "fsck": "compare the storage with the database, and repair them",
    "rebuild-index": "make a lost database again from the storage",
}
"""Every command: a module of `boxwright.cli.hub` of the same name (``-`` is ``_`` there), and what it does."""


def configure(parser: Parser) -> None:
    for name, summary in COMMANDS.items():
        _module(name).configure(parser.command(name, help=summary))


def run(args: Any, session: Session) -> int:
    name, _, args.verb = args.verb.partition(" ")
    return int(_module(name).run(args, session) or 0)


def _module(name: str) -> Any:
    import importlib

    return importlib.import_module(f"boxwright.cli.hub.{name.replace('-', '_')}")

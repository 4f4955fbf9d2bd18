from __future__ import annotations

import importlib
from typing import Any

from boxwright.cli.hub.serving import configure_root, configure_serve, ready, root, seconds, server_settings
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

# What speaks to registries: a module of `boxwright.cli.remote` each.
_REMOTE = ("ls", "tags", "inspect", "copy", "rm")


def configure(parser: Parser) -> None:
    configure_serve(parser.command("serve", help="serve a registry until it is told to end"))
    gc = parser.command("gc", help="destroy at once what nothing names, also beside a running server")
    configure_root(gc)
    gc.add_argument("--delay", metavar="DURATION", default="24h", help="spare what was touched so lately (24h)")
    for command in _REMOTE:
        _remote(command).declare(parser)


def run(args: Any, session: Session) -> int:
    if args.verb in _REMOTE:
        return int(_remote(args.verb).run(args, session))
    return _gc(args, session) if args.verb == "gc" else _serve(args, session)


def _remote(command: str) -> Any:
    """Return the module of a command that speaks to registries."""
    return importlib.import_module(f"boxwright.cli.remote.{command}")


def _serve(args: Any, session: Session) -> int:
    from boxwright.hub.registry.server import serve

    return serve(server_settings(args), root=root(args, session), ready=ready)


def _gc(args: Any, session: Session) -> int:
    from boxwright.cli import human
    from boxwright.hub.registry.collector import collect_in

    done = collect_in(root(args, session), seconds(args.delay, "--delay"), args.database)
    print(f"{done.released} blobs released, {done.destroyed} destroyed, {human.size(done.size)} reclaimed")
    return 0

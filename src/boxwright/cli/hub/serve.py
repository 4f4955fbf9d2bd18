from __future__ import annotations

from typing import Any

from boxwright.cli.hub.serving import configure_serve, ready, root, server_settings
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_serve(parser)


def run(args: Any, session: Session) -> int:
    from boxwright.hub.registry.server import serve

    return serve(server_settings(args), root=root(args, session), ready=ready)

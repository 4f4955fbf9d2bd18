from __future__ import annotations

from typing import Any

from boxwright.cli.hub.serving import configure_serve, ready, root, server_settings
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_serve(parser)


def run(args: Any, session: Session) -> int:
    from boxwright.hub.registry.server import serve

    settings = server_settings(args)
    settings = settings._replace(accounts=settings.accounts._replace(enabled=True))
    return serve(settings, root=root(args, session), ready=ready)

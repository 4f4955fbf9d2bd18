from __future__ import annotations

from typing import Any

from boxwright.cli.commands.stop import configure as configure
from boxwright.cli.each import each
from boxwright.cli.session import Session


def run(args: Any, session: Session) -> int:
    def act(name: str) -> None:
        session.engine.restart_container(name, timeout=args.time, signal=args.signal)

    return each(args.containers, act, show=True)

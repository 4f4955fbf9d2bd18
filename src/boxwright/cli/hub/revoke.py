from __future__ import annotations

from typing import Any

from boxwright.cli.hub.grant import configure_pattern, configure_subject
from boxwright.cli.hub.opening import actor, opened
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_subject(parser)
    configure_pattern(parser)


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        house.grants.revoke(args.subject, args.pattern, actor())
    print(f"{args.subject} {args.pattern}")
    return 0

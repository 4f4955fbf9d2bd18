from __future__ import annotations

from typing import Any

from boxwright.cli.hub.opening import actor, opened
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_subject(parser)
    parser.add_argument("role", metavar="ROLE", choices=("read", "write", "admin"), help="read, write or admin")
    configure_pattern(parser)


def configure_subject(parser: Parser) -> None:
    """Declare who a grant is for."""
    parser.add_argument("subject", metavar="WHO", help="a user, a robot, or a team: ORGANISATION/TEAM")


def configure_pattern(parser: Parser) -> None:
    """Declare what a grant is on."""
    parser.add_argument("pattern", metavar="REPOSITORY", help="a repository, or NAMESPACE/* for all of them")


def run(args: Any, session: Session) -> int:
    with opened(args, session) as house:
        from boxwright.hub.accounts.roles import Role

        house.grants.grant(args.subject, Role.parse(args.role), args.pattern, actor())
    print(f"{args.subject} {args.role} {args.pattern}")
    return 0

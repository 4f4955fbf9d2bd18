from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")


def run(args: Any, session: Session) -> int:
    facts = session.engine.info()
    if args.format == "json":
        import json

        print(json.dumps(facts, ensure_ascii=False))
    elif args.format:
        from boxwright.cli.template import Template

        print(Template(args.format).render(facts))
    else:
        for name, value in facts.items():
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            sys.stdout.write(f"{name + ':':<20}{shown}\n")
    return 0

from __future__ import annotations

import json
import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session
from boxwright.errors import NotFoundError


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="print through a Go template")
    parser.add_argument("--type", choices=("image", "container", "volume", "network"), help="what NAME is")
    parser.flag("-s", "--size", help="add the sizes of containers")
    parser.add_argument("names", metavar="NAME", nargs="+", help="name or ID of a container, an image or a volume")


def run(args: Any, session: Session) -> int:
    template = None
    if args.format and args.format != "json":
        from boxwright.cli.template import Template

        template = Template(args.format)
    found: list[dict[str, Any]] = []
    failed: list[NotFoundError] = []
    for name in args.names:
        try:
            value = session.engine.inspect(name, kind=args.type, size=args.size)
        except NotFoundError as error:
            failed.append(error)
            continue
        if template:
            print(template.render(value))
        found.append(value)
    if not template:
        indent = None if args.format == "json" else 4
        sys.stdout.write(json.dumps(found, indent=indent, ensure_ascii=False) + "\n")
    if failed:
        from boxwright.cli.report import report

        for missing in failed:
            report(missing)
    return int(bool(failed))

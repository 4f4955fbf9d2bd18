from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("-f", "--follow", help="go on with what the container prints from now on")
    parser.add_argument("-n", "--tail", metavar="NUMBER", default="all", help="only the last lines")
    parser.add_argument("--since", metavar="TIME", help="only from this time (2026-01-31T10:00:00Z) or span (10m) on")
    parser.add_argument("--until", metavar="TIME", help="only up to this time or span")
    parser.flag("-t", "--timestamps", help="show when each line was printed")
    parser.flag("--details", help="accepted for docker's sake: there are no details to show")
    parser.add_argument("container", metavar="CONTAINER", help="name or ID of the container")


def run(args: Any, session: Session) -> int:
    tail = None
    if args.tail != "all":
        if not args.tail.lstrip("-").isdigit():
            raise UsageError(f"invalid --tail {args.tail!r}", hint="it takes a number, or all")
        tail = int(args.tail) if int(args.tail) >= 0 else None
    outputs = {"stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
    lines = session.engine.logs(args.container, follow=args.follow, tail=tail, since=args.since, until=args.until)
    for line in lines:
        out = outputs[line.stream]
        if args.timestamps:
            out.write(line.time.encode() + b" ")
        if args.details:
            out.write(b" ")  # what docker has between the details, of which there are none, and the line
        out.write(line.content)
        out.flush()
    return 0

from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-i", "--input", metavar="FILE", help="read from a file instead of standard input")
    parser.flag("-q", "--quiet", help="show no progress (loading shows none)")
    parser.refused("--platform", why="this machine's is taken")


def run(args: Any, session: Session) -> int:
    if args.input:
        with open(args.input, "rb") as stream:
            loaded = session.engine.load(stream)
    elif sys.stdin.isatty():
        raise UsageError("an archive is expected on standard input", hint="name a file with -i")
    else:
        loaded = session.engine.load(sys.stdin.buffer)
    for name in loaded:
        print(f"Loaded image: {name}" if not name.startswith("sha256:") else f"Loaded image ID: {name}")
    return 0

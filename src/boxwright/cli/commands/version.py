from __future__ import annotations

import platform
import sys
from typing import Any

from boxwright._version import __version__
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="print through a Go template")


def run(args: Any, session: Session) -> int:
    facts = {
        "Version": __version__,
        "Os": "linux",
        "Arch": platform.machine(),
        "Python": platform.python_version(),
        "KernelVersion": platform.release(),
    }
    if args.format:
        from boxwright.cli.template import Template

        # docker answers for a client and a server; here both are this process.
        print(Template(args.format).render({**facts, "Client": facts, "Server": facts}))
        return 0
    for name, value in facts.items():
        sys.stdout.write(f"{name + ':':<16}{value}\n")
    return 0

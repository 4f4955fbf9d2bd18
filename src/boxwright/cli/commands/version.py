from __future__ import annotations

import platform
import sys
from typing import Any

from boxwright._version import __version__
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session
from boxwright.oci.platform import Platform


def configure(parser: Parser) -> None:
    parser.add_argument("-f", "--format", metavar="TEMPLATE", help="json, or a Go template")


def run(args: Any, session: Session) -> int:
    facts = {
        "Version": __version__,
        "Os": "linux",
        "Arch": Platform.of_machine(platform.machine()).architecture,
        "Python": platform.python_version(),
        "KernelVersion": platform.release(),
    }
    if args.format:
        # docker answers for a client and a server; here both are this process.
        sides = {"Client": facts, "Server": facts}
        if args.format == "json":
            import json

            print(json.dumps(sides, separators=(",", ":")))
            return 0
        from boxwright.cli.template import Template

        print(Template(args.format).render({**facts, **sides}))
        return 0
    for name, value in facts.items():
        sys.stdout.write(f"{name + ':':<16}{value}\n")
    return 0

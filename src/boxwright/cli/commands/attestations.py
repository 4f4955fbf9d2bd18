from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.description = "Lists what is said of an image: packages, and how it came about. It is pushed with the image."
    parser.add_argument("--show", metavar="TYPE", help="print the content of one kind: spdx, cyclonedx or provenance")
    parser.add_argument("image", metavar="IMAGE", help="a name or an ID")


def run(args: Any, session: Session) -> int:
    from boxwright.cli import human, table

    if args.show:
        sys.stdout.buffer.write(session.engine.attestation(args.image, args.show) + b"\n")
        return 0
    rows = []
    for kind, attachment in session.engine.attestations(args.image):
        content = attachment.content
        rows.append([kind, attachment.artifact_type, content.digest.short, human.size(content.size)])
    table.write(sys.stdout, ["KIND", "TYPE", "DIGEST", "SIZE"], rows)
    return 0

from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of standard output")
    parser.add_argument(
        "--format",
        choices=("docker-archive", "oci-archive"),
        default="docker-archive",
        help="docker-archive (which is an OCI layout, too) or oci-archive",
    )
    parser.add_argument("--platform", metavar="OS/ARCH", help="of an image for several, save the one for this")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="name or ID of an image")


def run(args: Any, session: Session) -> int:
    if args.output:
        session.engine.save_file(args.images, args.output, form=args.format, platform=args.platform)
        return 0
    if sys.stdout.isatty():
        raise UsageError("an archive does not go to a terminal", hint="name a file with -o, or redirect the output")
    session.engine.save(args.images, sys.stdout.buffer, form=args.format, platform=args.platform)
    return 0

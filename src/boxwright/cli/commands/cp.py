from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import OperandsError, Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    forms = ("CONTAINER:PATH HOST_PATH|-", "HOST_PATH|- CONTAINER:PATH")
    parser.usage = "\n       ".join(f"{parser.prog} [OPTIONS] {form}" for form in forms)
    parser.flag(
        "-a", "--archive", help="keep owners and groups of files that come out; those that go in keep them anyway"
    )
    parser.flag("-L", "--follow-link", help="follow a link that SOURCE is")
    parser.flag("-q", "--quiet", help="print nothing when it went well")
    parser.add_argument("source", metavar="SOURCE", help="CONTAINER:PATH, a path of the host, or - for a tar")
    parser.add_argument("target", metavar="TARGET", help="CONTAINER:PATH, a path of the host, or - for a tar")


def run(args: Any, session: Session) -> int:
    source, target = _split(args.source), _split(args.target)
    if (source[0] is None) == (target[0] is None):
        raise OperandsError(
            "one of SOURCE and TARGET is in a container, the other on the host",
            hint="a path in a container looks like web:/etc/hosts",
        )
    engine = session.engine
    if source[0] is not None:
        if target[1] == "-":
            engine.copy_out_tar(source[0], source[1], sys.stdout.buffer, follow=args.follow_link)
            return 0
        engine.copy_out(source[0], source[1], target[1], follow=args.follow_link, archive=args.archive)
        copied = f"{source[0]}:{source[1]} to {target[1]}"
    else:
        assert target[0] is not None
        if source[1] == "-":
            engine.copy_in_tar(target[0], target[1], sys.stdin.buffer)
            return 0
        engine.copy_in(target[0], source[1], target[1], follow=args.follow_link)
        copied = f"{source[1]} to {target[0]}:{target[1]}"
    if not args.quiet and sys.stderr.isatty():
        sys.stderr.write(f"copied {copied}\n")
    return 0


def _split(text: str) -> tuple[str | None, str]:
    """Return the container and the path; a path of the host that has a colon is written ``./a:b`` or ``/a:b``."""
    name, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")) or not name:
        return None, text
    if not path:
        raise UsageError(f"{text} has no path", hint="the container's root is " + text + "/")
    return name, path

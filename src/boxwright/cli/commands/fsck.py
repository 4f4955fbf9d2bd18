from __future__ import annotations

from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.flag("--deep", help="read every byte and compare digests")
    parser.flag("--repair", help="remove garbage and drop what is broken")


def run(args: Any, session: Session) -> int:
    findings = session.engine.fsck(deep=args.deep, repair=args.repair)
    for finding in findings:
        print(f"{finding.severity}: {finding.message}")
    broken = [finding for finding in findings if finding.is_broken]
    if not findings:
        print("the store is clean")
    elif not args.repair:
        print("boxwright fsck --repair removes what is listed here")
    return int(bool(broken) and not args.repair)

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
    if not findings:
        print("the store is clean")
        return 0
    if args.repair:
        print("put right")
        return 0
    print("boxwright fsck --repair puts this right")
    # Garbage and what lags behind are what a kill leaves; damage is what must not be.
    return int(any(finding.severity == "damage" for finding in findings))

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boxwright.cli.hub.opening import audited, configure_format, opened_database, opened_storage
from boxwright.cli.hub.serving import configure_root
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.rescue.checking import Finding


def configure(parser: Parser) -> None:
    configure_root(parser)
    configure_format(parser)
    parser.add_argument("--storage", metavar="URL", help="where the blobs are, if not where the folder says")
    parser.flag("--full", help="read every blob, and compare it with its digest")
    parser.flag("--repair", help="repair what can be repaired; bytes that are not what their digest says go")


def run(args: Any, session: Session) -> int:
    with opened_database(args, session) as db, opened_storage(args, session) as storage:
        from boxwright.hub.rescue.checking import Checker

        checker = Checker(storage, db, full=args.full, repair=args.repair, tell=lambda one: _print(args, one))
        findings = checker.check()
        left = sum(1 for one in findings if not one.repaired)
        repaired = len(findings) - left
        if repaired:
            audited(db, "hub.repair", f"{repaired} repaired, {left} problems left")
    if args.format is None:
        print(f"{left} problems" + (f", {repaired} repaired" if repaired else "") if findings else "no problems")
    return 1 if left else 0


def _print(args: Any, finding: Finding) -> None:
    if args.format is None:
        detail = f" ({finding.detail})" if finding.detail else ""
        print(f"{finding.subject}: {finding.kind}{detail}{': repaired' if finding.repaired else ''}", flush=True)
    elif args.format == "json":
        import json

        print(json.dumps(finding._asdict()), flush=True)
    else:
        from boxwright.cli.template import Template

        print(Template(args.format).render({name.title(): value for name, value in finding._asdict().items()}))

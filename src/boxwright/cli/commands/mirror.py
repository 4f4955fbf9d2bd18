from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session
from boxwright.cli.transfers import aside

if TYPE_CHECKING:
    from boxwright.engine.mirroring.mirror import Outcome, Summary
    from boxwright.engine.mirroring.rules import Plan


def configure(parser: Parser) -> None:
    parser.usage = "boxwright mirror [OPTIONS] SOURCE DESTINATION | --config FILE"
    parser.description = (
        "Brings repositories to what others have: host/repository, host/namespace/*, oci:FOLDER or oci:FOLDER/*."
        " What is there isn't sent; after an interruption it goes on where it was."
    )
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="where from")
    parser.add_argument("destination", metavar="DESTINATION", nargs="?", help="where to")
    parser.add_argument("--config", metavar="FILE", help="mirror what this file says, in TOML")
    parser.repeated("--tag", metavar="PATTERN", dest="tags", help="only tags like this: v*; may be repeated")
    parser.repeated("--exclude", metavar="PATTERN", help="no tags like this; may be repeated")
    parser.add_argument(
        "--versions", metavar="RANGE", help='only tags that are versions of a range: ">=1.2 <2", "^1.4"'
    )
    parser.add_argument("--newest", metavar="N", type=int, help="of the tags that are versions only the N highest")
    parser.repeated("--platform", metavar="OS/ARCH", help="of images for several platforms only this; may be repeated")
    parser.flag("--referrers", default=True, help="with signatures and whatever else refers to an image (default)")
    parser.flag("--delete", help="delete tags of the destination that are not meant")
    parser.flag("--dry-run", help="say what would be done")
    parser.add_argument("--parallel", metavar="N", type=int, help="copy so many images at a time (4)")
    parser.add_argument("--limit-rate", metavar="RATE", help="bytes a second at most, together: 500k, 10m")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.flag("-q", "--quiet", help="say nothing of what goes well")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: an object for each tag")


def run(args: Any, session: Session) -> int:
    report = _Report(args)
    plan = _plan(args)
    summary = session.engine.registries.mirror(plan, dry_run=args.dry_run, told=report.told, notice=report.notice)
    report.end(summary)
    return 1 if summary.failed else 0


def _plan(args: Any) -> Plan:
    from boxwright.engine.mirroring import rules
    from boxwright.engine.mirroring.selection import TagSelection
    from boxwright.engine.mirroring.versions import Range
    from boxwright.engine.settings import parse_rate
    from boxwright.host.paths import Path
    from boxwright.oci.platform import Platform

    if args.config is not None:
        about = args.tags, args.exclude, args.versions, args.newest, args.platform, args.delete, args.insecure_registry
        if args.source is not None or any(about) or not args.referrers:
            raise UsageError("--config says what is mirrored", hint="leave out the places and what is about tags")
        plan = rules.read_plan(Path(args.config), parse_rate)
    else:
        if args.source is None or args.destination is None:
            raise UsageError("missing SOURCE, DESTINATION", hint="or say --config FILE")
        if args.newest is not None and args.newest < 0:
            raise UsageError(f"invalid --newest {args.newest}", hint="it is a number from 0 on")
        selection = TagSelection(
            tuple(args.tags),
            tuple(args.exclude),
            Range(args.versions) if args.versions is not None else None,
            args.newest,
        )
        platforms = tuple(Platform.parse(one) for text in args.platform for one in text.split(","))
        rule = rules.Rule(
            *(args.source, args.destination, selection, platforms),
            referrers=args.referrers,
            delete=args.delete,
            insecure=tuple(args.insecure_registry),
        )
        plan = rules.Plan((rule,))
    if args.parallel is not None:
        plan = plan._replace(parallel=rules.check_parallel(args.parallel))
    if args.limit_rate is not None:
        plan = plan._replace(rate=parse_rate(args.limit_rate))
    return plan


class _Report:
    """What is printed, by threads in turn."""

    def __init__(self, args: Any) -> None:
        import threading

        self._json = args.format == "json"
        self._quiet = args.quiet
        self._dry_run = args.dry_run
        self._lock = threading.Lock()

    def told(self, outcome: Outcome) -> None:
        if self._json:
            self._write(sys.stdout, _as_json(outcome, self._dry_run))
        elif outcome.error is not None:
            hint = f"\n  {outcome.error.hint}" if outcome.error.hint else ""
            self._write(sys.stderr, f"error: {outcome.destination}: {outcome.error.message}{hint}")
        elif outcome.status != "up to date" and not self._quiet:
            self._write(sys.stdout, self._line(outcome))

    def notice(self, event: Any) -> None:
        if not self._quiet:
            self._write(sys.stderr, aside(event))

    def end(self, summary: Summary) -> None:
        if self._json or self._quiet:
            return
        from boxwright.cli import human

        would = "would be " if self._dry_run else ""
        parts = [f"{summary.copied} {would}copied", f"{summary.current} up to date"]
        parts += [f"{summary.deleted} {would}deleted"] if summary.deleted else []
        parts += [f"{summary.passed} without the platforms"] if summary.passed else []
        parts += [f"{summary.failed} failed"] if summary.failed else []
        line = ", ".join(parts)
        if not self._dry_run:
            sizes = f"{human.spaced_size(summary.sent)} sent, {human.spaced_size(summary.there)} were there"
            line += f" ({sizes})"
        self._write(sys.stdout, line)

    def _line(self, outcome: Outcome) -> str:
        from boxwright.cli import human

        would = "would be " if self._dry_run and outcome.status in ("copied", "deleted") else ""
        line = f"{would}{outcome.status}  {outcome.destination}"
        if outcome.digest is not None:
            line += f"@{outcome.digest}"
        if outcome.status == "copied" and not self._dry_run:
            more = f", {outcome.referrers} that refer to it" if outcome.referrers else ""
            line += f" ({human.spaced_size(outcome.sent)} sent, {human.spaced_size(outcome.there)} were there{more})"
        return line

    def _write(self, out: Any, line: str) -> None:
        with self._lock:
            out.write(line + "\n")
            out.flush()


def _as_json(outcome: Outcome, dry_run: bool) -> str:
    import json

    value = outcome._asdict() | {"error": outcome.error.message if outcome.error is not None else None}
    return json.dumps(value | {"dryRun": dry_run}, ensure_ascii=False)

"""The options for health checks, which ``run`` and ``create`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser, UsageError, duration

if TYPE_CHECKING:
    from boxwright.oci.config import Healthcheck

_SPANS = {
    "interval": "how often (30s)",
    "timeout": "how long a check may take (30s)",
    "start-period": "how long after the start a failure does not count (0s)",
    "start-interval": "how often during that time (5s)",
}


def declare(parser: Parser) -> None:
    """Add the options to `parser`."""
    parser.add_argument("--health-cmd", metavar="COMMAND", help="check by this shell command whether it is well")
    for name, text in _SPANS.items():
        parser.add_argument(f"--health-{name}", metavar="DURATION", type=duration, help=text)
    parser.add_argument("--health-retries", metavar="NUMBER", type=int, help="how many failures make it unhealthy (3)")
    parser.flag("--no-healthcheck", help="do not run the image's check")


def asked(args: Any) -> Healthcheck | None:
    """Return what the options say; zero where they say nothing. Raises UsageError."""
    names = [name.replace("-", "_") for name in _SPANS]
    spans = {name: int((getattr(args, f"health_{name}") or 0) * 1_000_000_000) for name in names}
    retries = args.health_retries or 0
    given = args.health_cmd is not None or bool(retries) or any(spans.values())
    if args.no_healthcheck and given:
        raise UsageError("--no-healthcheck does not go with options of a health check")
    if retries < 0:
        raise UsageError(f"--health-retries {retries} is less than none")
    if not (args.no_healthcheck or given):
        return None
    from boxwright.oci.config import Healthcheck

    test: tuple[str, ...] = ("NONE",) if args.no_healthcheck else ()
    if args.health_cmd:
        test = ("CMD-SHELL", args.health_cmd)
    return Healthcheck(test, retries=retries, **spans)

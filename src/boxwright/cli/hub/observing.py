"""The flags by which a server is observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import Parser

if TYPE_CHECKING:
    from boxwright.hub.settings import HubSettings


def configure_observing(parser: Parser) -> None:
    """Declare them."""
    parser.add_argument("--log-format", choices=("text", "json"), help="log text (default), or a JSON object a line")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="the least important that is logged (info)"
    )
    parser.flag("--access-log", default=None, help="log every request (default)")
    parser.add_argument(
        "--metrics-addr",
        metavar="HOST:PORT",
        help="serve /metrics there, with /healthz and /readyz, and not beside the registry; off: nowhere",
    )


def with_observing(args: Any, settings: HubSettings) -> HubSettings:
    """Return the settings with what these flags say."""
    from boxwright.hub.observe.settings import address_or_off
    from boxwright.hub.settings import override

    log = override(settings.log, format=args.log_format, level=args.log_level, access=args.access_log)
    metrics = settings.metrics
    if args.metrics_addr is not None:
        metrics = metrics._replace(address=address_or_off(args.metrics_addr))
    return settings._replace(log=log, metrics=metrics)

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    serve = parser.command("serve", help="serve a registry until it is told to end")
    serve.add_argument(
        "--config", metavar="FILE", help="settings of the server in TOML; what is said here as well goes before"
    )
    serve.add_argument("--addr", metavar="HOST:PORT", help="where to listen (127.0.0.1:5000); port 0: any")
    serve.add_argument("--root", metavar="DIR", help="the folder that keeps everything")
    serve.add_argument("--tls-cert", metavar="FILE", help="speak TLS with this certificate")
    serve.add_argument("--tls-key", metavar="FILE", help="the certificate's key, where it has a file of its own")
    serve.add_argument("--htpasswd", metavar="FILE", help="let only these users in (bcrypt lines of htpasswd -B)")
    serve.flag("--sparse", default=None, help="accept indexes of which not every image was pushed")
    serve.add_argument(
        "--gc-delay",
        metavar="DURATION",
        help="destroy what nothing has named for so long (24h); off: keep everything",
    )
    serve.add_argument("--gc-interval", metavar="DURATION", help="how often to look for it (1h)")
    gc = parser.command("gc", help="destroy at once what nothing names, also beside a running server")
    gc.add_argument("--root", metavar="DIR", help="the folder that keeps everything")
    gc.add_argument("--delay", metavar="DURATION", default="24h", help="spare what was touched so lately (24h)")


def run(args: Any, session: Session) -> int:
    return _gc(args, session) if args.verb == "gc" else _serve(args, session)


def _serve(args: Any, session: Session) -> int:
    from boxwright.hub.registry.server import serve
    from boxwright.hub.settings import load_settings, override

    def ready(line: str) -> None:
        print(line, flush=True)
        sys.stdout.flush()

    settings = load_settings(_path(args.config))
    server = override(
        settings.server,
        root=_path(args.root),
        address=args.addr,
        tls_cert=_path(args.tls_cert),
        tls_key=_path(args.tls_key),
        sparse=args.sparse,
    )
    auth = override(settings.auth, htpasswd=_path(args.htpasswd))
    gc = override(
        settings.gc,
        delay=None if args.gc_delay in (None, "off") else _seconds(args.gc_delay, "--gc-delay"),
        interval=None if args.gc_interval is None else _seconds(args.gc_interval, "--gc-interval"),
    )
    if args.gc_delay == "off":
        gc = gc._replace(delay=None)
    return serve(settings._replace(server=server, auth=auth, gc=gc), root=_root(args, session), ready=ready)


def _gc(args: Any, session: Session) -> int:
    from boxwright.cli import human
    from boxwright.hub.registry.collector import collect_in

    done = collect_in(_root(args, session), _seconds(args.delay, "--delay"))
    print(f"{done.released} blobs released, {done.destroyed} destroyed, {human.size(done.size)} reclaimed")
    return 0


def _root(args: Any, session: Session) -> Path:
    return Path(args.root) if args.root else Path(session.settings.root, "registry")


def _seconds(text: str, option: str) -> float:
    from boxwright.dockerfile.durations import parse_duration
    from boxwright.errors import InvalidError

    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise InvalidError(f"{option}: {error}", hint="a duration looks like 90s, 30m or 24h") from None
    if nanoseconds <= 0:
        raise InvalidError(f"{option} {text}: it must be more than nothing", hint="a duration looks like 90s or 24h")
    return nanoseconds / 1e9


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None

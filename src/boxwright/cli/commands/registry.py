from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    serve = parser.command("serve", help="serve a registry until it is told to end")
    serve.add_argument(
        "--addr", metavar="HOST:PORT", default="127.0.0.1:5000", help="where to listen (127.0.0.1:5000); port 0: any"
    )
    serve.add_argument("--root", metavar="DIR", help="the folder that keeps everything")
    serve.add_argument("--tls-cert", metavar="FILE", help="speak TLS with this certificate")
    serve.add_argument("--tls-key", metavar="FILE", help="the certificate's key, where it has a file of its own")
    serve.add_argument("--htpasswd", metavar="FILE", help="let only these users in (bcrypt lines of htpasswd -B)")
    serve.flag("--sparse", help="accept indexes of which not every image was pushed")


def run(args: Any, session: Session) -> int:
    from boxwright.hub.registry.server import ServeOptions, serve

    def ready(line: str) -> None:
        print(line, flush=True)
        sys.stdout.flush()

    return serve(
        ServeOptions(
            root=Path(args.root) if args.root else Path(session.settings.root, "registry"),
            address=args.addr,
            tls_cert=_path(args.tls_cert),
            tls_key=_path(args.tls_key),
            htpasswd=_path(args.htpasswd),
            sparse=args.sparse,
            ready=ready,
        )
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None

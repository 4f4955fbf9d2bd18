"""The flags of a server, the same for ``registry serve`` and ``hub serve``, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from boxwright.cli.hub.observing import configure_observing, with_observing
from boxwright.cli.parsing import Parser
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.settings import HubSettings


def configure_root(parser: Parser) -> None:
    """Declare where everything is."""
    parser.add_argument("--root", metavar="DIR", help="the folder that keeps everything")
    parser.add_argument(
        "--database", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME (SQLite in the folder)"
    )


def configure_serve(parser: Parser) -> None:
    """Declare the flags of a server. None of them has a default: what isn't given is the configuration file's."""
    parser.add_argument(
        "--config", metavar="FILE", help="settings of the server in TOML; what is said here as well goes before"
    )
    parser.add_argument(
        "--addr", metavar="HOST:PORT", help="where to listen (127.0.0.1:5000); port 0: any; or unix:/run/registry.sock"
    )
    configure_root(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="keep blobs there: file:///dir or s3://bucket/prefix?endpoint=URL&region=NAME (in --root)",
    )
    parser.flag("--storage-redirect", default=None, help="send clients to the object store for the bytes of blobs")
    parser.add_argument("--processes", metavar="N", help="serve with so many processes (1)")
    parser.add_argument("--tls-cert", metavar="FILE", help="speak TLS with this certificate")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's key, where it has a file of its own")
    parser.add_argument("--tls-client-ca", metavar="FILE", help="ask clients for a certificate of this authority")
    parser.add_argument(
        "--tls-client", choices=("required", "optional"), help="whether clients must have one (required)"
    )
    parser.add_argument("--public-url", metavar="URL", help="what clients call this registry: https://HOST")
    parser.repeated(
        "--trusted-proxy", metavar="CIDR", help="believe what this proxy says of its clients; unix: one on the socket"
    )
    parser.add_argument("--notice", metavar="TEXT", help="a line that clients show to their users")
    parser.add_argument("--htpasswd", metavar="FILE", help="let only these users in (bcrypt lines of htpasswd -B)")
    parser.add_argument(
        "--oidc-issuer", metavar="URL", help="with accounts: also let in who this OpenID provider has logged in"
    )
    parser.add_argument("--oidc-client-id", metavar="ID", help="as what the hub is registered there (boxwright)")
    parser.flag("--sparse", default=None, help="accept indexes and images of which not every part was pushed")
    parser.flag(
        "--delete", default=None, help="let clients delete (true); --delete=false: whoever they are, they cannot"
    )
    parser.add_argument(
        "--gc-delay", metavar="DURATION", help="destroy what nothing has named for so long (24h); off: keep everything"
    )
    parser.add_argument("--gc-interval", metavar="DURATION", help="how often to look for it (1h)")
    configure_observing(parser)


def server_settings(args: Any) -> HubSettings:
    """Return what the configuration file and the flags of a server say. Raises InvalidError."""
    from boxwright.hub.settings import load_settings, override
    from boxwright.hub.storage.location import parse_location
    from boxwright.remote.issuer import check_issuer

    settings = load_settings(path(args.config))
    server = override(
        settings.server,
        root=path(args.root),
        address=args.addr,
        processes=None if args.processes is None else _processes(args.processes),
        public_url=args.public_url,
        trusted_proxies=tuple(args.trusted_proxy) or None,
        notice=args.notice,
        sparse=args.sparse,
        delete=args.delete,
    )
    tls = override(
        settings.tls,
        certificate=path(args.tls_cert),
        key=path(args.tls_key),
        client_ca=path(args.tls_client_ca),
        client=args.tls_client,
    )
    database = override(settings.database, url=args.database)
    auth = override(settings.auth, htpasswd=path(args.htpasswd))
    oidc = override(
        settings.oidc,
        issuer=None if args.oidc_issuer is None else check_issuer(args.oidc_issuer),
        client_id=args.oidc_client_id,
    )
    gc = override(
        settings.gc,
        delay=None if args.gc_delay in (None, "off") else seconds(args.gc_delay, "--gc-delay"),
        interval=None if args.gc_interval is None else seconds(args.gc_interval, "--gc-interval"),
    )
    if args.gc_delay == "off":
        gc = gc._replace(delay=None)
    storage = override(
        settings.storage,
        location=None if args.storage is None else parse_location(args.storage),
        redirect=args.storage_redirect,
    )
    settings = settings._replace(server=server, tls=tls, database=database, auth=auth, oidc=oidc, gc=gc)
    return with_observing(args, settings._replace(storage=storage))


def _processes(text: str) -> int:
    from boxwright.errors import InvalidError
    from boxwright.hub.registry.settings import MAX_PROCESSES

    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PROCESSES):
        raise InvalidError(f"--processes takes a number from 1 to {MAX_PROCESSES}, not {text[:20]!r}")
    return int(text)


def ready(line: str) -> None:
    """Print where the server is."""
    print(line, flush=True)


def root(args: Any, session: Session) -> Path:
    """Return the folder of the server's state."""
    return Path(args.root) if args.root else Path(session.settings.root, "registry")


def seconds(text: str, option: str) -> float:
    """Return the seconds of a duration that is more than nothing. Raises InvalidError."""
    from boxwright.dockerfile.durations import parse_duration
    from boxwright.errors import InvalidError

    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise InvalidError(f"{option}: {error}", hint="a duration looks like 90s, 30m or 24h") from None
    if nanoseconds <= 0:
        raise InvalidError(f"{option} {text}: it must be more than nothing", hint="a duration looks like 90s or 24h")
    return nanoseconds / 1e9


def path(text: str | None) -> Path | None:
    """Return the path that an option names."""
    return Path(text) if text else None

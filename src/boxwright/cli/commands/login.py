from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import human
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session
from boxwright.errors import DeniedError, InvalidError

if TYPE_CHECKING:
    from boxwright.remote.device import Invitation


def configure(parser: Parser) -> None:
    parser.add_argument("-u", "--username", metavar="NAME", help="user name")
    parser.add_argument("-p", "--password", metavar="PASSWORD", help="password: others on this machine may see it")
    parser.flag("--password-stdin", help="read the password from standard input")
    parser.flag("--oidc", help="log in with a browser, at the OpenID provider that a boxwright hub has")
    parser.add_argument("--can", metavar="ACTIONS", help="with --oidc: only pull, push or delete (pull,push)")
    parser.repeated("--on", metavar="REPOSITORY", help="with --oidc: only here; NAMESPACE/* is all of one")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("server", nargs="?", default="docker.io", metavar="SERVER", help="the registry")


def run(args: Any, session: Session) -> int:
    if args.password is not None and args.password_stdin:
        raise UsageError("--password and --password-stdin exclude each other")
    if args.password_stdin and not args.username:
        raise UsageError("--password-stdin needs --username")
    if args.oidc:
        return _with_browser(args, session)
    if args.can or args.on:
        raise UsageError("--can and --on need --oidc")
    if args.password is not None:
        sys.stderr.write("warning: --password shows the password to everyone who sees this machine's processes;\n")
        sys.stderr.write("  --password-stdin does not\n")
    username, password = args.username, args.password
    if args.password_stdin:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif username is None or password is None:
        if username is None and password is None and _still_good(args, session):
            return 0
        if not sys.stdin.isatty():
            raise InvalidError("cannot ask for a password without a terminal", hint="use --password-stdin")
        import getpass

        username = username or input("Username: ").strip()
        password = password if password is not None else getpass.getpass("Password: ")
    if not username or not password:
        raise UsageError("a user name and a password are needed")
    warning = session.engine.login(args.server, username, password, insecure=args.insecure_registry)
    if warning:
        sys.stderr.write(f"warning: {warning}\n")
    print("Login Succeeded")
    return 0


def _with_browser(args: Any, session: Session) -> int:
    if args.username or args.password is not None or args.password_stdin:
        raise UsageError("--oidc excludes user names and passwords")
    if unknown := set((args.can or "pull").split(",")) - {"pull", "push", "delete"}:
        raise UsageError(f"{min(unknown)[:40]!r} is no action", hint="actions are pull, push and delete")
    done = session.engine.login_through_provider(
        args.server, _invite, can=args.can or "", on=args.on, insecure=args.insecure_registry
    )
    if done.warning:
        sys.stderr.write(f"warning: {done.warning}\n")
    print(f"Login Succeeded: {done.username}, for {human.duration(done.seconds)}")
    return 0


def _invite(invitation: Invitation) -> None:
    if invitation.complete_url:
        print(f"Open  {invitation.complete_url}\nand compare the code there:  {invitation.code}", flush=True)
    else:
        print(f"Open  {invitation.url}\nand enter the code:  {invitation.code}", flush=True)
    print("Waiting for you to log in there ...", flush=True)


def _still_good(args: Any, session: Session) -> bool:
    """Try the credentials that are kept for the registry, as docker does; False where there are none, or bad ones."""
    username = session.engine.stored_username(args.server)
    if username is None:
        return False
    who = f" [Username: {username}]" if username else ""  # a token may stand for nobody by name
    print(f"Authenticating with existing credentials...{who}", flush=True)
    try:
        session.engine.verify_login(args.server, insecure=args.insecure_registry)
    except DeniedError as error:
        sys.stderr.write(f"{error.message}\n")
        return False
    print("Login Succeeded")
    return True

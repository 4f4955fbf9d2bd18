from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session


def configure(parser: Parser) -> None:
    parser.add_argument("-u", "--username", metavar="NAME", help="user name")
    parser.add_argument("-p", "--password", metavar="PASSWORD", help="password: others on this machine may see it")
    parser.flag("--password-stdin", help="read the password from standard input")
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.add_argument("server", nargs="?", default="docker.io", metavar="SERVER", help="the registry")


def run(args: Any, session: Session) -> int:
    if args.password is not None and args.password_stdin:
        raise UsageError("--password and --password-stdin exclude each other")
    if args.password_stdin and not args.username:
        raise UsageError("--password-stdin needs --username")
    if args.password is not None:
        sys.stderr.write("warning: --password shows the password to everyone who sees this machine's processes;\n")
        sys.stderr.write("  --password-stdin does not\n")
    username, password = args.username, args.password
    if args.password_stdin:
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif username is None or password is None:
        if not sys.stdin.isatty():
            raise UsageError("cannot ask for a password without a terminal", hint="use --password-stdin")
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

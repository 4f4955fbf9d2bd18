from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from boxwright.cli import listing
from boxwright.cli.each import each
from boxwright.cli.hub.opening import (
    actor,
    configure_password,
    configure_visibility,
    is_public,
    leaf,
    moment,
    new_password,
    opened,
    visibility,
)
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.accounts.directory import Account
    from boxwright.hub.accounts.house import House


def configure(parser: Parser) -> None:
    add = leaf(parser, "add", help="make a user, asking for a password")
    configure_password(add)
    add.flag("--no-password", help="let only tokens in")
    add.flag("--admin", help="make an administrator, who may do everything")
    add.add_argument("name", metavar="NAME", help="the user's name, which its repositories begin with")
    rm = leaf(parser, "rm", help="remove users who have no repositories")
    rm.add_argument("names", nargs="+", metavar="NAME", help="a user")
    leaf(parser, "list", help="list users", lists=True)
    passwd = leaf(parser, "passwd", help="change a password; logins that were made with the old one end")
    configure_password(passwd)
    passwd.add_argument("name", metavar="NAME", help="the user")
    for name, text in (("disable", "lock a user out"), ("enable", "let a user in again")):
        leaf(parser, name, help=text).add_argument("name", metavar="NAME", help="the user")
    admin = leaf(parser, "admin", help="make a user an administrator")
    admin.flag("--off", help="make an administrator a user like others")
    admin.add_argument("name", metavar="NAME", help="the user")
    change = leaf(parser, "set", help="change what holds for a user's new repositories")
    configure_visibility(change, "--new-repositories", help="who may pull what the user pushes first")
    change.add_argument("name", metavar="NAME", help="the user")


def run(args: Any, session: Session) -> int:
    if args.verb == "set" and args.new_repositories is None:
        raise UsageError("nothing to change", hint="say --new-repositories public or private")
    if args.verb == "add" and args.no_password and args.password_stdin:
        raise UsageError("--no-password and --password-stdin exclude each other")
    with opened(args, session) as house:
        directory, by = house.directory, actor()
        match args.verb:
            case "add":
                kept = None if args.no_password else house.passwords.hash(new_password(args))
                directory.add_user(args.name, kept, by, administrator=args.admin)
            case "rm":
                return each(args.names, lambda name: directory.remove(name, "user", by), show=True)
            case "list":
                return _list(args, house)
            case "passwd":
                directory.set_password(args.name, house.passwords.hash(new_password(args)), by)
            case "admin":
                directory.set_flags(args.name, by, administrator=not args.off)
            case "set":
                directory.set_flags(args.name, by, public=is_public(args.new_repositories) is True)
            case _:
                directory.set_flags(args.name, by, disabled=args.verb == "disable")
        print(args.name)
    return 0


def _list(args: Any, house: House) -> int:
    rows = [
        {
            "Name": one.name,
            "Role": _role(one),
            "Password": "yes" if one.password else "no",
            "NewRepositories": visibility(one.public),
            "Created": moment(one.created),
        }
        for one in house.directory.list("user")
    ]
    columns = {
        "NAME": "Name",
        "ROLE": "Role",
        "PASSWORD": "Password",
        "NEW REPOSITORIES": "NewRepositories",
        "CREATED": "Created",
    }
    listing.write(sys.stdout, rows, columns, args.format)
    return 0


def _role(account: Account) -> str:
    words = [
        word
        for word, holds in (
            ("disabled", account.disabled),
            ("administrator", account.administrator),
            ("curator", account.curator),
        )
        if holds
    ]
    return ", ".join(words) or "user"

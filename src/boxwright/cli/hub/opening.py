"""What the commands about accounts share: the accounts of a hub's database, and how passwords and times are read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from boxwright.cli.hub.serving import configure_root, root
from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.hub.accounts.house import House
    from boxwright.hub.db.audit import Actor
    from boxwright.hub.db.database import Database
    from boxwright.hub.storage.base import BlobStorage


def leaf(parser: Parser, name: str, *, help: str, lists: bool = False) -> Parser:
    """Declare a command of a group that works on the database of a hub; with `lists`, one that prints a list."""
    made = parser.command(name, help=help)
    configure_root(made)
    if lists:
        configure_format(made)
    return made


def configure_format(parser: Parser) -> None:
    """Declare how a list is printed."""
    parser.add_argument("--format", metavar="TEMPLATE", help="table, json, or a Go template")


@contextmanager
def opened(args: Any, session: Session) -> Iterator[House]:
    """The accounts of the hub that the options name, also beside a running server."""
    from boxwright.hub.extra import need

    need("argon2")
    from boxwright.hub.accounts.house import House

    with opened_database(args, session) as database:
        yield House(database)


@contextmanager
def opened_database(args: Any, session: Session) -> Iterator[Database]:
    """The database of the hub that the options name, also beside a running server."""
    from boxwright.hub.extra import need

    need("sqlalchemy", "alembic")
    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.storage.filesystem import make_directories

    folder = root(args, session)
    if not args.database:
        make_directories(folder)
    database = Database(args.database or default_url(folder))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened_storage(args: Any, session: Session) -> Iterator[BlobStorage]:
    """Where the blobs of the hub are: what ``--storage`` says, or else what its folder remembers."""
    from boxwright.hub.storage.location import locate, open_storage, parse_location

    given = parse_location(args.storage) if args.storage else None
    storage = open_storage(locate(root(args, session), given))
    try:
        yield storage
    finally:
        storage.close()


def actor() -> Actor:
    """Who types the command, for the audit log."""
    import os
    import pwd

    from boxwright.hub.db.audit import Actor

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Actor(f"console:{name}")


def audited(db: Database, action: str, detail: str) -> None:
    """Note in the audit log what a command did to the hub as a whole."""
    from boxwright.hub.db.audit import AuditLog

    AuditLog(db).record(actor(), action, "hub", detail=detail)


def configure_password(parser: Parser) -> None:
    """Declare where a new password comes from. It is no option's value: others would see it."""
    parser.flag("--password-stdin", help="read the password from the standard input")


def new_password(args: Any) -> str:
    """Ask for a new password, twice, or read it. Raises UsageError."""
    if args.password_stdin:
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise UsageError("cannot ask for a password without a terminal", hint="use --password-stdin")
    import getpass

    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def span(text: str, option: str) -> float:
    """Return the seconds of a duration, which may also be days: ``90d``. Raises UsageError."""
    from boxwright.cli.parsing import duration
    from boxwright.errors import InvalidError

    digits = text.removesuffix("d")
    try:
        seconds = int(digits) * 86400.0 if digits != text and digits.isdecimal() else duration(text)
    except InvalidError:
        seconds = 0.0
    if seconds <= 0:
        raise UsageError(f"invalid {option} {text!r}", hint="a duration looks like 90d, 12h or 30m")
    return seconds


def moment(seconds: float | None) -> str:
    """Return a time as the lists show it; nothing for none."""
    import time

    return "" if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def visibility(public: bool) -> str:
    """Return the word for whether everybody may pull."""
    return "public" if public else "private"


def configure_visibility(parser: Parser, option: str, *, help: str) -> None:
    """Declare an option whose value is public or private."""
    parser.add_argument(option, choices=("public", "private"), help=help)


def is_public(text: str | None) -> bool | None:
    """Return what such an option says; None when it wasn't given."""
    return None if text is None else text == "public"

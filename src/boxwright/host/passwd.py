"""Who a user is, by the text of a passwd and a group file (passwd(5), group(5)). Pure: no file is opened here."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

_MAX_ID = 2**31 - 1


class Account(NamedTuple):
    """What a process runs as. `groups` are all it is a member of, `gid` first."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


ROOT = Account(0, 0, (0,), "/root")


class UnknownUser(InvalidError):
    """The image's files know no such user or group."""

    def __init__(self, kind: str, name: str, file: str) -> None:
        super().__init__(
            f"no {kind} {name!r} in the image's {file}",
            hint=f"a number works without an entry; or RUN {'useradd' if kind == 'user' else 'groupadd'} {name} first",
        )
        self.kind = kind
        self.name = name


class User(NamedTuple):
    name: str
    uid: int
    gid: int
    home: str


class Group(NamedTuple):
    name: str
    gid: int
    members: tuple[str, ...]


def users(passwd: str) -> Iterator[User]:
    """Yield the well-formed lines of a passwd file; others are skipped, as the C library does."""
    for fields in _lines(passwd, 7):
        uid, gid = _number(fields[2]), _number(fields[3])
        if uid is not None and gid is not None:
            yield User(fields[0], uid, gid, fields[5])


def groups(group: str) -> Iterator[Group]:
    """Yield the well-formed lines of a group file."""
    for fields in _lines(group, 4):
        gid = _number(fields[2])
        if gid is not None:
            yield Group(fields[0], gid, tuple(name for name in fields[3].split(",") if name))


def find_account(wanted: str, passwd: str, group: str) -> Account:
    """Return the account that ``user[:group]`` means: names or numbers, as in USER and ``run --user``.

    Empty means root. A number without an entry is taken as it is, with group 0. A group that is named replaces the
    user's own groups, supplementary ones included. Raises UnknownUser for a name without an entry, and for a number
    that is no ID.
    """
    user_text, _, group_text = wanted.partition(":")
    user_text = user_text or "0"
    number = _number(user_text)
    entry = next((user for user in users(passwd) if user.name == user_text or user.uid == number), None)
    if entry is None and number is None:
        raise UnknownUser("user", user_text, "/etc/passwd")
    uid = entry.uid if entry else (number or 0)
    gid = entry.gid if entry else 0
    home = (entry.home if entry else "") or "/"
    if group_text:
        gid = _find_group(group_text, group)
        return Account(uid, gid, (gid,), home)
    supplementary = [item.gid for item in groups(group) if entry and entry.name in item.members and item.gid != gid]
    return Account(uid, gid, (gid, *dict.fromkeys(supplementary)), home)


def _find_group(text: str, group: str) -> int:
    for item in groups(group):
        if item.name == text:
            return item.gid
    number = _number(text)
    if number is None:
        raise UnknownUser("group", text, "/etc/group")
    return number


def _lines(text: str, count: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= count and fields[0] and not line.startswith("#"):
            yield fields


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if value <= _MAX_ID else None

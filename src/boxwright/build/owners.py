"""Names of users and groups → numbers, by the files of the image that they are meant for."""

from __future__ import annotations

from boxwright.host import passwd
from boxwright.layer.union import PathNotFound, UnionView

_MAX_BYTES = 4 << 20


def account(user: str, view: UnionView) -> tuple[int, int]:
    """Return (uid, gid) of what USER says. Raises UnknownUser, WrongType."""
    found = passwd.find_account(user, _text(view, "/etc/passwd"), _text(view, "/etc/group"))
    return found.uid, found.gid


def chown(text: str, view: UnionView) -> tuple[int, int]:
    """Return (uid, gid) of what ``--chown`` says. Raises as `account`.

    Without a group, it is the one that the user has by name, and for a number the same number.
    """
    uid, gid = account(text, view)
    user, _, group = text.partition(":")
    return uid, uid if user.isdigit() and not group else gid


def _text(view: UnionView, path: str) -> str:
    try:
        return view.read(path, _MAX_BYTES).decode("utf-8", "surrogateescape")
    except PathNotFound:
        return ""  # numbers work without

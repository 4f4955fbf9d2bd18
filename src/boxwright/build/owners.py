"""Names of users and groups → numbers, by the files of the image that they are meant for."""

from __future__ import annotations

from boxwright.host import passwd
from boxwright.layer.union import PathNotFound, UnionView

_MAX_BYTES = 4 << 20


def chown(text: str, view: UnionView) -> tuple[int, int]:
    """Return (uid, gid) of what ``--chown`` says. Raises UnknownUser, WrongType.

    Without a group, it is the one that the user has by name, and for a number the same number.
    """
    found = passwd.find_account(text, _text(view, "/etc/passwd"), _text(view, "/etc/group"))
    user, _, group = text.partition(":")
    return found.uid, found.uid if user.isdigit() and not group else found.gid


def workdir(user: str, view: UnionView) -> tuple[int, int]:
    """Return (uid, gid) of directories that WORKDIR makes after this USER. Raises WrongType.

    They are root's where the image doesn't know the user: it may come to know it before anything runs.
    """
    try:
        return chown(user, view)
    except passwd.UnknownUser:
        return 0, 0


def _text(view: UnionView, path: str) -> str:
    try:
        return view.read(path, _MAX_BYTES).decode("utf-8", "surrogateescape")
    except PathNotFound:
        return ""  # numbers work without

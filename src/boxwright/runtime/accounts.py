"""Who a user is by the files of a root file system.

To be called inside `PrivateMounts.call`, where that is mounted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from boxwright.host import syscalls
from boxwright.host.passwd import Account, UnknownUser, find_account, groups

_MAX_PASSWD = 4 * 1024 * 1024


def account_of(rootfs: str, user: str, further: Sequence[str] = ()) -> Account:
    """Return what `user` means by the files of a mounted root file system. Raises UnknownUser."""
    passwd, group = read_in(rootfs, "etc/passwd"), read_in(rootfs, "etc/group")
    account = find_account(user, passwd, group)
    if not further:
        return account
    known = {entry.name: entry.gid for entry in groups(group)}
    numbers = []
    for name in further:
        if name in known:
            numbers.append(known[name])
        elif name.isascii() and name.isdigit():
            numbers.append(int(name))
        else:
            raise UnknownUser("group", name, "/etc/group")
    return account._replace(groups=tuple(dict.fromkeys((*account.groups, *numbers))))


def read_in(rootfs: str, path: str) -> str:
    """Return the text of a file of a root file system, links followed inside it; empty when there is none."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # O_NONBLOCK: an image may have a pipe there.
        fd = syscalls.openat2(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    finally:
        os.close(root)
    with open(fd, "rb") as stream:
        try:
            return stream.read(_MAX_PASSWD).decode(errors="surrogateescape")
        except OSError:  # a directory, a device: as good as no file
            return ""

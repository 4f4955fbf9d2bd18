"""Descriptors that somebody reads at the other end."""

from __future__ import annotations

import errno
import os
import select


def write_all(fd: int, data: bytes) -> bool:
    """Write all of `data`, waiting for as long as it takes; return False when nobody reads any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: a terminal that was hung up
                raise
            return False
    return True


def read_some(fd: int, limit: int) -> bytes:
    """Return what there is to read, at most `limit` bytes; nothing at the end, of a file or of a terminal."""
    try:
        return os.read(fd, limit)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""

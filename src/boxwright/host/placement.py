"""Where a file system puts new files."""

from __future__ import annotations

import fcntl
import os
import struct

# linux/fs.h; the argument is an int whatever the size in the number says.
_FS_IOC_GETFLAGS = 0x80086601
_FS_IOC_SETFLAGS = 0x40086602
_FS_TOPDIR_FL = 0x00020000


def spread_children(directory: os.PathLike[str]) -> bool:
    """Ask the file system to put each new subdirectory of `directory` far from its siblings; say whether it will.

    For a directory whose subdirectories are large trees that come and go. ext4 does not give out an inode again for
    about a minute after it was freed, and looks at each of them anew for every file that it makes nearby: a tree of
    9,000 files, unpacked right after another one beside it was removed, takes ten times as long. Spread, the new
    tree begins in a fresh part of the disk. Other file systems don't need it and say no.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        (flags,) = struct.unpack("i", fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(4)))
        if not flags & _FS_TOPDIR_FL:
            fcntl.ioctl(fd, _FS_IOC_SETFLAGS, struct.pack("i", flags | _FS_TOPDIR_FL))
    except OSError:
        return False  # ENOTTY, EOPNOTSUPP, EPERM …: it is an optimisation, and there is nothing else to try
    finally:
        os.close(fd)
    return True

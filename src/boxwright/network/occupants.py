"""Who listens on a port, by what /proc shows: for the error that says that it is in use."""

from __future__ import annotations

import os

_LISTENING = {"tcp": "0A", "udp": "07"}  # the kernel's numbers of the states


def occupant(port: int, protocol: str) -> str | None:
    """Return the name and the ID of a process that has a port, or None when that cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, protocol)}
    if not sockets:
        return None
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with os.scandir(f"/proc/{pid}/fd") as descriptors:
                if any(os.readlink(descriptor.path) in sockets for descriptor in descriptors):
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
                        return f"{stream.read().strip()} (process {pid})"
        except OSError:
            continue  # it ended meanwhile, or is not ours to look into
    return None


def _inodes(port: int, protocol: str) -> list[str]:
    found = []
    for name in (protocol, protocol + "6"):
        try:
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as stream:
                for line in stream:
                    # Number, local address:port in hexadecimal, remote, state, …; the inode is the tenth.
                    words = line.split()
                    if words[3] == _LISTENING[protocol] and int(words[1].rpartition(":")[2], 16) == port:
                        found.append(words[9])
        except OSError:
            continue  # a kernel without IPv6
    return found

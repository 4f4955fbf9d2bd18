"""Control groups: what this machine has of them, and a delay of theirs that can be hidden."""

from __future__ import annotations

import os
import threading

ROOT = "/sys/fs/cgroup"
UNIFIED = f"{ROOT}/unified"
"""Where version 2 is on a machine that has both."""


def are_hybrid() -> bool:
    """Tell whether version 1 and 2 are mounted side by side and 2 has controllers of its own.

    crun refuses to work then, until the tree of version 2 is out of its sight.
    """
    try:
        with open(f"{UNIFIED}/cgroup.controllers", encoding="utf-8") as stream:
            return bool(stream.read().strip())
    except OSError:
        return False


def are_unified() -> bool:
    """Tell whether version 2 is all there is."""
    return os.path.exists(f"{ROOT}/cgroup.controllers")


def hasten_moves() -> None:
    """Have the next move of a process to another group, within some 20 ms, take no time. Returns at once.

    The first move after a pause waits for the kernel to see every CPU pass by once (an RCU grace period, 10 to 25 ms);
    those that follow closely don't. So while a container is still being prepared, a thread moves this process to where
    it is, and the runtime finds the way clear. With version 2 alone a process can be born in its group, and nothing is
    done.
    """
    if not are_unified():
        threading.Thread(target=_move_to_own_group, name="cgroup-moves", daemon=True).start()


def _move_to_own_group() -> None:
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as stream:
            groups = {line.split(":", 2)[1]: line.rstrip("\n").split(":", 2)[2] for line in stream}
        with open(f"{ROOT}/pids{groups['pids']}/cgroup.procs", "w", encoding="utf-8") as stream:
            stream.write("0")
    except (OSError, KeyError):
        return  # it only would have been faster

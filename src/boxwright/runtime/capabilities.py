"""Capabilities: root's power in pieces (capabilities(7))."""

from __future__ import annotations

from collections.abc import Iterable

from boxwright.errors import DeniedError, InvalidError

# In the order of their bits.
ALL = tuple(
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
        *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
        *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
        *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
        *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
        "CHECKPOINT_RESTORE",
    )
)

DEFAULT = tuple(
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP"),
        *("NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
    )
)
"""What a container has when nobody says otherwise: enough to install packages and to serve, not to touch the host."""


class UnknownCapability(InvalidError):
    def __init__(self, name: str) -> None:
        import difflib

        close = difflib.get_close_matches(name.upper().removeprefix("CAP_"), [each[4:] for each in ALL], 1)
        super().__init__(
            f"unknown capability {name!r}",
            hint=f"did you mean {close[0]}?" if close else "capabilities look like NET_ADMIN; ALL is every one",
        )
        self.name = name


class CapabilityDenied(DeniedError):
    """We can't give what we don't have."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(
            f"cannot give the container {', '.join(self.names)}",
            hint="boxwright itself runs without it: is it in a container or a restricted session?",
        )


def select(add: Iterable[str], drop: Iterable[str], available: frozenset[str]) -> tuple[str, ...]:
    """Return the container's capabilities, in the order of their bits: the default ones, with changes.

    Names go with or without CAP_, in any case; ALL stands for every one that is `available`. Adding ALL and dropping
    some leaves the rest, dropping ALL and adding some leaves those. Raises UnknownCapability, and CapabilityDenied when
    one that was named isn't available.
    """
    added, every = _parse(add)
    dropped, none = _parse(drop)
    if missing := added - available:
        raise CapabilityDenied(missing)
    if every:
        chosen = (available - dropped) | (added if none else frozenset())
    elif none:
        chosen = added
    else:
        chosen = (available.intersection(DEFAULT) - dropped) | added
    return tuple(name for name in ALL if name in chosen)


def available() -> frozenset[str]:
    """Return what this process may pass on: its bounding set."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as stream:
        line = next(line for line in stream if line.startswith("CapBnd:"))
    bits = int(line.split()[1], 16)
    return frozenset(name for bit, name in enumerate(ALL) if bits >> bit & 1)


def _parse(names: Iterable[str]) -> tuple[frozenset[str], bool]:
    found, every = set(), False
    for text in names:
        name = "CAP_" + text.upper().removeprefix("CAP_")
        if name == "CAP_ALL":
            every = True
        elif name in ALL:
            found.add(name)
        else:
            raise UnknownCapability(text)
    return frozenset(found), every

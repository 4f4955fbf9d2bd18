"""What a running container uses: its control group's counters and its network's, at one moment (cgroups(7))."""

from __future__ import annotations

import os
import time

from boxwright.host import cgroups
from boxwright.values import NamedTuple

_NO_LIMIT = 1 << 60  # version 1 says "none" with a number close to 2**63


class Usage(NamedTuple):
    """Counters count from the container's start; sizes are in bytes, times in nanoseconds."""

    when: int
    """Of a clock that only goes on."""
    cpu: int
    """Time of all its processes on all processors."""
    memory: int
    """Without what is only kept because nobody else needs the memory (inactive file pages), as docker counts it."""
    memory_limit: int
    """Its own limit, or all that the machine has."""
    received: int
    sent: int
    read: int
    """From block devices, as `written`."""
    written: int
    processes: int
    """Threads, too, as the kernel counts them."""


def measure(pid: int) -> Usage:
    """Return what the container uses whose process 1 is `pid`. Raises ProcessLookupError when it has ended."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as stream:
            groups = {name: path for line in stream for name, path in _memberships(line.rstrip("\n"))}
        received, sent = _network(pid)
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    now = time.monotonic_ns()
    counters = _unified(groups.get("", "/")) if cgroups.are_unified() else _by_controller(groups)
    cpu, memory, limit, read, written, processes = counters
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not 0 < limit < min(machine, _NO_LIMIT):
        limit = machine
    return Usage(now, cpu, max(memory, 0), limit, received, sent, read, written, processes)


def _memberships(line: str) -> list[tuple[str, str]]:
    _, names, path = line.split(":", 2)
    return [(name, path) for name in names.split(",")]


def _unified(path: str) -> tuple[int, int, int, int, int, int]:
    group = f"{cgroups.ROOT}{path}"
    memory = _number(f"{group}/memory.current") - _table(f"{group}/memory.stat").get("inactive_file", 0)
    read = written = 0
    for line in _text(f"{group}/io.stat").splitlines():
        fields = dict(word.partition("=")[::2] for word in line.split()[1:])
        read += int(fields.get("rbytes", 0))
        written += int(fields.get("wbytes", 0))
    cpu = _table(f"{group}/cpu.stat").get("usage_usec", 0) * 1000
    return cpu, memory, _number(f"{group}/memory.max"), read, written, _number(f"{group}/pids.current")


def _by_controller(groups: dict[str, str]) -> tuple[int, int, int, int, int, int]:
    def file(controller: str, name: str) -> str:
        return f"{cgroups.ROOT}/{controller}{groups.get(controller, '/')}/{name}"

    cached = _table(file("memory", "memory.stat")).get("total_inactive_file", 0)
    read = written = 0
    for line in _text(file("blkio", "blkio.throttle.io_service_bytes")).splitlines():
        words = line.split()
        if len(words) == 3:  # a device, what was done, bytes; the last line is the sum
            read += int(words[2]) * (words[1] == "Read")
            written += int(words[2]) * (words[1] == "Write")
    return (
        _number(file("cpuacct", "cpuacct.usage")),
        _number(file("memory", "memory.usage_in_bytes")) - cached,
        _number(file("memory", "memory.limit_in_bytes")),
        read,
        written,
        _number(file("pids", "pids.current")),
    )


def _network(pid: int) -> tuple[int, int]:
    """Return the bytes received and sent on all interfaces of a process's network but the loopback."""
    received = sent = 0
    with open(f"/proc/{pid}/net/dev", encoding="utf-8") as stream:
        for line in stream.readlines()[2:]:
            name, _, numbers = line.partition(":")
            fields = numbers.split()
            if name.strip() != "lo":
                received, sent = received + int(fields[0]), sent + int(fields[8])
    return received, sent


def _text(path: str) -> str:
    """Return a file's text, empty where this machine doesn't have the controller."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def _number(path: str) -> int:
    text = _text(path).strip()
    return int(text) if text.isdigit() else 0  # "max"


def _table(path: str) -> dict[str, int]:
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}

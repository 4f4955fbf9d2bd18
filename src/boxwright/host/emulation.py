"""Whether this machine runs the programs of another architecture, by its own processor or with an emulator.

What is registered with the kernel cannot always be seen from where we are, so it is tried: a program of a few bytes
that does nothing but end is run.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import time
from typing import Literal

from boxwright.values import NamedTuple

_LOADED_AT = 0x10000
_EXECUTABLE = 2
_LOAD = 1
_READ_AND_EXECUTE = 5
_TRIES = 50
_PAUSE = 0.02


class _Machine(NamedTuple):
    """How a program for an architecture begins, and what it ends with."""

    elf: int
    """The number that ELF has for it (e_machine)."""
    bits: Literal[32, 64]
    order: Literal["<", ">"]
    exit: str
    """``exit(0)`` in machine code, in hex."""
    flags: int = 0
    """What an ELF header needs beside (e_flags)."""


_MACHINES = {
    "386": _Machine(3, 32, "<", "31db b801000000 cd80"),
    "amd64": _Machine(62, 64, "<", "31ff b83c000000 0f05"),
    "arm": _Machine(40, 32, "<", "0000a0e3 0170a0e3 000000ef", 0x05000000),
    "arm64": _Machine(183, 64, "<", "000080d2 a80b80d2 010000d4"),
    "loong64": _Machine(258, 64, "<", "04008003 0b748103 00002b00", 0x43),
    "mips64le": _Machine(8, 64, "<", "c2130224 00000424 0c000000", 0x80000007),
    "ppc64le": _Machine(21, 64, "<", "01000038 00006038 02000044", 2),
    "riscv64": _Machine(243, 64, "<", "13050000 9308d005 73000000", 5),
    "s390x": _Machine(22, 64, ">", "a7290000 a7190001 0a01"),
}


def probe(architecture: str) -> bytes | None:
    """Return a program for an architecture (as Go calls it) that ends at once with 0; None for one that isn't known."""
    machine = _MACHINES.get(architecture)
    if machine is None:
        return None
    code = bytes.fromhex(machine.exit)
    wide = machine.bits == 64
    order, word = machine.order, "Q" if wide else "I"
    header_size, entry_size = (64, 56) if wide else (52, 32)
    start = _LOADED_AT + header_size + entry_size
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    header = struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(_EXECUTABLE, machine.elf, 1, start, header_size, 0, machine.flags),
        *(header_size, entry_size, 1, 0, 0, 0),
    )
    size = header_size + entry_size + len(code)
    if wide:
        entry = (_LOAD, _READ_AND_EXECUTE, 0, _LOADED_AT, _LOADED_AT, size, size, 0x1000)
        table = struct.pack(f"{order}IIQQQQQQ", *entry)
    else:
        table = struct.pack(f"{order}IIIIIIII", _LOAD, 0, _LOADED_AT, _LOADED_AT, size, size, _READ_AND_EXECUTE, 0x1000)
    return ident + header + table + code


@functools.lru_cache(maxsize=16)
def can_run(architecture: str) -> bool:
    """Whether programs for an architecture run here; what cannot be found out counts as yes."""
    program = probe(architecture)
    return program is None or _runs(program)


def _runs(program: bytes) -> bool:
    import subprocess
    import tempfile

    # A file on a disk and not in memory alone: an emulator without the flag F opens it by its name.
    fd, path = tempfile.mkstemp(prefix="boxwright-probe-")
    try:
        with open(fd, "wb") as stream:
            stream.write(program)
            os.fchmod(fd, 0o700)
        for _ in range(_TRIES):
            try:
                done = subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
            except OSError as error:
                if error.errno == errno.ETXTBSY:  # another thread's child still has the file, until it begins
                    time.sleep(_PAUSE)
                    continue
                # Where nothing can be executed, nothing was found out.
                return error.errno not in (errno.ENOEXEC, errno.ENOENT)
            except subprocess.TimeoutExpired:
                break
            return done.returncode == 0
        return True
    finally:
        os.unlink(path)

"""Modules in programs that were written in Go: the build information that the compiler (since 1.18) leaves in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from boxwright.sbom.package import Package, clean

_MAGIC = b"\xff Go buildinf:"
_HEADER = 32
_INLINE = 2  # the flag of a header whose strings follow it
_ALIGNED = 16
_WINDOW = 64 << 10
"""Bytes at the start of the data in which Go's own reader looks for it."""
_LARGEST_TEXT = 4 << 20
_FRAME = 16
"""Bytes of marks before and after the list of modules."""
_LOAD, _WRITABLE = 1, 2
_MOST_HEADERS = 1024


def packages(stream: BinaryIO, path: str) -> Iterator[Package]:
    """Yield the modules of a program, its own first; nothing for what is no such program."""
    for place in _places(stream):
        stream.seek(place)
        window = stream.read(_WINDOW)
        start = window.find(_MAGIC)
        while start >= 0 and start % _ALIGNED:
            start = window.find(_MAGIC, start + 1)
        if start >= 0:
            yield from _read(stream, place + start, path)
            return


def _places(stream: BinaryIO) -> Iterator[int]:
    """Yield where in an ELF file the build information can be: its own section, else the writable data."""
    head = stream.read(64)
    if head[:4] != b"\x7fELF" or len(head) < 64:
        return
    order = {1: "<", 2: ">"}.get(head[5])
    if order is None or head[4] not in (1, 2):
        return
    wide = head[4] == 2
    if wide:
        programs, sections = struct.unpack_from(f"{order}QQ", head, 32)
        program_size, program_count, section_size, section_count = struct.unpack_from(f"{order}HHHH", head, 54)
    else:
        programs, sections = struct.unpack_from(f"{order}II", head, 28)
        program_size, program_count, section_size, section_count = struct.unpack_from(f"{order}HHHH", head, 42)
    if max(program_count, section_count) > _MOST_HEADERS:
        return
    if section_size == (64 if wide else 40):
        names = "QQQQ" if wide else "IIII"
        for entry in _table(stream, sections, section_size, section_count):
            kind = struct.unpack_from(f"{order}I", entry, 4)[0]
            flags, _, offset, _ = struct.unpack_from(f"{order}{names}", entry, 8)
            # .go.buildinfo is data (kind 1) that is loaded; its name isn't needed, its mark is looked for.
            if kind == 1 and flags & 3 and offset:
                yield offset
    if program_size == (56 if wide else 32):
        for entry in _table(stream, programs, program_size, program_count):
            kind = struct.unpack_from(f"{order}I", entry)[0]
            if wide:
                flags, offset = struct.unpack_from(f"{order}IQ", entry, 4)
            else:
                offset, flags = (
                    struct.unpack_from(f"{order}I", entry, 4)[0],
                    struct.unpack_from(f"{order}I", entry, 24)[0],
                )
            if kind == _LOAD and flags & _WRITABLE:
                yield offset


def _table(stream: BinaryIO, offset: int, size: int, count: int) -> list[bytes]:
    try:
        stream.seek(offset)
    except (OSError, OverflowError, ValueError):
        return []
    data = stream.read(size * count)
    return [data[index : index + size] for index in range(0, len(data) - size + 1, size)]


def _read(stream: BinaryIO, place: int, path: str) -> Iterator[Package]:
    stream.seek(place)
    head = stream.read(_HEADER)
    if len(head) < _HEADER or not head[15] & _INLINE:
        return
    version = _string(stream)
    modules = _string(stream)
    if version is None or modules is None:
        return
    release = clean(version).split(" ")[0].removeprefix("go")
    text = modules[_FRAME:-_FRAME].decode("utf-8", "replace")
    found: list[Package] = []
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        if kind in ("mod", "dep") and len(fields) >= 2:
            found.append(_module(fields[0], fields[1], path))
        elif kind == "=>" and len(fields) >= 2 and found:
            found[-1] = _module(fields[0], fields[1], path)
    if release:
        found.append(Package("golang", "stdlib", release, path))
    yield from (package for package in found if package.name)


def _module(name: str, version: str, path: str) -> Package:
    namespace, _, short = clean(name).rpartition("/")
    return Package("golang", short, "" if version == "(devel)" else clean(version), path, namespace=namespace)


def _string(stream: BinaryIO) -> bytes | None:
    """Return a string that stands behind its length in seven-bit groups; None for one that is cut or too long."""
    length = shift = 0
    while True:
        byte = stream.read(1)
        if not byte or shift > 28:
            return None
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    if length > _LARGEST_TEXT:
        return None
    data = stream.read(length)
    return data if len(data) == length else None

"""Databases of packages, made by hand, and layers that hold them."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Mapping
from pathlib import Path

from boxwright.layer.union import UnionView

DPKG = b"""Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Version: 5.2.15-2+b7
Description: GNU Bourne Again SHell
 with a line that continues
 Version: not this one

Package: libc6
Source: glibc (2.36)
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: no-version
Status: install ok installed
"""
OS_RELEASE = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n# ID=other\n'
APK = b"""C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
L:MIT
o:musl
m:Timo <t@alpine>

P:ssl_client
V:1.36.1-r5
A:x86_64
L:GPL-2.0-only
o:busybox
F:usr/bin
R:ssl_client

V:1
"""
METADATA = b"""Metadata-Version: 2.1
Name: Zope.Interface
Version: 6.1
License: ZPL 2.1
Author: Zope Foundation

Name: not this one
"""


def rpm_header(**fields: str | int) -> bytes:
    """Return a header as rpm has it: ``NAME=``, ``VERSION=`` …"""
    tags = {"NAME": 1000, "VERSION": 1001, "RELEASE": 1002, "EPOCH": 1003, "VENDOR": 1011, "LICENSE": 1014}
    tags |= {"ARCH": 1022, "SOURCERPM": 1044}
    index, data = b"", b""
    for name, value in fields.items():
        if isinstance(value, int):
            data += b"\0" * (-len(data) % 4)
            index += struct.pack(">IIII", tags[name], 4, len(data), 1)
            data += struct.pack(">I", value)
        else:
            index += struct.pack(">IIII", tags[name], 6, len(data), 1)
            data += value.encode() + b"\0"
    return struct.pack(">II", len(fields), len(data)) + index + data


def rpm_database(path: Path, headers: list[bytes]) -> bytes:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(header,) for header in headers])
    connection.close()
    return path.read_bytes()


def go_program(modules: str, *, version: str = "go1.22.3", size: int = 300_000) -> bytes:
    """Return an ELF file of 64 bits whose data begins with Go's build information."""

    def text(value: bytes) -> bytes:
        length, head = len(value), b""
        while length >= 0x80:
            head += bytes([length & 0x7F | 0x80])
            length >>= 7
        return head + bytes([length]) + value

    place = 4096
    info = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    info += text(version.encode()) + text(b"0" * 16 + modules.encode() + b"1" * 16)
    program = struct.pack("<IIQQQQQQ", 1, 6, place, place, place, len(info), len(info), 16)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return (head + program).ljust(place, b"\0") + info.ljust(size, b"\0")


def layer(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if "/bin/" in f"/{name}":
            path.chmod(0o755)
    return folder


def view(folder: Path, files: Mapping[str, bytes]) -> UnionView:
    return UnionView([layer(folder, files)])

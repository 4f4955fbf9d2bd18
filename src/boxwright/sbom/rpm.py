"""Packages of Fedora, its kin and others: rpm's database, as rpm keeps it since 4.16, an SQLite file of headers.

A header is two counts, an index of 16-byte entries (tag, type, offset, count), and the data that they point into; all
numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from boxwright.sbom.distribution import Distribution
from boxwright.sbom.package import Package, clean

_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR, _LICENCE, _ARCH, _SOURCE = 1000, 1001, 1002, 1003, 1011, 1014, 1022, 1044
_WANTED = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR, _LICENCE, _ARCH, _SOURCE})
_INT32, _STRING, _STRING_ARRAY, _I18N_STRING = 4, 6, 8, 9
_LARGEST_HEADER = 64 << 20
_MOST_ENTRIES = 65_536
_MOST_STEPS = 2_000  # of 100,000 instructions of SQLite's machine: a minute or so
_PUBLIC_KEY = "gpg-pubkey"


class MalformedHeader(ValueError):
    """A header's numbers don't fit together."""


def packages(location: str, path: str, distribution: Distribution) -> Iterator[Package]:
    """Yield the packages of the database at `location` on disk.

    Headers that are malformed are left out. Raises sqlite3.Error for what is no such database.
    """
    for blob in _blobs(location):
        try:
            tags = header(blob)
        except MalformedHeader:
            continue
        name, version = tags.get(_NAME, ""), tags.get(_VERSION, "")
        if not name or not version or name == _PUBLIC_KEY:
            continue
        release, source = tags.get(_RELEASE, ""), tags.get(_SOURCE, "")
        yield Package(
            "rpm",
            name,
            f"{version}-{release}" if release else version,
            path,
            namespace=distribution.id,
            qualifiers=(
                ("arch", tags.get(_ARCH, "")),
                ("distro", distribution.qualifier),
                ("epoch", tags.get(_EPOCH, "")),
                ("upstream", source),
            ),
            licence=tags.get(_LICENCE, ""),
            supplier=tags.get(_VENDOR, ""),
        )


def header(blob: bytes) -> dict[int, str]:
    """Return what a header says of the tags that are of interest here. Raises MalformedHeader."""
    if len(blob) < 8:
        raise MalformedHeader("too short")
    entries, length = struct.unpack_from(">II", blob)
    start = 8 + 16 * entries
    if entries > _MOST_ENTRIES or start + length > len(blob):
        raise MalformedHeader("its counts are too large")
    data = blob[start : start + length]
    found: dict[int, str] = {}
    for index in range(entries):
        tag, kind, offset, count = struct.unpack_from(">IIII", blob, 8 + 16 * index)
        if tag not in _WANTED or not count:
            continue
        if offset >= length:
            raise MalformedHeader(f"tag {tag} lies outside")
        if kind in (_STRING, _STRING_ARRAY, _I18N_STRING):
            end = data.find(b"\0", offset)
            found[tag] = clean(data[offset : end if end >= 0 else length])
        elif kind == _INT32 and offset + 4 <= length:
            found[tag] = str(struct.unpack_from(">I", data, offset)[0])
    return found


def _blobs(location: str) -> Iterator[bytes]:
    import sqlite3

    from boxwright.sbom.package import quote

    # Immutable: nothing is locked or written beside it, whatever the file says of its journal.
    connection = sqlite3.connect(f"file:{quote(location, '/')}?mode=ro&immutable=1", uri=True)
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return steps > _MOST_STEPS  # a query that never ends is given up

    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_progress_handler(tick, 100_000)
        kind = connection.execute("SELECT type FROM sqlite_master WHERE name = 'Packages'").fetchone()
        if kind != ("table",):  # a view could compute anything
            raise sqlite3.DatabaseError("it has no table of packages")
        for (blob,) in connection.execute(
            "SELECT blob FROM Packages WHERE typeof(blob) = 'blob' AND length(blob) <= ?", (_LARGEST_HEADER,)
        ):
            yield blob
    finally:
        connection.close()

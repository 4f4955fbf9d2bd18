"""Archives of every kind that ADD unpacks, and what only looks like one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path


def small_tar(name: str) -> bytes:
    """A tar with ``NAME/file`` and ``NAME-top``, whose owners and times are nobody else's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in ((f"{name}/file", b"content of " + name.encode()), (f"{name}-top", b"top")):
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.uid, member.gid = len(content), 1_111_111_111, 3, 4
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_archives(context: Path) -> None:
    """Write them into a folder."""
    (context / "plain.tar").write_bytes(small_tar("plain"))
    (context / "gz.tar.gz").write_bytes(gzip.compress(small_tar("gz"), mtime=0))
    (context / "bz.tbz").write_bytes(bz2.compress(small_tar("bz")))
    (context / "xz.tar.xz").write_bytes(lzma.compress(small_tar("xz")))
    (context / "wrong.txt").write_bytes(gzip.compress(small_tar("wrong"), mtime=0))
    (context / "twice.tar.xz.gz").write_bytes(gzip.compress(lzma.compress(small_tar("twice")), mtime=0))
    (context / "text.gz").write_bytes(gzip.compress(b"just text", mtime=0))
    (context / "named.tar").write_bytes(b"no tar at all")

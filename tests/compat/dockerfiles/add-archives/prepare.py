import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path


def _tar(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in ((f"{name}/file", b"content of " + name.encode()), (f"{name}-top", b"top")):
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.uid, member.gid = len(content), 1_111_111_111, 3, 4
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def prepare(context: Path) -> None:
    (context / "plain.tar").write_bytes(_tar("plain"))
    (context / "gz.tar.gz").write_bytes(gzip.compress(_tar("gz"), mtime=0))
    (context / "bz.tbz").write_bytes(bz2.compress(_tar("bz")))
    (context / "xz.tar.xz").write_bytes(lzma.compress(_tar("xz")))
    (context / "wrong.txt").write_bytes(gzip.compress(_tar("wrong"), mtime=0))
    (context / "twice.tar.xz.gz").write_bytes(gzip.compress(lzma.compress(_tar("twice")), mtime=0))
    (context / "text.gz").write_bytes(gzip.compress(b"just text", mtime=0))
    (context / "named.tar").write_bytes(b"no tar at all")

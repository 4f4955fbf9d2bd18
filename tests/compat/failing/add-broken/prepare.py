import io
import tarfile
from pathlib import Path


def prepare(context: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("f")
        member.size = 100_000
        tar.addfile(member, io.BytesIO(b"x" * member.size))
    (context / "broken.tar").write_bytes(buffer.getvalue()[:50_000])

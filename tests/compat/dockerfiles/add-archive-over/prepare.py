import io
import tarfile
from pathlib import Path


def prepare(context: Path) -> None:
    with tarfile.open(context / "over.tar", "w") as tar:
        for name in ("file", "dir/new", "link"):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 3, 1_111_111_111
            tar.addfile(member, io.BytesIO(b"new"))
        member = tarfile.TarInfo("dir")
        member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, 1_111_111_111
        tar.addfile(member)

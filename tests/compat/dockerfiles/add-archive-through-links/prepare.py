import io
import tarfile
from pathlib import Path


def prepare(context: Path) -> None:
    with tarfile.open(context / "links.tar", "w") as tar:
        for name in ("var/run/one", "var/up/two"):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 3, 1_111_111_111
            tar.addfile(member, io.BytesIO(b"abc"))
        member = tarfile.TarInfo("var/run/hard")
        member.type, member.linkname, member.mtime = tarfile.LNKTYPE, "var/run/one", 1_111_111_111
        tar.addfile(member)

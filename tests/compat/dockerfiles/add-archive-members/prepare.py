import io
import tarfile
from pathlib import Path

_TIME = 1_111_111_111


def _member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, _TIME
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def prepare(context: Path) -> None:
    with tarfile.open(context / "all.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_member("./", tarfile.DIRTYPE, 0o777, uid=1, gid=1))
        tar.addfile(_member("./dir", tarfile.DIRTYPE, 0o750, uid=2, gid=3))
        tar.addfile(_member("./dir/file", size=5, uid=4, gid=5), io.BytesIO(b"hello"))
        tar.addfile(_member("implied/parents/file", size=2), io.BytesIO(b"hi"))
        tar.addfile(_member("suid", mode=0o4755, size=1, uid=6, gid=7), io.BytesIO(b"s"))
        tar.addfile(_member("soft", tarfile.SYMTYPE, 0o777, linkname="dir/file"))
        tar.addfile(_member("absolute", tarfile.SYMTYPE, 0o777, linkname="/etc/passwd"))
        tar.addfile(_member("hard", tarfile.LNKTYPE, linkname="./dir/file", uid=4, gid=5))
        tar.addfile(_member("pipe", tarfile.FIFOTYPE, 0o600))
        tar.addfile(_member("null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3))
        tar.addfile(_member("n" * 120, size=1), io.BytesIO(b"n"))
        tar.addfile(_member("again", size=1), io.BytesIO(b"1"))
        tar.addfile(_member("again", size=2), io.BytesIO(b"22"))

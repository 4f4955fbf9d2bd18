"""A tiny image of the host's static busybox: two megabytes with a shell and the usual tools."""

from __future__ import annotations

import os
import struct

from boxwright.bootstrap.base import BaseImage
from boxwright.bootstrap.rootfs import RootFs
from boxwright.errors import UnsupportedError
from boxwright.host import clock, process
from boxwright.host.paths import Path, StrPath
from boxwright.oci.config import RunConfig

_PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUP = """root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
www-data:x:33:
nogroup:x:65534:
"""


def bootstrap(workdir: Path) -> BaseImage:
    """Make the busybox image in `workdir`. Raises CommandNotFound or UnsupportedError without a static busybox."""
    busybox = Path(process.require("busybox", hint="install it: apt-get install busybox-static"))
    if not is_static(busybox):
        raise UnsupportedError(
            f"{busybox} is linked dynamically, and would not start in an image of its own",
            hint="install the static one: apt-get install busybox-static",
        )
    epoch = int(os.stat(busybox).st_mtime)
    tree = RootFs(epoch)
    tree.file("bin/busybox", busybox, 0o755)
    applets = process.run([str(busybox), "--list"]).stdout.decode().split()
    for applet in applets:
        if applet != "busybox":
            tree.symlink(f"bin/{applet}", "busybox")
    for path in ("dev", "etc", "home", "proc", "sys", "usr/bin", "usr/sbin", "var/www", "var/log", "var/run"):
        tree.directory(path)
    tree.directory("root", 0o700)
    tree.directory("tmp", 0o1777)
    tree.directory("var/tmp", 0o1777)
    tree.symlink("usr/bin/env", "../../bin/busybox")
    tree.file("etc/passwd", _PASSWD.encode())
    tree.file("etc/group", _GROUP.encode())
    tree.file("etc/shadow", b"root:*:::::::\n", 0o640)
    tree.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    tar = workdir / "rootfs.tar"
    with open(tar, "wb") as out:
        tree.write(out)
    created = clock.rfc3339(epoch)
    first_line = process.run([str(busybox)], check=False).stdout.decode(errors="replace").partition("\n")[0]
    version = first_line.split()[1] if len(first_line.split()) > 1 else "unknown"
    return BaseImage(
        tar=tar,
        config=RunConfig(
            env=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",),
            cmd=("sh",),
            labels={
                "org.opencontainers.image.created": created,
                "org.opencontainers.image.title": "busybox",
                "org.opencontainers.image.version": version,
            },
        ),
        created=created,
        comment=f"busybox {version} and its {len(applets)} applets",
        tags=("busybox:latest",),
    )


def is_static(path: StrPath) -> bool:
    """Tell whether an ELF file names no interpreter (PT_INTERP), so that it starts without any library."""
    with open(path, "rb") as stream:
        header = stream.read(64)
        if header[:4] != b"\x7fELF" or header[4] != 2:
            return False
        (offset,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        stream.seek(offset)
        table = stream.read(size * count)
    return all(struct.unpack_from("<I", table, index * size)[0] != 3 for index in range(count))

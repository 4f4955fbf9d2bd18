from pathlib import Path

from support.archive_kinds import small_tar, write_archives


def prepare(context: Path) -> None:
    write_archives(context)
    (context / "dir/in.tar").write_bytes(small_tar("in"))

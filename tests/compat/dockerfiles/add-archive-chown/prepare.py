from pathlib import Path

from support.archive_kinds import write_archives


def prepare(context: Path) -> None:
    write_archives(context)

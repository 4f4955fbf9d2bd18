from pathlib import Path


def prepare(context: Path) -> None:
    (context / "dir/link").symlink_to("f")
    (context / "link").symlink_to("a.txt")

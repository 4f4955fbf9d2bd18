from pathlib import Path


def prepare(context: Path) -> None:
    (context / "link").symlink_to("a.txt")
    (context / "linkdir").symlink_to("dir")
    (context / "dir/inner").symlink_to("f")

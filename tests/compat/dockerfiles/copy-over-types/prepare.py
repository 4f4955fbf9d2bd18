from pathlib import Path


def prepare(context: Path) -> None:
    (context / "dir/three").symlink_to("/other")

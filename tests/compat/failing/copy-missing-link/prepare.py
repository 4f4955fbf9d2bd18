from pathlib import Path


def prepare(context: Path) -> None:
    (context / "out").symlink_to("../../../../etc/hostname")

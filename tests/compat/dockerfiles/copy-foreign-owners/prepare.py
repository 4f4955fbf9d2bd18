import os
from pathlib import Path


def prepare(context: Path) -> None:
    os.chown(context / "a.txt", 1000, 1001)
    os.chown(context / "dir", 12, 34)
    os.chown(context / "dir/f", 56, 78)

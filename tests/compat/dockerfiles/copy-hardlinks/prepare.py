import os
from pathlib import Path


def prepare(context: Path) -> None:
    (context / "dir").mkdir()
    os.link(context / "one", context / "two")
    os.link(context / "one", context / "dir/three")

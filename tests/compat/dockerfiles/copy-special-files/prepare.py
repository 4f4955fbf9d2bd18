import os
from pathlib import Path


def prepare(context: Path) -> None:
    (context / "empty").mkdir()
    (context / "more/empty").mkdir(parents=True)
    (context / "zero").touch()
    os.mkfifo(context / "pipe", 0o640)
    (context / "pipe").chmod(0o640)

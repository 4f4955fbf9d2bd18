import os
from pathlib import Path


def prepare(context: Path) -> None:
    os.utime(context / "old", (1, 1))
    os.utime(context / "older", (100_000_000, 100_000_000))
    os.utime(context / "precise", ns=(1_000_000_000_123_456_789, 1_000_000_000_987_654_321))
    os.utime(context / "dir/f", (1_600_000_000, 1_600_000_000))

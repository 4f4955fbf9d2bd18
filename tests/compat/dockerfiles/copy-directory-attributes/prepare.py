from pathlib import Path


def prepare(context: Path) -> None:
    (context / "src").chmod(0o750)
    (context / "src/sub").chmod(0o705)

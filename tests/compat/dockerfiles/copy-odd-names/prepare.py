from pathlib import Path


def prepare(context: Path) -> None:
    (context / "tab\tand\nnewline").write_text("odd\n")
    (context / ("n" * 255)).write_text("long\n")
    (context / "deep").joinpath(*["d" * 60] * 6).mkdir(parents=True)
    (context / "-dash").write_text("dash\n")

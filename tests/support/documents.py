"""Documents that a test types in: the blocks of a page, run in one shell in their order.

A block of ``sh`` is typed into the shell, one of ``python`` is given to python on its standard input, in the same
directory. A block of ``text`` has lines that the block before it prints, with … for anything. Others are only shown.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from boxwright import Engine, Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "----block-{}----"
_SECONDS = 240


class Block(NamedTuple):
    commands: str
    """What is typed."""
    expected: tuple[str, ...]
    """Lines that should be printed, in any place."""


def blocks(page: Path) -> list[Block]:
    """Return each block of commands of a page with the lines that should come out of it."""
    found: list[Block] = []
    for kind, body in _BLOCK.findall(page.read_text()):
        if kind == "sh":
            found.append(Block(body, ()))
        elif kind == "python":
            found.append(Block(f"python - <<'END_OF_PROGRAM'\n{body}END_OF_PROGRAM\n", ()))
        elif kind == "text":
            last = found[-1]
            found[-1] = last._replace(expected=(*last.expected, *filter(str.strip, body.splitlines())))
    return found


def pattern(line: str) -> re.Pattern[str]:
    """Return what a line of a page matches: ``…`` stands for anything, and any run of blanks for any other."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
    return re.compile(r".*".join(part for part in parts))


def check(page: Path, directory: Path) -> None:
    """Type the blocks of a page into a shell in a fresh directory, with a store of its own; assert what they print."""
    typed = blocks(page)
    script = ["set -eu"]
    for number, block in enumerate(typed):
        script += [f"echo {_MARK.format(number)}", block.commands]
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BOXWRIGHT_ROOT": str(directory / "root"),
        "DOCKER_CONFIG": str(directory / "docker"),
    }
    work = directory / "work"
    work.mkdir()
    try:
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=work,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
    finally:
        for command in ("boxwright ps -aq | xargs -r boxwright rm -f", "boxwright network prune"):
            subprocess.run(["bash", "-c", command], env=env, capture_output=True)
        with Engine(Settings.load({}, root=env["BOXWRIGHT_ROOT"])) as engine:
            shutil.rmtree(engine.wiring.run_directory, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-4000:]
    printed = re.split(rf"^{_MARK.format('[0-9]+')}$", done.stdout, flags=re.MULTILINE)[1:]
    for block, output in zip(typed, printed, strict=True):
        for line in block.expected:
            assert pattern(line).search(output), f"{line!r} is not in what this printed:\n{block.commands}\n{output}"

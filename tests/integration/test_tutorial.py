"""The tutorial does what it says: every block is typed into a shell, and what should be seen is looked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


def blocks() -> list[tuple[str, list[str]]]:
    """Return each block of commands with the lines that should come out of it."""
    found: list[tuple[str, list[str]]] = []
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE):
        if kind == "sh":
            found.append((body, []))
        elif kind == "text":
            found[-1][1].extend(body.splitlines())
    return found


def pattern(line: str) -> re.Pattern[str]:
    """`…` stands for anything, and any run of blanks for any other."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
    return re.compile(r".*".join(part for part in parts))


def test_every_block_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    mark = "----block-{}----"
    script = ["set -eu"]
    for number, (commands, _) in enumerate(blocks()):
        script += [f"echo {mark.format(number)}", commands]
    root = tmp_path / "root"
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BOXWRIGHT_ROOT": str(root),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }
    work = tmp_path / "work"
    work.mkdir()
    try:
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=work,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
    finally:
        for command in (
            "boxwright ps -aq | xargs -r boxwright rm -f",
            "boxwright network prune",
        ):
            subprocess.run(["bash", "-c", command], env=env, capture_output=True)
    assert done.returncode == 0, done.stdout[-4000:]
    printed = re.split(r"^----block-\d+----$", done.stdout, flags=re.MULTILINE)[1:]
    for (commands, expected), output in zip(blocks(), printed, strict=True):
        for line in filter(str.strip, expected):
            assert pattern(line).search(output), f"{line!r} is not in what this printed:\n{commands}\n{output}"

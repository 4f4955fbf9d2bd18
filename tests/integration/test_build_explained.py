"""``build --explain`` on real builds: what is said of a step that was done again."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root, pytest.mark.runtime]

DOCKERFILE = """FROM busybox AS made
ARG VERSION=1
WORKDIR /made
COPY src src
RUN cat src/* > all; echo {words} > /dev/null
FROM busybox
COPY --from=made /made/all /all
RUN test -s /all
"""


def explained(boxwright: Boxwright, *arguments: str | Path) -> list[str]:
    """Return the lines that explain a step, each with the number of the step."""
    step, lines = "", []
    for line in boxwright("build", "--progress=plain", "--explain", *arguments).err.splitlines():
        if line.startswith("["):
            step = line.partition("/")[0].split()[-1].lstrip("[")
        if line.strip().startswith(("rebuilt: ", "cached: ")):
            lines.append(f"{step} {line.strip()}")
    return sorted(lines)


def test_what_differs_is_named(boxwright: Boxwright, tmp_path: Path) -> None:
    folder = tmp_path / "explained"
    (folder / "src").mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE.format(words="once"))
    (folder / "src/util.c").write_text("old\n")
    boxwright.ok("build", folder)
    assert explained(boxwright, folder) == []

    (folder / "src/util.c").write_text("newer\n")
    difference = "changed (sha256 01d0… → 77e3…, 4 → 6 bytes)"
    assert explained(boxwright, folder) == [
        f"4 rebuilt: src/util.c {difference}",
        "5 rebuilt: its input from step 4 changed",
        f"7 rebuilt: all {difference}",
        "8 rebuilt: its input from step 7 changed",
    ]

    (folder / "Dockerfile").write_text(DOCKERFILE.format(words="twice"))
    assert explained(boxwright, folder) == [
        "5 rebuilt: Dockerfile:5 changed ('cat src/* > all; echo once > /dev/null'"
        " → 'cat src/* > all; echo twice > /dev/null')",
        "7 cached: step 5 gave the same bytes as before",
    ]

    assert explained(boxwright, "--build-arg", "VERSION=2", folder) == [
        "5 rebuilt: ARG VERSION changed ('1' → '2')",
        "7 cached: step 5 gave the same bytes as before",
    ]


def test_the_environment_says_how_progress_is_told(boxwright: Boxwright, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo 'on both' && echo 'sides' >&2\n")
    build = ("build", "--no-cache", tmp_path)
    lines = boxwright(*build, env={"BUILDKIT_PROGRESS": "rawjson"}).err.splitlines()
    logs = [log for line in lines for log in json.loads(line).get("logs", [])]
    assert sorted((log["stream"], base64.b64decode(log["data"])) for log in logs) == [
        (1, b"on both\n"),
        (2, b"sides\n"),
    ]
    classic = boxwright(*build, env={"BUILDKIT_PROGRESS": "classic"})
    assert "Successfully built" in classic.out
    plain = boxwright(*build, "--progress=plain", env={"BUILDKIT_PROGRESS": "rawjson"})
    assert plain.err.splitlines()[-1].startswith("built  ")
    assert boxwright(*build, env={"BUILDKIT_PROGRESS": "loud"}).code == 125

"""A build that is killed at any point leaves a store that verifies, and the next build finishes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from boxwright.host.faults import VARIABLE
from boxwright.store.fsck import check
from boxwright.store.store import Store
from support.building import Workbench

pytestmark = pytest.mark.root

DOCKERFILE = """\
FROM scratch AS tools
RUN write /tool one
FROM scratch
COPY dir /dir
ADD a.tar /in
WORKDIR /w
RUN --mount=type=cache,target=/c --mount=target=/ctx --mount=from=tools,target=/t append /dir/x more
COPY --from=tools /tool /
CMD x
"""

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.building import Workbench
from boxwright.store.store import Store
with Store.open(Path(sys.argv[2])) as store:
    Workbench(store, Path(sys.argv[3])).build(sys.argv[4], tag="made")
"""

_MOST_POINTS = 400


def test_killed_at_every_point(tmp_path: Path) -> None:
    context = tmp_path / "context"
    with Store.open(tmp_path / "first") as store:
        bench = Workbench(store, context)
        bench.write({"dir/x": "x", "dir/sub/y": "y", "f": "f"})
        subprocess.run(["tar", "-C", str(context), "-cf", str(context / "a.tar"), "f"], check=True)
        expected = bench.build(DOCKERFILE).tree()
    root = tmp_path / "root"
    deaths = 0
    for point in range(1, _MOST_POINTS):
        code = _build(root, context, point)
        with Store.open(root) as store:
            # Garbage is what a kill leaves; anything else would be damage.
            damage = [finding for finding in check(store, deep=True) if finding.severity != "garbage"]
            assert damage == [], f"killed at point {point}"
            if code == -signal.SIGKILL:
                deaths += 1
                continue
            assert code == 0
            assert Workbench(store, context).build(DOCKERFILE).tree() == expected
            assert store.images.find("made")
            break
    assert deaths > 5


def _build(root: Path, context: Path, point: int) -> int:
    """Build in a process of its own that kills itself at the given point; return its exit code."""
    tests = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tests), str(root), str(context), DOCKERFILE],
        env={**os.environ, VARIABLE: str(point)},
        stderr=subprocess.PIPE,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode

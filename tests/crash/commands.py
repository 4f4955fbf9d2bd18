"""Killing whole commands: `python -m boxwright …`, as somebody types it, dead at each of its points.

A walk runs the command once to count its points, then once for each of a sample of them (all of them with
BOXWRIGHT_CRASH_ALL=1 in the environment), each time on the store as it was prepared. After each death the store must
verify, the next command must find its way, and when everything is removed nothing of it may be left on the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.host import faults
from boxwright.host.nftables import INET, Nftables
from boxwright.network.ruleset import MAPS
from crash.crashing import assert_sound

EVERY_POINT = bool(os.environ.get("BOXWRIGHT_CRASH_ALL"))
_LOOKS, _PAUSE = 500, 0.02  # seconds
_POINT = re.compile(r"^point \d+: ", re.MULTILINE)


class Ground:
    """A store at one place, which can be put back to how it was prepared; commands that work on it."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.work = directory / "work"
        self._prepared = directory / "prepared"
        self.work.mkdir()

    def settings(self) -> Settings:
        return Settings(self.root, environ={"HOME": str(self.work)})

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with Engine(self.settings()) as engine:
            yield engine

    def keep(self) -> None:
        """Remember the store as it is now; nothing runs."""
        shutil.rmtree(self._prepared, ignore_errors=True)
        subprocess.run(["cp", "-a", self.root, self._prepared], check=True)

    def restore(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["cp", "-a", self._prepared, self.root], check=True)

    def popen(self, *argv: str, **env: str) -> subprocess.Popen[str]:
        """Start a command in the work directory."""
        return subprocess.Popen(
            [sys.executable, "-m", "boxwright", "--root", str(self.root), *argv],
            cwd=self.work,
            env={**os.environ, "HOME": str(self.work), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *argv: str, expected: Sequence[int] = (0,), **env: str) -> str:
        """Run a command to its end and return what it printed on both streams."""
        process = self.popen(*argv, **env)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode in expected, f"{argv} gave {process.returncode}: {stdout}{stderr}"
        assert "Traceback" not in stderr, stderr
        assert "bug in boxwright" not in stderr, stderr
        return stdout + stderr

    def clear(self) -> None:
        """Remove all containers and everything that was made around them, then look that nothing is left."""
        with self.engine() as engine:
            for row in engine.containers(all=True):
                engine.remove_container(row.id, force=True, volumes=True)
            engine.prune_all()
            run_directory = engine.wiring.run_directory
            networks = engine.store.networks.list()
        assert_nothing_left(self.root, Path(run_directory), [str(network.config["interface"]) for network in networks])

    def check(self, when: str) -> None:
        """Assert that the store has no damage, and that a repair makes it clean."""
        with self.engine() as engine:
            assert_sound(engine.store, when)
            engine.fsck(repair=True)
            assert engine.fsck(deep=True) == [], when


def assert_nothing_left(root: Path, run_directory: Path, bridges: Sequence[str]) -> None:
    """Assert that no process, mount, cable, published port or step of a store is left."""
    for _ in range(_LOOKS):  # a monitor ends a little later than its container
        if not processes_of(root):
            break
        time.sleep(_PAUSE)
    assert processes_of(root) == []
    assert str(root) not in Path("/proc/self/mountinfo").read_text()
    for name in ("runtime", "steps"):
        left = sorted((run_directory / name).rglob("*"))
        assert left == [], name
    for bridge in bridges:
        assert list(Path(f"/sys/class/net/{bridge}/brif").glob("*")) == []
        with Nftables() as nft:
            assert [element for name in MAPS for element in nft.elements(INET, bridge, name)] == []


def processes_of(root: Path) -> list[str]:
    """Return the command lines of monitors, runtimes, proxies and our own commands that work on a store."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as stream:
                line = stream.read().replace(b"\0", b" ").decode(errors="replace")
        except (NotADirectoryError, FileNotFoundError, ProcessLookupError):
            continue
        if f"{root}/" in line or line.endswith(f" {root}") or f" {root} " in line:
            found.append(line)
    return found


def walk(
    ground: Ground,
    argv: Sequence[str],
    afterwards: Callable[[str], None],
    *,
    most: int = 8,
    expected: Sequence[int] = (0,),
    least: int = 1,
) -> None:
    """Kill the command at a sample of `most` of its points, on the prepared store; call `afterwards` after each death.

    `expected` are the exit codes of the command when it isn't killed, `least` how many points there have to be.
    """
    ground.keep()
    named = ground.command(*argv, expected=expected, **{faults.VARIABLE: "0"})
    count = len(_POINT.findall(named))
    assert count >= least, named
    afterwards("not killed")
    stride = 1 if EVERY_POINT else -(-count // most)
    for number in range(1, count + 1, stride):
        ground.restore()
        process = ground.popen(*argv, **{faults.VARIABLE: str(number)})
        _, stderr = process.communicate(timeout=60)
        # Threads come to their points in another order each time, so the last ones may not be reached.
        assert process.returncode in (-signal.SIGKILL, *expected), stderr
        when = next((line for line in stderr.splitlines() if "killed at point" in line), f"point {number}")
        with ground.engine() as engine:
            assert_sound(engine.store, when)
        afterwards(when)

"""The boxwright command in a process of its own, with a root of its own: what its users have."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Boxwright:
    """`command` is its command line."""

    def __init__(self, root: Path) -> None:
        self.command = [sys.executable, "-P", "-m", "boxwright", "--root", str(root)]

    def run(self, *arguments: str, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.command, *arguments], capture_output=True, text=True, errors="replace", timeout=200, cwd=cwd
        )
        assert not check or done.returncode == 0, f"boxwright {arguments}: {done.stdout}\n{done.stderr}"
        return done

    def load(self, archive: Path) -> str:
        """Load an archive with one image; return its name, or its ID when it has none."""
        (line,) = self.run("load", "-q", "-i", str(archive)).stdout.splitlines()
        return line.rpartition(" ")[2]

    def image_id(self, name: str) -> str:
        return self.run("inspect", "--format", "{{.Id}}", name).stdout.strip()

    def diff_ids(self, name: str) -> list[str]:
        (value,) = json.loads(self.run("inspect", name).stdout)
        return list(value["RootFS"]["Layers"])


@contextmanager
def registry_serve(root: Path) -> Iterator[str]:
    """Run ``boxwright registry serve`` on a free port until the block ends; yields its ``host:port``."""
    argv = [sys.executable, "-P", "-u", "-m", "boxwright", "registry", "serve", "--addr", "127.0.0.1:0"]
    with open(root / "log", "wb") as log:
        server = subprocess.Popen([*argv, "--root", str(root / "data")], stdout=subprocess.PIPE, stderr=log)
    try:
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        assert "://" in line, line + (root / "log").read_text()
        yield line.partition("://")[2].split()[0]
    finally:
        server.terminate()
        server.communicate(timeout=30)

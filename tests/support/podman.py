"""podman with a store of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from support.requirements import missing, require_peer, require_root


class Podman:
    """`command` is its command line."""

    def __init__(self, program: str, home: str) -> None:
        # vfs, since the directory may itself be on an overlay.
        self.command = [program, "--root", f"{home}/root", "--runroot", f"{home}/run", "--tmpdir", f"{home}/tmp"]
        self.command += ["--storage-driver", "vfs"]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a podman command to its end."""
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"podman {arguments}: {done.stdout}\n{done.stderr}"
        return done

    def image_id(self, name: str) -> str:
        return "sha256:" + self.run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()


@contextmanager
def own_podman() -> Iterator[Podman]:
    """Give a podman whose images are gone afterwards."""
    require_root()
    program = require_peer("podman")
    with tempfile.TemporaryDirectory(prefix="bwp-") as home:  # podman wants a run root of at most 50 characters
        podman = Podman(program, home)
        trial = podman.run("info", check=False)
        if trial.returncode:
            missing("podman does not work here: " + trial.stderr[-300:])
        try:
            yield podman
        finally:
            podman.run("rmi", "--all", "--force", check=False)

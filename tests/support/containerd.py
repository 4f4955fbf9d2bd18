"""containerd with folders of its own, and ctr, its client."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.requirements import missing, require_peer, require_root

_START_SECONDS = 30.0
_SETTINGS = """
version = 2
root = "{home}/root"
state = "{home}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{home}/sock"
[ttrpc]
address = "{home}/ttrpc"
"""


class Containerd:
    """A client of one daemon. `hosts` is a folder of what it knows of registries: ``HOST/hosts.toml``."""

    def __init__(self, client: str, home: Path) -> None:
        self._command = [client, "--address", f"{home}/sock"]
        self.hosts = home / "hosts"
        self.hosts.mkdir()

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a ctr command to its end."""
        argv = [*self._command, *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"ctr {arguments}: {done.stdout}\n{done.stderr}"
        return done

    def load(self, layout: Path, name: str) -> None:
        """Have the image of an OCI layout under a name."""
        archive = layout.with_suffix(".tar")
        subprocess.run(["tar", "-C", layout, "-cf", archive, "."], check=True)
        self.run("images", "import", "--no-unpack", "--index-name", name, archive)

    def push(self, name: str, *how: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("images", "push", "--hosts-dir", self.hosts, *how, name, check=check)

    def pull(self, name: str, *how: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Pull and unpack; by copying, since a test's folders may be on an overlay themselves."""
        options = "--snapshotter", "native", "--hosts-dir", self.hosts
        return self.run("images", "pull", *options, *how, name, check=check)

    def forget(self, *names: str) -> None:
        """Remove images, and their content with them."""
        self.run("images", "rm", "--sync", *names)

    def knows(self, host: str, settings: str) -> None:
        """Have it know of a registry what ``hosts.toml`` says."""
        (self.hosts / host).mkdir()
        (self.hosts / host / "hosts.toml").write_text(settings)

    def content(self, digest: str) -> bytes:
        """Return what it has under a digest."""
        return subprocess.run([*self._command, "content", "get", digest], capture_output=True, check=True).stdout


@contextmanager
def own_containerd() -> Iterator[Containerd]:
    """Run a daemon until the block ends."""
    require_root()
    daemon, client = require_peer("containerd"), require_peer("ctr")
    with tempfile.TemporaryDirectory(prefix="bwc-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        settings = home / "config.toml"
        settings.write_text(_SETTINGS.format(home=home))
        with open(home / "log", "wb") as log:
            running = subprocess.Popen([daemon, "--config", settings], stdout=log, stderr=log)
        try:
            containerd = Containerd(client, home)
            deadline = time.monotonic() + _START_SECONDS
            while containerd.run("version", check=False).returncode:
                if running.poll() is not None or time.monotonic() > deadline:
                    missing("containerd does not start here: " + (home / "log").read_text()[-300:])
                time.sleep(0.05)
            yield containerd
        finally:
            running.terminate()
            running.wait()

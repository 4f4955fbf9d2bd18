"""docker's daemon, started by hand: with data, sockets and networks of its own, and without a trace afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boxwright.host import mounts, process
from support.requirements import missing, require_peer, require_root

_START_SECONDS = 40.0
_STOP_SECONDS = 30.0


class Docker:
    """A client for one daemon. `command` is its command line."""

    def __init__(self, client: str, home: Path) -> None:
        self.command = [client, "-H", f"unix://{home}/sock"]
        # The user's own settings stay out of it: proxies in a config.json would change every build.
        self._environment = {**os.environ, "DOCKER_CONFIG": str(home / "config")}

    def run(
        self, *arguments: str, check: bool = True, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command to its end, with `environment` added to this process's."""
        done = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=200,
            cwd=cwd,
            env={**self._environment, **environment},
        )
        assert not check or done.returncode == 0, f"docker {arguments}: {done.stdout}\n{done.stderr}"
        return done

    def image_id(self, name: str) -> str:
        return self.run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()


@contextmanager
def docker_daemon() -> Iterator[Docker]:
    """Run a daemon that touches neither bridges nor the firewall, until the block ends."""
    require_root()
    daemon, client = require_peer("dockerd"), _client()
    with tempfile.TemporaryDirectory(prefix="bwd-", ignore_cleanup_errors=True) as directory:  # sockets want it short
        home = Path(directory)
        argv = [daemon, "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid"]
        argv += ["-H", f"unix://{home}/sock", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        with open(home / "log", "wb") as log:
            running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            docker = Docker(client, home)
            _wait_for(docker, running, home / "log")
            yield docker
        finally:
            _stop(running)
            _unmount(home)


def _client() -> str:
    """Return a client that speaks with BuildKit: one before 23, or one with its plugin."""
    found = dict.fromkeys(
        path
        for directory in (*os.environ.get("PATH", "").split(":"), "/usr/bin")
        if directory and (path := process.find(f"{directory}/docker"))
    )
    for path in found:
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"version (\d+)", said)
        if version and int(version[1]) < 23:
            return path
        if subprocess.run([path, "buildx", "version"], capture_output=True).returncode == 0:
            return path
    missing("no docker client here can use BuildKit" if found else "docker is not installed")


def _wait_for(docker: Docker, daemon: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while docker.run("version", check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > give_up:
            missing("dockerd does not start here: " + log.read_text(errors="replace")[-300:])
        time.sleep(0.1)


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def _unmount(home: Path) -> None:
    """Release what a daemon that was killed has left mounted."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        target = line.split()[4]
        if target.startswith(f"{home}/"):
            mounts.detach(target)

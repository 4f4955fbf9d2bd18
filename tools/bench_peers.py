"""The tools that the benchmark compares, and the registry between them: started for it, and taken down again."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench_workloads import Tool

OURS = "boxwright"
_BRIDGE = "bwbench0"


@contextlib.contextmanager
def dockerd(work: Path) -> Iterator[list[Tool]]:
    """Start a dockerd that shares nothing with one that may be there, and yield its two builders."""
    client = shutil.which("docker", path="/usr/bin:/usr/local/bin")
    server = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if client is None or server is None:
        print("docker is not installed: left out")
        yield []
        return
    home = work / "docker"
    home.mkdir()
    address = f"unix://{home}/socket"
    # A bridge of its own: docker0 may belong to another dockerd, and starting a second one takes it away.
    subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", "172.31.240.1/24", "dev", _BRIDGE], check=True)
    subprocess.run(["ip", "link", "set", _BRIDGE, "up"], check=True)
    with open(home / "log", "wb") as log:
        daemon = subprocess.Popen(
            [
                *(server, "-H", address, "--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
                *("--pidfile", str(home / "pid"), "--bridge", _BRIDGE),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            if subprocess.run([client, "-H", address, "version"], capture_output=True).returncode == 0:
                break
            if daemon.poll() is not None:
                print("dockerd does not start here: left out")
                yield []
                return
            time.sleep(0.2)
        argv = (client, "-H", address)
        yield [Tool("docker", argv, {"DOCKER_BUILDKIT": "0"}), Tool("buildkit", argv, {"DOCKER_BUILDKIT": "1"})]
    finally:
        daemon.terminate()
        daemon.wait()
        subprocess.run(["ip", "link", "del", _BRIDGE], check=False)


@contextlib.contextmanager
def podman(work: Path) -> Iterator[list[Tool]]:
    """Yield podman on a storage of its own, with docker's habit of caching steps."""
    program = shutil.which("podman")
    if program is None:
        print("podman is not installed: left out")
        yield []
        return
    config = work / "containers.conf"
    config.write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\n'
    )
    argv = (program, "--root", str(work / "podman"), "--runroot", str(work / "podman-run"))
    tool = Tool("podman", argv, {"BUILDAH_LAYERS": "true", "CONTAINERS_CONF": str(config)}, ("--tls-verify=false",))
    try:
        yield [tool]
    finally:
        subprocess.run([*argv, "system", "reset", "--force"], capture_output=True, env={**os.environ, **tool.env})


@contextlib.contextmanager
def boxwright(work: Path) -> Iterator[list[Tool]]:
    """Yield the installed boxwright on a store of its own."""
    tool = Tool(OURS, (str(Path(sys.executable).with_name("boxwright")), "--root", str(work / "boxwright")))
    try:
        yield [tool]
    finally:
        subprocess.run([*tool.argv, "network", "prune"], capture_output=True)


@contextlib.contextmanager
def registry(work: Path) -> Iterator[str]:
    """Start a registry that everyone pushes to, Debian's docker-registry or else boxwright's own; yield its address."""
    with (distribution if shutil.which("docker-registry") else own_registry)(work) as (address, _):
        yield address


@contextlib.contextmanager
def distribution(work: Path) -> Iterator[tuple[str, int]]:
    """Start Debian's docker-registry; yield its address and process."""
    address = _free_address()
    config = work / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {work}/distribution\n"
        f"http:\n  addr: {address}\n"
    )
    with _started(["docker-registry", "serve", str(config)], address) as pid:
        yield address, pid


@contextlib.contextmanager
def own_registry(work: Path) -> Iterator[tuple[str, int]]:
    """Start boxwright's registry; yield its address and process."""
    address = _free_address()
    program = str(Path(sys.executable).with_name("boxwright"))
    serve = [program, "registry", "serve", "--addr", address, "--root", str(work / "registry")]
    quiet = ["--log-level", "error", "--access-log=false"]  # as the other one is
    with _started([*serve, *quiet], address) as pid:
        yield address, pid


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def _started(argv: list[str], address: str) -> Iterator[int]:
    """Run a server for the block, which begins when it takes connections."""
    host, _, port = address.partition(":")
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                break
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()

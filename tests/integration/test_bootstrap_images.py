"""Base images out of the host: what is made twice is the same, and what it is made for works."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

import pytest

from support.cli import Boxwright
from support.requirements import require_root, require_runtime

_PATIENCE = 600  # seconds, for what has to fetch packages
pytestmark = [pytest.mark.root, pytest.mark.runtime]


@pytest.fixture(autouse=True)
def needs() -> None:
    require_root()
    require_runtime()


def id_of(boxwright: Boxwright, name: str) -> str:
    return boxwright.ok("images", "-q", "--no-trunc", name).strip().splitlines()[0]


@pytest.mark.parametrize("what", ["busybox", "registry"])
def test_the_same_host_gives_the_same_image(boxwright: Boxwright, what: str) -> None:
    boxwright.ok("bootstrap", what)
    first = id_of(boxwright, what)
    boxwright.ok("rmi", "-f", first)
    boxwright.ok("bootstrap", what)
    assert id_of(boxwright, what) == first


@pytest.mark.slow
def test_a_debian_is_reproducible_and_apt_works_in_it(boxwright: Boxwright, tmp_path: Path) -> None:
    names = boxwright.ok("bootstrap", "-q", "debian", timeout=_PATIENCE).split()
    assert "debian:latest" in names
    suite = names[0].partition(":")[2]
    first = id_of(boxwright, "debian:latest")
    label = '{{index .Config.Labels "org.opencontainers.image.created"}}'
    created = boxwright.ok("inspect", "--format", label, "debian:latest")
    assert f"debian:{suite}-{created[:10].replace('-', '')}" in names
    boxwright.ok("rmi", "-f", first)
    boxwright.ok("bootstrap", "-q", f"debian:{suite}", timeout=_PATIENCE)
    assert id_of(boxwright, f"debian:{suite}") == first

    (tmp_path / "Dockerfile").write_text(
        f"FROM debian:{suite}\nRUN apt-get update && apt-get install -y tree && tree --version\n"
    )
    boxwright.ok("build", "-t", "with-tree", tmp_path, timeout=_PATIENCE)
    assert boxwright.ok("run", "--rm", "with-tree", "tree", "--version").startswith("tree v")
    left = boxwright.ok("run", "--rm", "with-tree", "sh", "-c", "ls /var/cache/apt /var/cache/apt/archives")
    assert ".deb" not in left
    assert ".bin" not in left


def test_the_registry_serves_from_an_image_of_its_own(boxwright: Boxwright) -> None:
    boxwright.ok("bootstrap", "registry")
    boxwright.ok("run", "-d", "-p", "5000", "--name", "hub", "registry")
    try:
        port = boxwright.ok("port", "hub", "5000").splitlines()[0].rpartition(":")[2]
        address = f"localhost:{port}"
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        boxwright.ok("bootstrap", "busybox")
        boxwright.ok("tag", "busybox", f"{address}/ada/tools:1")
        boxwright.ok("push", f"{address}/ada/tools:1")
        boxwright.ok("rmi", f"{address}/ada/tools:1")
        boxwright.ok("pull", f"{address}/ada/tools:1")
        assert boxwright.ok("run", "--rm", f"{address}/ada/tools:1", "echo", "back") == "back"
    finally:
        boxwright.ok("rm", "-f", "-v", "hub")

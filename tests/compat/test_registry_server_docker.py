"""docker's own daemon and client against our registry."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.docker_daemon import Docker
from support.registry_kit import SmallImage
from support.registry_process import ServerProcess, serving
from support.requirements import require_peer

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def docker(docker: Docker) -> list[str]:
    """The client's command line for the session's daemon."""
    return docker.command


def call(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def load(docker: list[str], folder: Path, content: bytes) -> str:
    """Give the daemon an image and return its ID."""
    archive = folder / "image.tar"
    layout = folder / "oci"
    SmallImage.of(content).write_layout(layout)
    call(require_peer("skopeo"), "copy", f"oci:{layout}:latest", f"docker-archive:{archive}:fixture:latest")
    call(*docker, "load", "--input", str(archive))
    return call(*docker, "image", "inspect", "--format", "{{.Id}}", "fixture:latest").strip()


def test_push_remove_and_pull(docker: list[str], server: ServerProcess, tmp_path: Path) -> None:
    image_id = load(docker, tmp_path, os.urandom(5_000_000))
    name = f"{server.address}/ada/static_web:v1"
    call(*docker, "tag", "fixture:latest", name)
    assert "digest: sha256:" in call(*docker, "push", name)
    call(*docker, "rmi", "fixture:latest", name)
    assert "Downloaded newer image" in call(*docker, "pull", name)
    assert call(*docker, "image", "inspect", "--format", "{{.Id}}", name).strip() == image_id


def test_a_second_repository_gets_its_layers_by_mounting(
    docker: list[str], server: ServerProcess, tmp_path: Path
) -> None:
    load(docker, tmp_path, os.urandom(1_000_000))
    first, second = (f"{server.address}/{name}:v1" for name in ("ada/first", "ada/second"))
    for name in (first, second):
        call(*docker, "tag", "fixture:latest", name)
    call(*docker, "push", first)
    assert "Mounted from ada/first" in call(*docker, "push", second)
    assert "Layer already exists" in call(*docker, "push", second)


def test_an_unknown_image_is_called_so(docker: list[str], server: ServerProcess) -> None:
    done = subprocess.run([*docker, "pull", f"{server.address}/ada/none"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "manifest unknown" in done.stderr or "not found" in done.stderr


def test_login_push_and_a_wrong_password(docker: list[str], tmp_path: Path) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    users = tmp_path / "users"
    users.write_text("ada:" + bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode() + "\n")
    load(docker, tmp_path, os.urandom(10_000))
    mine = [docker[0], "--config", str(tmp_path / "config"), *docker[1:]]
    with serving(tmp_path / "registry", auth={"htpasswd": str(users)}) as guarded:
        name = f"{guarded.address}/ada/private:v1"
        call(*docker, "tag", "fixture:latest", name)
        anonymous = subprocess.run([*mine, "push", name], capture_output=True, text=True, timeout=60)
        assert anonymous.returncode != 0
        assert "no basic auth credentials" in anonymous.stderr
        login = [*mine, "login", "--username", "ada", "--password-stdin", guarded.address]
        wrong = subprocess.run(login, input="love", capture_output=True, text=True, timeout=60)
        assert wrong.returncode != 0
        assert "401" in wrong.stderr
        right = subprocess.run(login, input="lovelace", capture_output=True, text=True, timeout=60)
        assert right.returncode == 0, right.stderr
        call(*mine, "push", name)
        call(*docker, "rmi", name)
        call(*mine, "pull", name)

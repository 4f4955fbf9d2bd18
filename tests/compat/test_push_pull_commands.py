"""What boxwright's command pushes, docker, podman and skopeo pull, and the other way round; with either registry."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.remote_servers import docker_registry
from support.boxwright_command import Boxwright, registry_serve
from support.docker_daemon import Docker
from support.podman import Podman
from support.requirements import require_peer

pytestmark = [pytest.mark.peer, pytest.mark.root, pytest.mark.runtime]

_NUMBERS = itertools.count()


@pytest.fixture(scope="module", params=["distribution", "boxwright"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("registry")
    if request.param == "boxwright":
        with registry_serve(directory) as address:
            yield address
    else:
        require_peer("docker-registry")
        with docker_registry(directory) as address:
            yield address


@pytest.fixture
def repository(registry: str) -> str:
    """A name in the registry that nobody has used yet."""
    return f"{registry}/test/image{next(_NUMBERS)}:v1"


@pytest.fixture
def pushed(boxwright: Boxwright, own_images: tuple[str, str], repository: str) -> str:
    """An image of ours in the registry."""
    boxwright.run("tag", own_images[1], repository)
    boxwright.run("push", repository)
    return repository


@pytest.fixture
def elsewhere(tmp_path: Path) -> Boxwright:
    """Another boxwright, without any images."""
    return Boxwright(tmp_path / "elsewhere")


def test_docker_pulls_what_we_push(docker: Docker, boxwright: Boxwright, pushed: str) -> None:
    docker.run("pull", pushed)
    assert docker.image_id(pushed) == boxwright.image_id(pushed)
    assert docker.run("run", "--rm", "--network", "none", pushed).stdout == "two\n"


def test_podman_pulls_what_we_push(podman: Podman, boxwright: Boxwright, pushed: str) -> None:
    podman.run("pull", "-q", "--tls-verify=false", pushed)
    assert podman.image_id(pushed) == boxwright.image_id(pushed)


def test_skopeo_copies_what_we_push(boxwright: Boxwright, elsewhere: Boxwright, pushed: str, tmp_path: Path) -> None:
    archive = tmp_path / "copied.tar"
    argv = [require_peer("skopeo"), "--insecure-policy", "copy", "--src-tls-verify=false", f"docker://{pushed}"]
    subprocess.run([*argv, f"oci-archive:{archive}:v1"], check=True, capture_output=True)
    loaded = elsewhere.load(archive)
    assert elsewhere.image_id(loaded) == boxwright.image_id(pushed)


def test_we_pull_what_docker_pushes(docker: Docker, base: str, elsewhere: Boxwright, repository: str) -> None:
    docker.run("tag", base, repository)
    docker.run("push", repository)
    elsewhere.run("pull", repository)
    assert elsewhere.image_id(repository) == docker.image_id(base)
    assert elsewhere.run("run", "--rm", "--network", "none", repository, "echo", "runs").stdout == "runs\n"


@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_we_pull_what_podman_pushes(
    podman: Podman, boxwright: Boxwright, elsewhere: Boxwright, pushed: str, form: str
) -> None:
    podman.run("pull", "-q", "--tls-verify=false", pushed)
    name = pushed.replace(":v1", f":{form}")
    podman.run("push", "--tls-verify=false", "--format", form, pushed, f"docker://{name}")
    elsewhere.run("pull", name)
    assert elsewhere.run("run", "--rm", "--network", "none", name).stdout == "two\n"
    if form == "oci":  # docker's form has a configuration of its own
        assert elsewhere.image_id(name) == boxwright.image_id(pushed)


def test_we_pull_what_we_push(boxwright: Boxwright, elsewhere: Boxwright, pushed: str) -> None:
    elsewhere.run("pull", pushed)
    assert elsewhere.image_id(pushed) == boxwright.image_id(pushed)

"""Archives travel between boxwright's commands and docker, podman and skopeo, and images stay what they are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.boxwright_command import Boxwright
from support.docker_daemon import Docker
from support.image_archive import read_docker_archive
from support.podman import Podman
from support.requirements import require_peer

pytestmark = [pytest.mark.peer, pytest.mark.root, pytest.mark.runtime]

Skopeo = Callable[..., str]


@pytest.fixture
def skopeo() -> Skopeo:
    program = require_peer("skopeo")

    def run(*arguments: str) -> str:
        done = subprocess.run([program, "--insecure-policy", *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"skopeo {arguments}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def elsewhere(tmp_path: Path) -> Boxwright:
    """Another boxwright, without any images."""
    return Boxwright(tmp_path / "elsewhere")


@pytest.fixture
def saved(boxwright: Boxwright, own_images: tuple[str, str], tmp_path: Path) -> Path:
    """Both images in a docker archive."""
    archive = tmp_path / "ours.tar"
    boxwright.run("save", "-o", str(archive), *own_images)
    return archive


@pytest.fixture
def saved_oci(boxwright: Boxwright, own_images: tuple[str, str], tmp_path: Path) -> Path:
    """The second image in an OCI archive."""
    archive = tmp_path / "ours-oci.tar"
    boxwright.run("save", "--format", "oci-archive", "-o", str(archive), own_images[1])
    return archive


@pytest.fixture
def theirs(docker: Docker, base: str, tmp_path: Path) -> str:
    """The name of an image that docker built."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM {base}\nRUN mkdir /d && echo 1 > /d/f && ln /d/f /d/hard && chmod 4711 /d/f\nRUN rm -r /d && mkdir /d\n"
        'VOLUME /v\nCMD ["cat", "/etc/group"]\n'
    )
    docker.run("build", "--network", "none", "-t", "theirs:1", str(context), DOCKER_BUILDKIT="1")
    return "theirs:1"


def test_docker_loads_and_runs_what_we_save(
    docker: Docker, boxwright: Boxwright, own_images: tuple[str, str], saved: Path
) -> None:
    docker.run("load", "-i", str(saved))
    for name in own_images:
        assert docker.image_id(name) == boxwright.image_id(name)
    assert docker.run("run", "--rm", "--network", "none", own_images[1]).stdout == "two\n"
    shown = docker.run("run", "--rm", "--network", "none", own_images[0], "stat", "-c", "%A %h %u", "/d/one", "/d/suid")
    assert shown.stdout == "-rw-r--r-- 2 0\n-rwsr-xr-x 1 5\n"


def test_podman_loads_what_we_save(
    podman: Podman, boxwright: Boxwright, own_images: tuple[str, str], saved: Path
) -> None:
    podman.run("load", "-i", str(saved))
    for name in own_images:
        assert podman.image_id(name) == boxwright.image_id(name)


def test_podman_loads_our_oci_archive(
    podman: Podman, boxwright: Boxwright, own_images: tuple[str, str], saved_oci: Path
) -> None:
    loaded = podman.run("load", "-q", "-i", str(saved_oci)).stdout.split()[-1]
    assert podman.image_id(loaded) == boxwright.image_id(own_images[1])


def test_skopeo_reads_both_forms(skopeo: Skopeo, own_images: tuple[str, str], saved: Path, saved_oci: Path) -> None:
    name = own_images[1]
    docker_form = skopeo("inspect", "--config", "--raw", f"docker-archive:{saved}:{name}")
    assert skopeo("inspect", "--config", "--raw", f"oci-archive:{saved_oci}") == docker_form
    for source in (f"docker-archive:{saved}:{name}", f"oci-archive:{saved_oci}"):
        skopeo("copy", source, f"dir:{saved.parent}/copy")  # unpacks every layer, compares it with its DiffID


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_we_load_what_skopeo_writes(
    skopeo: Skopeo,
    boxwright: Boxwright,
    elsewhere: Boxwright,
    own_images: tuple[str, str],
    saved: Path,
    form: str,
) -> None:
    name = own_images[1]
    archive = saved.parent / "skopeo.tar"
    skopeo("copy", f"docker-archive:{saved}:{name}", f"{form}:{archive}:{name}")
    loaded = elsewhere.load(archive)
    # Between docker's form and OCI's the configuration is written anew.
    assert elsewhere.diff_ids(loaded) == boxwright.diff_ids(name)


def test_we_load_what_docker_saves(docker: Docker, theirs: str, elsewhere: Boxwright, tmp_path: Path) -> None:
    archive, again = tmp_path / "theirs.tar", tmp_path / "again.tar"
    docker.run("save", "-o", str(archive), theirs)
    assert elsewhere.load(archive) == theirs
    assert elsewhere.image_id(theirs) == docker.image_id(theirs)
    elsewhere.run("save", "-o", str(again), theirs)
    ours, original = (read_docker_archive(path)[theirs] for path in (again, archive))
    assert (ours.id, ours.config) == (original.id, original.config)
    assert ours.layers == original.layers
    assert elsewhere.run("run", "--rm", "--network", "none", theirs).stdout.startswith("root:x:0:")


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_we_load_what_podman_saves(
    podman: Podman, boxwright: Boxwright, elsewhere: Boxwright, own_images: tuple[str, str], saved: Path, form: str
) -> None:
    podman.run("load", "-i", str(saved))
    archive, name = saved.parent / "podman.tar", own_images[1]
    podman.run("save", "-q", "--format", form, "-o", str(archive), name)
    loaded = elsewhere.load(archive)
    assert loaded.endswith(name)
    assert elsewhere.diff_ids(loaded) == boxwright.diff_ids(name)
    if form == "docker-archive":
        assert elsewhere.image_id(loaded) == boxwright.image_id(name)


def test_what_comes_back_is_the_same_image(
    docker: Docker, boxwright: Boxwright, elsewhere: Boxwright, own_images: tuple[str, str], saved: Path
) -> None:
    docker.run("load", "-i", str(saved))
    archive = saved.parent / "back.tar"
    docker.run("save", "-o", str(archive), *own_images)
    elsewhere.run("load", "-i", str(archive))
    for name in own_images:
        assert elsewhere.image_id(name) == boxwright.image_id(name)

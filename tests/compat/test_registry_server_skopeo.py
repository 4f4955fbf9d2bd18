"""skopeo and podman against our registry."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.host import process
from boxwright.oci import media
from support.registry_kit import SmallImage, descriptor, digest_of
from support.registry_process import PlainClient, ServerProcess, serving

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def skopeo(tmp_path: Path) -> str:
    found = process.find("skopeo")
    if found is None:
        pytest.skip("skopeo is not installed")
    return found


def call(*argv: str | Path) -> str:
    done = subprocess.run([str(one) for one in argv], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_an_oci_layout_there_and_back(skopeo: str, server: ServerProcess, tmp_path: Path) -> None:
    image = SmallImage.of(os.urandom(3_000_000))
    image.write_layout(tmp_path / "oci")
    remote = f"docker://{server.address}/ada/oci:v1"
    call(skopeo, "copy", "--dest-tls-verify=false", f"oci:{tmp_path}/oci:latest", remote)
    call(skopeo, "copy", "--src-tls-verify=false", remote, f"dir:{tmp_path}/dir")
    assert (tmp_path / "dir" / "manifest.json").read_bytes() == image.manifest
    assert (tmp_path / "dir" / digest_of(image.layer).partition(":")[2]).read_bytes() == image.layer
    seen = json.loads(call(skopeo, "inspect", "--tls-verify=false", remote))
    assert (seen["Digest"], seen["RepoTags"]) == (digest_of(image.manifest), ["v1"])


def test_dockers_schema_and_a_second_tag(skopeo: str, server: ServerProcess, tmp_path: Path) -> None:
    SmallImage.of(b"v2s2\n").write_layout(tmp_path / "oci")
    remote = f"docker://{server.address}/ada/v2s2"
    call(skopeo, "copy", "--dest-tls-verify=false", "--format=v2s2", f"oci:{tmp_path}/oci:latest", f"{remote}:a")
    call(skopeo, "copy", "--src-tls-verify=false", "--dest-tls-verify=false", f"{remote}:a", f"{remote}:b")
    manifest = json.loads(call(skopeo, "inspect", "--raw", "--tls-verify=false", f"{remote}:b"))
    assert manifest["mediaType"] == media.DOCKER_MANIFEST
    assert json.loads(call(skopeo, "list-tags", "--tls-verify=false", remote))["Tags"] == ["a", "b"]


def test_an_index_with_all_its_images(skopeo: str, server: ServerProcess, tmp_path: Path) -> None:
    images = [SmallImage.of(f"image {number}\n".encode()) for number in range(2)]
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [
                descriptor(media.OCI_MANIFEST, image.manifest, platform={"os": "linux", "architecture": architecture})
                for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
            ],
        }
    ).encode()
    remote = f"docker://{server.address}/ada/many"
    with PlainClient(server.address) as client:
        for image in images:
            client.push("ada/one", digest_of(image.manifest), image, [])
            client.push("ada/many", digest_of(image.manifest), image, [])
        assert client.call("PUT", "/v2/ada/many/manifests/all", index, Content_Type=media.OCI_INDEX)[0] == 201
    both = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    call(skopeo, "copy", "--all", *both, f"{remote}:all", f"docker://{server.address}/ada/copy:all")
    copied = call(skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{server.address}/ada/copy:all")
    assert copied.encode() == index
    call(skopeo, "copy", "--src-tls-verify=false", f"{remote}:all", f"dir:{tmp_path}/one")
    assert (tmp_path / "one" / "manifest.json").read_bytes() == images[0].manifest


def test_deleting_an_image(skopeo: str, server: ServerProcess, tmp_path: Path) -> None:
    SmallImage.of(b"to be deleted\n").write_layout(tmp_path / "oci")
    remote = f"docker://{server.address}/ada/gone:v1"
    call(skopeo, "copy", "--dest-tls-verify=false", f"oci:{tmp_path}/oci:latest", remote)
    call(skopeo, "delete", "--tls-verify=false", remote)
    refused = subprocess.run([skopeo, "inspect", "--tls-verify=false", remote], capture_output=True, text=True)
    assert refused.returncode != 0
    assert "manifest unknown" in refused.stderr.lower()


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[list[str]]:
    """podman with a store of its own."""
    found = process.find("podman")
    if found is None:
        pytest.skip("podman is not installed")
    # podman wants a run root of at most 50 characters.
    with tempfile.TemporaryDirectory(prefix="podman") as runroot:
        storage = ["--root", str(tmp_path / "store"), "--runroot", runroot, "--storage-driver", "vfs"]
        yield from _working_podman([found, *storage, "--tmpdir", f"{runroot}/tmp"])


def _working_podman(command: list[str]) -> Iterator[list[str]]:
    trial = subprocess.run([*command, "info"], capture_output=True, text=True, timeout=60)
    if trial.returncode:
        pytest.skip("podman does not work here: " + trial.stderr[-300:])
    yield command
    subprocess.run([*command, "rmi", "--all", "--force"], capture_output=True, timeout=60)


@pytest.mark.root
@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_podman_push_and_pull(podman: list[str], server: ServerProcess, tmp_path: Path, form: str) -> None:
    SmallImage.of(b"podman\n" + form.encode()).write_layout(tmp_path / "oci")
    call(*podman, "pull", f"oci:{tmp_path}/oci:latest")
    (image_id,) = call(*podman, "images", "--quiet", "--no-trunc").split()
    name = f"{server.address}/ada/podman-{form}:v1"
    call(*podman, "push", "--tls-verify=false", "--format", form, image_id, f"docker://{name}")
    call(*podman, "rmi", "--all", "--force")
    call(*podman, "pull", "--tls-verify=false", name)
    assert call(*podman, "images", "--quiet", "--no-trunc").split() == [image_id]

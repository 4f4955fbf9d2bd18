"""skopeo, podman and docker against our registry over TLS, with an authority that only this test knows."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import CertificateAuthority
from support.docker_daemon import Docker
from support.podman import own_podman
from support.registry_kit import SmallImage, digest_of
from support.registry_process import ServerProcess, serving
from support.requirements import require_peer

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module", params=["optional", "required"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> Iterator[ServerProcess]:
    """A registry that asks clients for a certificate, or even wants one."""
    signed = authority.sign("server")
    files = {"cert": str(signed.certificate), "key": str(signed.key), "client-ca": str(authority.certificate)}
    with serving(tmp_path_factory.mktemp("registry"), tls={**files, "client": request.param}) as running:
        yield running


@pytest.fixture
def certificates(tmp_path: Path, authority: CertificateAuthority) -> Path:
    """A folder as they read it: the authority, and a certificate of our own."""
    folder = tmp_path / "certs"
    folder.mkdir()
    mine = authority.sign("ada")
    shutil.copy(authority.certificate, folder / "ca.crt")
    shutil.copy(mine.certificate, folder / "client.cert")
    shutil.copy(mine.key, folder / "client.key")
    return folder


def call(*argv: str | Path, check: bool = True) -> str:
    done = subprocess.run([str(one) for one in argv], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"


def test_skopeo(server: ServerProcess, certificates: Path, tmp_path: Path) -> None:
    skopeo = require_peer("skopeo")
    image = SmallImage.of(os.urandom(12_000_000))  # so much that it goes past the parser
    image.write_layout(tmp_path / "oci")
    remote = f"docker://{server.address}/ada/skopeo:v1"
    call(skopeo, "copy", "--dest-cert-dir", certificates, f"oci:{tmp_path}/oci:latest", remote)
    call(skopeo, "copy", "--src-cert-dir", certificates, remote, f"dir:{tmp_path}/dir")
    assert (tmp_path / "dir" / digest_of(image.layer).partition(":")[2]).read_bytes() == image.layer
    assert "certificate" in call(skopeo, "inspect", remote, check=False)
    call(skopeo, "delete", "--cert-dir", certificates, remote)
    assert call(skopeo, "inspect", "--cert-dir", certificates, remote, check=False).startswith("failed")


def test_podman(server: ServerProcess, certificates: Path, tmp_path: Path) -> None:
    SmallImage.of(os.urandom(100_000)).write_layout(tmp_path / "oci")
    name = f"{server.address}/ada/podman:v1"
    with own_podman() as podman:
        podman.run("pull", "--quiet", f"oci:{tmp_path}/oci:latest")
        image_id = podman.run("images", "--quiet", "--no-trunc").stdout.strip()
        podman.run("push", "--cert-dir", str(certificates), image_id, f"docker://{name}")
        podman.run("rmi", "--all", "--force")
        podman.run("pull", "--quiet", "--cert-dir", str(certificates), name)
        assert podman.image_id(name) == image_id


def test_docker(docker: Docker, authority: CertificateAuthority, tmp_path: Path) -> None:
    """docker asks for HTTPS first, also on loopback, where it takes any certificate."""
    archive, layout = tmp_path / "image.tar", tmp_path / "oci"
    SmallImage.of(os.urandom(12_000_000)).write_layout(layout)
    call(require_peer("skopeo"), "copy", f"oci:{layout}:latest", f"docker-archive:{archive}:tls:latest")
    docker.run("load", "--input", str(archive))
    image_id = docker.image_id("tls:latest")
    signed = authority.sign("server")
    with serving(tmp_path / "reg", tls={"cert": str(signed.certificate), "key": str(signed.key)}) as server:
        name = f"{server.address}/ada/docker:v1"
        docker.run("tag", "tls:latest", name)
        docker.run("push", name)
        docker.run("rmi", "tls:latest", name)
        docker.run("pull", name)
        assert docker.image_id(name) == image_id
        docker.run("rmi", name)

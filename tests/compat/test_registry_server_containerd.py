"""containerd's ctr against our registry: over plain HTTP, over TLS with an authority of its own, with tokens, and
through a mirror."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.hub.db.database import default_url
from support.certificates import CertificateAuthority
from support.containerd import Containerd, own_containerd
from support.hub_kit import BY, PASSWORD, house, populate
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, ServerProcess, serving

pytestmark = [pytest.mark.peer, pytest.mark.root]


@pytest.fixture(scope="module")
def containerd() -> Iterator[Containerd]:
    with own_containerd() as running:
        yield running


@pytest.fixture
def image(containerd: Containerd, tmp_path: Path) -> Iterator[SmallImage]:
    """An image that containerd has as `mine`."""
    made = SmallImage.of(os.urandom(2_000_000))
    made.write_layout(tmp_path / "oci")
    containerd.load(tmp_path / "oci", "mine")
    yield made
    containerd.forget("mine")


def comes_back(containerd: Containerd, image: SmallImage, name: str, *how: str) -> None:
    """Push what is `mine` under a name, forget it, and pull it."""
    containerd.run("images", "tag", "mine", name)
    containerd.push(name, *how)
    containerd.forget("mine", name)
    containerd.pull(name, *how)
    assert containerd.content(digest_of(image.layer)) == image.layer
    containerd.run("images", "tag", name, "mine")
    containerd.forget(name)


def test_plain_http_and_a_second_repository(containerd: Containerd, image: SmallImage, tmp_path: Path) -> None:
    with serving(tmp_path / "reg") as server:
        comes_back(containerd, image, f"{server.address}/ctr/one:v1")
        comes_back(containerd, image, f"{server.address}/ctr/two:v1")  # mounts
        with PlainClient(server.address) as client:
            for name in ("one", "two"):
                assert client.call("GET", f"/v2/ctr/{name}/blobs/{digest_of(image.layer)}") == (200, image.layer)


def test_tls(containerd: Containerd, image: SmallImage, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    signed = authority.sign("server")
    with serving(tmp_path / "reg", tls={"cert": str(signed.certificate), "key": str(signed.key)}) as server:
        host = f'server = "https://{server.address}"\n[host."https://{server.address}"]\n'
        containerd.knows(server.address, f'{host}ca = "{authority.certificate}"\n')
        comes_back(containerd, image, f"{server.address}/ctr/tls:v1")


def test_tokens(containerd: Containerd, image: SmallImage, tmp_path: Path) -> None:
    root = tmp_path / "hub"
    root.mkdir()
    with house(default_url(root)) as made:
        populate(made)
        made.directory.set_flags("ada", BY, public=True)
    with serving(root, hub=True) as server:
        name = f"{server.address}/ada/ctr:v1"
        containerd.run("images", "tag", "mine", name)
        assert "insufficient_scope" in containerd.push(name, check=False).stderr
        assert "401" in containerd.push(name, "--user", "ada:wrong horse", check=False).stderr
        containerd.push(name, "--user", f"ada:{PASSWORD}")
        containerd.forget(name, "mine")
        containerd.pull(name)  # anonymously, from the same address
        assert containerd.content(digest_of(image.manifest)) == image.manifest
        containerd.run("images", "tag", name, "mine")
        containerd.forget(name)


def test_a_mirror_of_docker_hub(containerd: Containerd, image: SmallImage, tmp_path: Path) -> None:
    containerd.forget("mine")
    with serving(tmp_path / "theirs") as upstream:
        with PlainClient(upstream.address) as client:
            client.push("library/busy", "v1", image, [])
        section = {"prefix": "docker.io", "url": f"http://{upstream.address}", "ns": ["docker.io"], "library": True}
        server = ServerProcess(tmp_path / "ours", **{"[upstream]": section})
        try:
            mirror = f'[host."http://{server.address}"]\ncapabilities = ["pull", "resolve"]\n'
            containerd.knows("docker.io", f'server = "http://127.0.0.1:1"\n{mirror}')
            containerd.pull("docker.io/library/busy:v1")
        finally:
            server.kill()
    assert containerd.content(digest_of(image.layer)) == image.layer
    containerd.run("images", "tag", "docker.io/library/busy:v1", "mine")
    containerd.forget("docker.io/library/busy:v1")

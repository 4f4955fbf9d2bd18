"""A server with upstreams as a process: its configuration, its database, a client that knows mirrors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from boxwright.host import process
from integration.remote_servers import docker_registry
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, ServerProcess, serving
from support.requirements import require_peer


def mirroring(root: Path, upstream: str, **more: object) -> ServerProcess:
    section = {"prefix": "up", "url": f"http://{upstream}", "ns": ["docker.io"], **more}
    return ServerProcess(root, **{"[upstream]": section})


def test_what_was_fetched_outlives_the_upstream_and_the_server(tmp_path: Path) -> None:
    image = SmallImage.of(os.urandom(3 << 20))
    with serving(tmp_path / "theirs") as upstream:
        with PlainClient(upstream.address) as client:
            client.push("a/b", "v1", image, [])
        server = mirroring(tmp_path / "ours", upstream.address)
        try:
            with PlainClient(server.address) as client:
                status, content = client.call("GET", "/v2/up/a/b/manifests/v1")
                assert (status, content) == (200, image.manifest)
                for blob in image.blobs:
                    assert client.call("GET", f"/v2/up/a/b/blobs/{digest_of(blob)}") == (200, blob)
                assert client.call("PUT", "/v2/up/a/b/manifests/v2", image.manifest)[0] == 405
        finally:
            server.kill()
    server = mirroring(tmp_path / "ours", "127.0.0.1:1", check="1ms")
    try:
        with PlainClient(server.address) as client:
            client.verify([f"/v2/up/a/b/manifests/{tag}" for tag in ("v1", digest_of(image.manifest))])
            assert json.loads(client.call("GET", "/v2/a/b/tags/list?ns=docker.io")[1])["tags"] == ["v1"]
    finally:
        server.kill()


@pytest.mark.peer
def test_distribution_is_mirrored_for_skopeo(tmp_path: Path) -> None:
    """Distribution has no referrers API: an upstream as many are."""
    skopeo = require_peer("skopeo")
    require_peer("docker-registry")
    image = SmallImage.of(os.urandom(200_000))
    image.write_layout(_folder(tmp_path / "in"))
    with docker_registry(tmp_path) as upstream:
        process.run(
            [skopeo, "copy", "--dest-tls-verify=false", f"oci:{tmp_path / 'in'}:latest", f"docker://{upstream}/a/b:v1"]
        )
        server = mirroring(tmp_path / "ours", upstream)
        try:
            here = f"docker://{server.address}/up/a/b:v1"
            process.run([skopeo, "copy", "--src-tls-verify=false", here, f"oci:{tmp_path / 'out'}:latest"])
            with PlainClient(server.address) as client:
                status, content = client.call("GET", f"/v2/up/a/b/referrers/{digest_of(image.manifest)}")
                assert (status, json.loads(content)["manifests"]) == (200, [])
        finally:
            server.kill()
    name = digest_of(image.layer).partition(":")[2]
    assert (tmp_path / "out" / "blobs" / "sha256" / name).read_bytes() == image.layer


def _folder(path: Path) -> Path:
    path.mkdir()
    return path

"""What is attached to an image goes where the image goes, in registries that know referrers and in those that don't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.oci.reference import Reference
from boxwright.remote import referrers
from boxwright.remote.client import RegistryClient
from boxwright.remote.outgoing import hold
from boxwright.remote.push import push
from boxwright.store import fsck, gc
from boxwright.store.attachments import attach
from boxwright.store.images import ImageNotFound
from boxwright.store.removal import remove_image
from boxwright.store.store import Store
from integration.remote_images import make_image
from integration.remote_servers import docker_registry
from support.registry_process import PlainClient, serving

_BILL, _TYPE = b'{"packages":[]}', "application/spdx+json"


def _pushed(store: Store, name: str) -> tuple[str, str]:
    """Push an image with something attached, twice; return its digest and the artifact's."""
    record = make_image(store, {"file": b"content"})
    attach(store, record.id, _TYPE, _TYPE, _BILL, {"a": "b"})
    reference = Reference.parse(name)
    with RegistryClient(reference.domain, insecure=True) as client, hold(store, record) as outgoing:
        for _ in range(2):
            result = push(client, reference, outgoing)
        artifact = referrers.artifact(result.descriptor, outgoing.attachments[0])
        assert client.fetch(reference._replace(tag=None, digest=artifact.digest)).raw == artifact.raw
    return str(result.digest), str(artifact.digest)


def test_a_registry_that_knows_referrers(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store, serving(tmp_path / "registry") as server:
        digest, artifact = _pushed(store, f"{server.address}/ada/web:1")
        with PlainClient(server.address) as client:
            _, content = client.call("GET", f"/v2/ada/web/referrers/{digest}")
        (entry,) = json.loads(content)["manifests"]
        assert (entry["digest"], entry["artifactType"], entry["annotations"]) == (artifact, _TYPE, {"a": "b"})


def test_a_registry_that_does_not(tmp_path: Path) -> None:
    with docker_registry(tmp_path) as domain, Store.open(tmp_path / "store") as store:
        digest, artifact = _pushed(store, f"{domain}/ada/web:1")
        with PlainClient(domain) as client:
            tag = digest.replace(":", "-")
            accept = "application/vnd.oci.image.index.v1+json"
            _, content = client.call("GET", f"/v2/ada/web/manifests/{tag}", Accept=accept)
        (entry,) = json.loads(content)["manifests"]
        assert (entry["digest"], entry["artifactType"]) == (artifact, _TYPE)


def test_what_is_attached_goes_with_the_image(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        record = make_image(store, {"file": b"content"})
        digest = attach(store, record.id, _TYPE, _TYPE, _BILL)
        assert attach(store, record.id, _TYPE, _TYPE, _BILL) == digest
        gc.collect(store)
        assert store.blobs.has(digest)
        assert fsck.check(store, deep=True) == []
        remove_image(store, record.id)
        assert not store.blobs.has(digest)
        with pytest.raises(ImageNotFound):
            attach(store, record.id, _TYPE, _TYPE, _BILL)
        gc.collect(store)
        assert fsck.check(store, deep=True) == []

"""`pull --all-tags`, `--all-platforms`, `--referrers` and `push --compression`, against our own registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.reference import Reference
from boxwright.remote import referrers
from boxwright.remote.client import RegistryClient
from support.boxwright_command import Boxwright
from support.registry_kit import SmallImage, descriptor, digest_of
from support.registry_process import PlainClient, serving

pytestmark = pytest.mark.root

_TYPE = "application/spdx+json"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "registry") as process:
        yield process.address


@pytest.fixture
def boxwright(tmp_path: Path) -> Boxwright:
    return Boxwright(tmp_path / "store")


def _image(architecture: str) -> SmallImage:
    made = SmallImage.of(architecture.encode())
    config = json.dumps({**json.loads(made.config), "architecture": architecture}).encode()
    value = {**json.loads(made.manifest), "config": descriptor(media.OCI_CONFIG, config)}
    return SmallImage(made.layer, config, json.dumps(value).encode())


def test_every_tag_is_pulled(server: str, boxwright: Boxwright) -> None:
    with PlainClient(server) as client:
        for tag in ("1", "2", digest_of(b"x").replace(":", "-") + ".sig"):
            client.push("ada/web", tag, SmallImage.of(tag.encode()), [])
    shown = boxwright.run("pull", "--all-tags", "-q", f"{server}/ada/web").stdout.splitlines()
    assert shown == [f"{server}/ada/web:1", f"{server}/ada/web:2"]
    refused = boxwright.run("pull", "-a", f"{server}/ada/web:1", check=False)
    assert "names one tag, and all were asked for" in refused.stderr


def test_every_platform_is_pulled_and_pushed(server: str, boxwright: Boxwright) -> None:
    images = {name: _image(name) for name in ("amd64", "arm64")}
    entries = []
    with PlainClient(server) as client:
        for name, image in images.items():
            client.push("ada/web", digest_of(image.manifest), image, [])
            platform = {"architecture": name, "os": "linux"}
            entries.append(descriptor(image.media_type, image.manifest, platform=platform))
        attestation = {**entries[0], "platform": {"architecture": "unknown", "os": "unknown"}}
        value = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [*entries, attestation]}
        raw = json.dumps(value).encode()
        assert client.call("PUT", "/v2/ada/web/manifests/1", raw, Content_Type=media.OCI_INDEX)[0] == 201
    name = f"{server}/ada/web:1"
    pulled = boxwright.run("pull", "--all-platforms", name).stdout.splitlines()[-3]
    assert pulled == f"pulled  {name}@{digest_of(raw)}"
    again = boxwright.run("pull", "--all-platforms", name).stdout.splitlines()[-3]
    assert again.startswith("up to date")
    boxwright.run("fsck")
    boxwright.run("push", name)
    shown = json.loads(boxwright.run("registry", "inspect", "--raw", name).stdout)
    assert [(entry["digest"], entry["platform"]["architecture"]) for entry in shown["manifests"]] == [
        (digest_of(image.manifest), name) for name, image in images.items()
    ]
    contradiction = boxwright.run("pull", "--all-platforms", "--platform", "arm64", name, check=False)
    assert "contradict" in contradiction.stderr


def test_what_refers_to_an_image_comes_along_and_goes_on(server: str, boxwright: Boxwright) -> None:
    image, bill = SmallImage.of(b"hello\n"), b'{"packages":[]}'
    with PlainClient(server) as client:
        client.push("ada/web", "1", image, [])
        for data in (b"{}", bill):
            client.call("POST", f"/v2/ada/web/blobs/uploads/?digest={digest_of(data)}", data)
        artifact = {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "artifactType": _TYPE,
            "config": descriptor(media.OCI_EMPTY, b"{}"),
            "layers": [descriptor(_TYPE, bill)],
            "subject": descriptor(media.OCI_MANIFEST, image.manifest),
            "annotations": {"by": "ada"},
        }
        raw = json.dumps(artifact).encode()
        target = f"/v2/ada/web/manifests/{digest_of(raw)}"
        assert client.call("PUT", target, raw, Content_Type=media.OCI_MANIFEST)[0] == 201
    boxwright.run("pull", f"{server}/ada/web:1")
    assert boxwright.run("attestations", f"{server}/ada/web:1").stdout.split() == ["KIND", "TYPE", "DIGEST", "SIZE"]
    boxwright.run("pull", "--referrers", f"{server}/ada/web:1")
    assert boxwright.run("attestations", "--show", "spdx", f"{server}/ada/web:1").stdout.strip() == bill.decode()
    boxwright.run("tag", f"{server}/ada/web:1", f"{server}/eva/web:1")
    boxwright.run("push", "--referrers=false", f"{server}/eva/web:1")
    with RegistryClient(server, insecure=True) as client:
        assert referrers.listed(client, "eva/web", Digest(digest_of(image.manifest))) == []
    boxwright.run("push", f"{server}/eva/web:1")
    with RegistryClient(server, insecure=True) as client:
        (entry,) = referrers.listed(client, "eva/web", Digest(digest_of(image.manifest)))
    assert (entry.artifact_type, entry.annotations) == (_TYPE, {"by": "ada"})


def test_layers_are_packed_as_it_is_said(server: str, boxwright: Boxwright) -> None:
    with PlainClient(server) as client:
        client.push("ada/web", "1", SmallImage.of(b"hello\n"), [])
    boxwright.run("pull", f"{server}/ada/web:1")
    boxwright.run("tag", f"{server}/ada/web:1", f"{server}/eva/web:1")

    def types() -> list[str]:
        with RegistryClient(server, insecure=True) as client:
            manifest = client.fetch(Reference(server, "eva/web", "1"))
        return [layer["mediaType"] for layer in json.loads(manifest.raw)["layers"]]

    boxwright.run("push", "--compression", "zstd", f"{server}/eva/web:1")
    assert types() == [media.OCI_LAYER_GZIP]  # it came so
    boxwright.run("push", "--compression", "zstd:5", "--force-compression", f"{server}/eva/web:1")
    assert types() == [media.OCI_LAYER_ZSTD]
    refused = boxwright.run("push", "--compression", "xz", f"{server}/eva/web:1", check=False)
    assert refused.stderr.startswith("error: invalid compression 'xz'")
    too_much = boxwright.run("push", "--limit-rate", "quick", f"{server}/eva/web:1", check=False)
    assert too_much.stderr.startswith("error: invalid rate 'quick'")

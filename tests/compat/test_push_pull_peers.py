"""What skopeo and podman push, we pull; what we push, they pull."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boxwright.host import process
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.credential_file import CredentialFile
from boxwright.remote.credentials import Credential
from boxwright.remote.outgoing import hold
from boxwright.remote.pull import PullResult, pull
from boxwright.remote.push import push
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from integration.remote_images import AMD64, assert_sound, content, make_image, noise
from integration.remote_servers import QUICK, docker_registry

pytestmark = [pytest.mark.peer, pytest.mark.root]

_LAYERS = ({"etc/os-release": b"ID=test\n", "data": noise(400_000)}, {"srv/page": b"hello"})


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as domain:
        yield domain


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    opened: list[Store] = []

    def open_one(name: str) -> Store:
        opened.append(Store.open(tmp_path / name))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def _skopeo(*arguments: str) -> bytes:
    if process.find("skopeo") is None:
        pytest.skip("needs skopeo")
    return process.run(["skopeo", "--insecure-policy", *arguments]).stdout


def _push(store: Store, record: ImageRecord, name: str) -> Digest:
    reference = Reference.parse(name)
    with hold(store, record) as image, RegistryClient(reference.domain, insecure=True, policy=QUICK) as client:
        return push(client, reference, image).digest


def _pull(store: Store, name: str) -> PullResult:
    reference = Reference.parse(name)
    with RegistryClient(reference.domain, insecure=True, policy=QUICK) as client:
        return pull(client, reference, store, AMD64)


def test_skopeo_reads_what_we_pushed(registry: str, open_store: Callable[[str], Store], tmp_path: Path) -> None:
    store = open_store("here")
    record = make_image(store, *_LAYERS)
    digest = _push(store, record, f"{registry}/ours:1")
    raw = _skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry}/ours:1")
    assert Digest.of(raw) == digest
    assert json.loads(raw)["mediaType"] == media.OCI_MANIFEST
    told = json.loads(_skopeo("inspect", "--tls-verify=false", f"docker://{registry}/ours:1"))
    assert (told["Architecture"], told["Os"], len(told["Layers"])) == ("amd64", "linux", 2)
    # Copying unpacks every layer and compares its DiffID with the configuration.
    _skopeo(
        "copy", "--src-tls-verify=false", f"docker://{registry}/ours:1", f"docker-archive:{tmp_path}/ours.tar:ours:1"
    )


@pytest.mark.parametrize(
    ("form", "kind", "layer"),
    [
        ("v2s2", media.DOCKER_MANIFEST, media.DOCKER_LAYER_GZIP),
        ("oci", media.OCI_MANIFEST, media.OCI_LAYER_GZIP),
    ],
    ids=["docker", "oci"],
)
def test_we_read_what_skopeo_pushed(
    registry: str,
    open_store: Callable[[str], Store],
    tmp_path: Path,
    form: str,
    kind: str,
    layer: str,
) -> None:
    here, there = open_store("here"), open_store("there")
    # Its own content, for skopeo remembers in which forms it has seen a layer, and takes those.
    record = make_image(here, {"data": noise(400_000, len(layer) + len(kind))}, *_LAYERS)
    _push(here, record, f"{registry}/source:1")
    plain = f"dir:{tmp_path}/plain"
    _skopeo("copy", "--src-tls-verify=false", "--dest-decompress", f"docker://{registry}/source:1", plain)
    name = f"{registry}/theirs-{form}:1"
    _skopeo("copy", "--dest-tls-verify=false", f"--format={form}", plain, f"docker://{name}")
    raw = _skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    manifest: dict[str, Any] = json.loads(raw)
    assert (manifest.get("mediaType", media.OCI_MANIFEST), manifest["layers"][0]["mediaType"]) == (kind, layer)
    pulled = _pull(there, name)
    assert pulled.digest == Digest.of(raw)
    assert content(there, pulled.record) == content(here, record)
    assert_sound(there)
    # And from here to another repository: the same bytes, whatever form they have.
    assert _push(there, pulled.record, f"{registry}/again:1") == Digest.of(raw)


def test_podman_pulls_what_we_pushed(registry: str, open_store: Callable[[str], Store]) -> None:
    if process.find("podman") is None:
        pytest.skip("needs podman")
    store = open_store("here")
    record = make_image(store, *_LAYERS)
    _push(store, record, f"{registry}/podman:1")
    with tempfile.TemporaryDirectory() as short:  # podman takes no long path
        podman = ["podman", "--root", f"{short}/root", "--runroot", f"{short}/run", "--storage-driver", "vfs"]
        told = process.run([*podman, "pull", "-q", "--tls-verify=false", f"{registry}/podman:1"]).stdout
        assert told.decode().strip() == record.id.hex


def test_a_login_of_ours_is_one_for_skopeo(registry: str, tmp_path: Path) -> None:
    keep = CredentialFile(tmp_path / "config.json")
    keep.put(registry, Credential("ada", "lovelace"))
    told = _skopeo("login", "--get-login", "--authfile", str(keep.path), registry)
    assert told.decode().strip() == "ada"


def test_a_login_of_skopeos_is_one_for_us(tmp_path: Path) -> None:
    directory = tmp_path / "guarded"
    directory.mkdir()
    (directory / "htpasswd").write_text("ada:$2y$05$abcdefghijklmnopqrstuuugyJgZetmHGvxwCJ1rpgM8bgT8KJ8.i\n")
    auth = {"htpasswd": {"realm": "test", "path": str(directory / "htpasswd")}}
    keep = CredentialFile(tmp_path / "auth.json")
    with docker_registry(directory, auth=auth) as domain:
        _skopeo(*("login", "--tls-verify=false", "-u", "ada", "-p", "lovelace", "--authfile", str(keep.path), domain))
        assert keep.get(domain) == Credential("ada", "lovelace")
        with RegistryClient(domain, credentials=keep, insecure=True, policy=QUICK) as client:
            assert list(client.repositories()) == []

"""Images into distribution and back: whole, verified, at most once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxwright.errors import CancelledError, CorruptError
from boxwright.host import faults
from boxwright.layer.compression import Compression, compress
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.failure import NotInRegistry
from boxwright.remote.outgoing import hold
from boxwright.remote.progress import Event, LayerBytes, LayerDone, LayerExists, LayerMounted
from boxwright.remote.pull import NotAnImage, PullResult, pull
from boxwright.remote.push import PushResult, push
from boxwright.remote.upload import BytesSource
from boxwright.store import stored
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from integration.remote_images import AMD64, assert_sound, content, make_image, noise
from integration.remote_servers import QUICK, Asked, BreakingLine, Reply, SmallServer, docker_registry

pytestmark = [pytest.mark.peer, pytest.mark.root]

_BASE = {"etc/os-release": b"ID=test\n", "bin/tool": noise(300_000)}
_TOP = {"srv/page": noise(2_000_000, 1), "etc/os-release": b"ID=changed\n"}


@pytest.fixture(scope="module")
def registry_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(registry_directory: Path) -> Iterator[str]:
    with docker_registry(registry_directory) as domain:
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


@contextmanager
def _client(domain: str) -> Iterator[RegistryClient]:
    with RegistryClient(domain, insecure=True, policy=QUICK) as client:
        yield client


def _push(store: Store, record: ImageRecord, name: str, heard: list[Event] | None = None) -> PushResult:
    reference = Reference.parse(name)
    with hold(store, record) as image, _client(reference.domain) as client:
        return push(client, reference, image, progress=(heard if heard is not None else []).append)


def _pull(store: Store, name: str, heard: list[Event] | None = None) -> PullResult:
    reference = Reference.parse(name)
    with _client(reference.domain) as client:
        return pull(client, reference, store, AMD64, progress=(heard if heard is not None else []).append)


def _put(client: RegistryClient, path: str, *blobs: bytes) -> None:
    for blob in blobs:
        client.upload(path).send(BytesSource(blob, Digest.of(blob)))


def test_an_image_comes_back_as_it_went(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _TOP)
    pushed = _push(here, record, f"{registry}/ada/back")
    heard: list[Event] = []
    pulled = _pull(there, f"{registry}/ada/back", heard)
    assert pulled.record.id == record.id
    assert (pulled.digest, pulled.status) == (pushed.digest, "downloaded")
    assert content(there, pulled.record) == content(here, record)
    assert there.images.refs(record.id) == [Reference.parse(f"{registry}/ada/back:latest")]
    assert there.images.repo_digests(record.id) == here.images.repo_digests(record.id)
    assert {type(event) for event in heard} >= {LayerBytes, LayerDone}
    done = [event for event in heard if isinstance(event, LayerDone)]
    assert sum(event.size for event in done) == pushed.sent
    assert_sound(there)


def test_what_is_there_is_neither_sent_nor_fetched(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _TOP)
    name = f"{registry}/ada/again:1"
    first = _push(here, record, name)
    heard: list[Event] = []
    second = _push(here, record, name, heard)
    assert (second.digest, second.sent, second.there) == (first.digest, 0, first.sent)
    assert {type(event) for event in heard} == {LayerExists}
    _pull(there, name)
    heard.clear()
    assert _pull(there, name, heard).status == "up to date"
    assert {type(event) for event in heard} == {LayerExists}


def test_a_push_that_cannot_remember_gives_the_same_digest(registry: str, open_store: Callable[[str], Store]) -> None:
    one, other = open_store("one"), open_store("other")
    digests = {_push(store, make_image(store, _BASE, _TOP), f"{registry}/ada/same:1").digest for store in (one, other)}
    assert len(digests) == 1


def test_a_child_shares_its_parents_layers(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    base = {"bin/base": noise(500_000, 7)}
    _push(here, make_image(here, base), f"{registry}/ada/base:1")
    child = make_image(here, base, {"srv/new": b"new"})
    heard: list[Event] = []
    _push(here, child, f"{registry}/ada/child:1", heard)
    assert [event.source for event in heard if isinstance(event, LayerMounted)] == ["ada/base"]
    assert len([event for event in heard if isinstance(event, LayerDone)]) == 1
    _pull(there, f"{registry}/ada/base:1")
    heard.clear()
    _pull(there, f"{registry}/ada/child:1", heard)
    assert len([event for event in heard if isinstance(event, LayerExists)]) == 1
    assert len([event for event in heard if isinstance(event, LayerDone)]) == 1


def test_what_was_pulled_leaves_with_its_manifest(registry: str, open_store: Callable[[str], Store]) -> None:
    """Whatever its manifest looks like: here, one that boxwright would write otherwise."""
    here, there, third = open_store("here"), open_store("there"), open_store("third")
    record = make_image(here, _BASE)
    _push(here, record, f"{registry}/ada/plain:1")
    with _client(registry) as client:
        plain = client.fetch_manifest(Reference.parse(f"{registry}/ada/plain:1"), AMD64).manifest
        raw = plain.raw.replace(b'"schemaVersion":2', b'\n "schemaVersion" : 2')
        client.put_manifest("ada/plain", "odd", plain._replace(raw=raw))
    odd = Digest.of(raw)
    pulled = _pull(there, f"{registry}/ada/plain:odd")
    assert pulled.digest == odd
    assert _push(there, pulled.record, f"{registry}/ada/copy:1").digest == odd
    assert _pull(third, f"{registry}/ada/copy:1").digest == odd


@pytest.mark.parametrize("kind", ["zstd", "gzip", "none"])
def test_every_form_of_layer_is_pulled(registry: str, open_store: Callable[[str], Store], kind: Compression) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _TOP)
    image = stored.image(here.blobs, here.snapshots, here.images, record)
    path = f"ada/form-{kind}"
    with _client(registry) as client:
        _put(client, path, image.config_bytes)
        descriptors = []
        for layer in image.layers:
            packed = io.BytesIO()
            with layer.open() as plain:
                done = compress(plain, packed.write, kind)
            _put(client, path, packed.getvalue())
            descriptors.append(Descriptor(media.oci_layer(kind), done.digest, done.size))
        config = Descriptor(media.OCI_CONFIG, image.id, len(image.config_bytes))
        digest = client.put_manifest(path, "1", Manifest.build(config, descriptors))
    pulled = _pull(there, f"{registry}/{path}:1")
    assert (pulled.record.id, pulled.digest) == (record.id, digest)
    assert content(there, pulled.record) == content(here, record)
    assert_sound(there)
    assert _push(there, pulled.record, f"{registry}/{path}-copy:1").digest == digest


def test_by_digest(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE)
    digest = _push(here, record, f"{registry}/ada/digest:1").digest
    pulled = _pull(there, f"{registry}/ada/digest@{digest}")
    assert pulled.record.id == record.id
    assert there.images.refs(record.id) == []
    assert _pull(there, f"{registry}/ada/digest@{digest}").status == "up to date"


def test_one_layer_twice_is_sent_once(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _BASE)
    heard: list[Event] = []
    _push(here, record, f"{registry}/ada/twice:1", heard)
    assert len([event for event in heard if isinstance(event, LayerDone)]) == 1
    assert _pull(there, f"{registry}/ada/twice:1").record.id == record.id
    assert_sound(there)


def test_an_image_without_layers(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here)
    _push(here, record, f"{registry}/ada/empty:1")
    assert _pull(there, f"{registry}/ada/empty:1").record.id == record.id


def test_lines_that_break(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _TOP)
    with BreakingLine(registry, 1 << 20, 1 << 20, direction="up") as line:
        _push(here, record, f"{line.domain}/ada/broken:1")
        assert line.broken == 2
    with BreakingLine(registry, 200_000, 1 << 20, direction="down") as line:
        pulled = _pull(there, f"{line.domain}/ada/broken:1")
        assert line.broken == 2
    assert content(there, pulled.record) == content(here, record)
    assert_sound(there)


def test_two_pulls_at_once_share_the_work(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, _BASE, _TOP)
    _push(here, record, f"{registry}/ada/both:1")
    results: list[PullResult] = []
    heard: list[Event] = []
    threads = [
        threading.Thread(target=lambda: results.append(_pull(there, f"{registry}/ada/both:1", heard))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.record.id for result in results] == [record.id] * 3
    assert len([event for event in heard if isinstance(event, LayerDone)]) == 2
    assert_sound(there)


# ---- what goes wrong


def _blob_file(directory: Path, digest: Digest) -> Path:
    return directory / "registry/docker/registry/v2/blobs/sha256" / digest.hex[:2] / digest.hex / "data"


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer"])
def test_a_damaged_layer_is_refused(
    registry: str, registry_directory: Path, open_store: Callable[[str], Store], damage: str
) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, {"a": noise(400_000, hash(damage) & 0xFF)})
    name = f"{registry}/ada/{damage}:1"
    _push(here, record, name)
    with _client(registry) as client:
        layer = client.fetch_manifest(Reference.parse(name), AMD64).manifest.layers[0]
    path = _blob_file(registry_directory, layer.digest)
    data = path.read_bytes()
    changed = {"flipped": data[:1000] + bytes([data[1000] ^ 1]) + data[1001:], "cut": data[:-5], "longer": data + b"x"}
    path.write_bytes(changed[damage])
    with pytest.raises(CorruptError):
        _pull(there, name)
    assert there.images.list(all=True) == []
    assert there.snapshots.list() == []
    assert_sound(there)
    path.write_bytes(data)
    assert _pull(there, name).record.id == record.id


def test_a_cancelled_pull_leaves_no_trace(registry: str, open_store: Callable[[str], Store]) -> None:
    here, there = open_store("here"), open_store("there")
    record = make_image(here, {"a": noise(8_000_000, 3)})
    _push(here, record, f"{registry}/ada/cancelled:1")
    reference = Reference.parse(f"{registry}/ada/cancelled:1")
    with _client(registry) as client:

        def cancel(event: Event) -> None:
            if isinstance(event, LayerBytes):
                client.cancel()

        with pytest.raises(CancelledError):
            pull(client, reference, there, AMD64, progress=cancel)
        assert there.images.list(all=True) == []
        assert_sound(there)
        assert pull(client, reference, there, AMD64).record.id == record.id


def test_a_cancelled_push_moves_no_tag(registry: str, open_store: Callable[[str], Store]) -> None:
    here = open_store("here")
    record = make_image(here, {"a": noise(8_000_000, 4)})
    reference = Reference.parse(f"{registry}/ada/stopped:1")
    with _client(registry) as client:

        def cancel(event: Event) -> None:
            if isinstance(event, LayerBytes):
                client.cancel()

        with pytest.raises(CancelledError), hold(here, record) as image:
            push(client, reference, image, progress=cancel)
        assert client.resolve(reference) is None
        with hold(here, record) as image:
            assert push(client, reference, image).sent > 0


def test_a_layer_that_changed_on_disk_is_not_sent_as_it_was(registry: str, open_store: Callable[[str], Store]) -> None:
    here = open_store("here")
    record = make_image(here, {"a": b"before"})
    (snapshot,) = here.snapshots.stack(record.chain)
    (here.snapshots.path(snapshot) / "a").write_bytes(b"after!")
    with pytest.raises(CorruptError, match="does not match"):
        _push(here, record, f"{registry}/ada/changed:1")


def test_something_else_than_an_image_is_told(registry: str, open_store: Callable[[str], Store]) -> None:
    with _client(registry) as client:
        _put(client, "ada/chart", b"{}")
        config = Descriptor("application/vnd.cncf.helm.config.v1+json", Digest.of(b"{}"), 2)
        client.put_manifest("ada/chart", "1", Manifest.build(config, []))
    with pytest.raises(NotAnImage, match=r"is no container image: it is application/vnd\.cncf\.helm\.config"):
        _pull(open_store("there"), f"{registry}/ada/chart:1")


def test_a_foreign_layer_is_not_fetched_from_elsewhere(open_store: Callable[[str], Store]) -> None:
    config = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' % (
        Digest.of(b"layer").encode()
    )
    described = Descriptor(media.DOCKER_CONFIG, Digest.of(config), len(config))

    def answer(asked: Asked) -> Reply:
        if "/manifests/" in asked.path:
            foreign = Descriptor(
                media.DOCKER_LAYER_FOREIGN, Digest.of(b"packed"), 6, urls=(f"http://{elsewhere.domain}/packed",)
            )
            manifest = Manifest.build(described, [foreign], media_type=media.DOCKER_MANIFEST)
            return Reply(200, {"Content-Type": media.DOCKER_MANIFEST}, manifest.raw)
        if asked.path.endswith(described.digest):
            return Reply(200, {}, config)
        return Reply(404) if "/blobs/" in asked.path else Reply()

    with SmallServer(lambda asked: Reply(200, {}, b"packed")) as elsewhere, SmallServer(answer) as registry:
        with pytest.raises(NotInRegistry, match=f"cannot pull {Digest.of(b'packed')} from {registry.domain}/foreign"):
            _pull(open_store("there"), f"{registry.domain}/foreign:1")
        assert elsewhere.asked == []


@pytest.mark.slow
def test_a_pull_may_be_killed_anywhere(registry: str, open_store: Callable[[str], Store], tmp_path: Path) -> None:
    here = open_store("here")
    record = make_image(here, _BASE, _TOP)
    name = f"{registry}/ada/killed:1"
    _push(here, record, name)
    script = (
        "import sys\n"
        "from integration.test_remote_push_pull import _pull\n"
        "from boxwright.store.store import Store\n"
        "from pathlib import Path\n"
        "with Store.open(Path(sys.argv[1])) as store:\n"
        "    _pull(store, sys.argv[2])\n"
    )
    tests = str(Path(__file__).parents[1])
    for point in range(1, 200):
        root = tmp_path / f"killed-{point}"
        environment = {**os.environ, faults.VARIABLE: str(point), "PYTHONPATH": tests}
        done = subprocess.run(
            [sys.executable, "-c", script, str(root), name], env=environment, capture_output=True, text=True
        )
        if done.returncode == 0:
            assert point > 5, "there were points to die at"
            return
        assert "killed at point" in done.stderr, done.stderr
        with Store.open(root) as store:
            assert_sound(store, garbage=True)
            assert _pull(store, name).record.id == record.id
            assert_sound(store, garbage=True)
    raise AssertionError("the pull never came to its end")

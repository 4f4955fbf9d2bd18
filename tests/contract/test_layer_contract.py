"""What every layer promises (`boxwright.image.image.Layer`), wherever it lies."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxwright.image import docker_archive, oci_layout
from boxwright.image.image import Layer
from boxwright.image.oci_layout import Named
from boxwright.image.tree import open_tree
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.store.ingest import ingest_image
from boxwright.store.store import Store
from boxwright.store.stored import StoredLayer
from support.images import AMD64, MemoryLayer, add_layer, layer_tar, memory_image, ref
from support.requirements import require_root

FILES = {"etc/": b"", "etc/hostname": b"box", "big": bytes(range(256)) * 20_000}


def original(packing: str | None) -> MemoryLayer:
    return MemoryLayer(layer_tar(FILES), packing=packing)


def in_memory(directory: Path, packing: str | None) -> Iterator[Layer]:
    yield original(packing)


def in_a_store(directory: Path, packing: str | None) -> Iterator[Layer]:
    require_root()
    with Store.open(directory) as store:
        record = ingest_image(store, memory_image(original(packing)))
        yield store.images.image(record).layers[0]


def made_in_a_store(directory: Path, packing: str | None) -> Iterator[Layer]:
    with Store.open(directory) as store:
        files = {name: content for name, content in FILES.items() if content}
        yield StoredLayer(store.blobs, store.snapshots, add_layer(store, None, files))


def in_a_directory(directory: Path, packing: str | None) -> Iterator[Layer]:
    oci_layout.write_directory([Named(memory_image(original(packing)), (ref("web"),))], directory)
    tree = open_tree(directory, directory)
    yield oci_layout.read_layout(tree, AMD64)[0].image.layers[0]
    tree.close()


def in_an_archive(directory: Path, packing: str | None) -> Iterator[Layer]:
    sink = io.BytesIO()
    docker_archive.write([Named(memory_image(original(packing)), (ref("web"),))], sink)
    sink.seek(0)
    tree = open_tree(sink, directory)
    yield docker_archive.read_images(tree, AMD64)[0].image.layers[0]
    tree.close()


@pytest.fixture(params=[in_memory, in_a_store, made_in_a_store, in_a_directory, in_an_archive])
def make(request: pytest.FixtureRequest) -> Callable[[Path, str | None], Iterator[Layer]]:
    return request.param


@pytest.fixture(params=["gzip", "none", None])
def layer(
    make: Callable[[Path, str | None], Iterator[Layer]], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Layer]:
    yield from make(tmp_path, request.param)


def test_the_tar_is_what_the_diff_id_and_the_size_say(layer: Layer) -> None:
    with layer.open() as stream:
        data = stream.read()
    assert Digest.of(data) == layer.diff_id
    assert len(data) == layer.size


def test_the_packed_bytes_are_what_the_descriptor_says(layer: Layer) -> None:
    with layer.open_packed() as stream:
        data = stream.read()
    if layer.descriptor is None:
        assert Digest.of(data) == layer.diff_id
    else:
        assert Digest.of(data) == layer.descriptor.digest
        assert len(data) == layer.descriptor.size
        assert media.compression_of(layer.descriptor.media_type) is not None


def test_streams_are_independent(layer: Layer) -> None:
    with layer.open() as first, layer.open() as second:
        assert first.read(1000) == second.read(1000)
        rest = first.read()
        assert second.read(10) == rest[:10]


def test_small_reads_give_the_same_bytes(layer: Layer) -> None:
    hasher = hashlib.sha256()
    with layer.open() as stream:
        while data := stream.read(65_537):
            hasher.update(data)
    assert hasher.hexdigest() == layer.diff_id.hex


def test_nothing_is_left_open(layer: Layer) -> None:
    with layer.open() as stream:
        stream.read(1)
    with layer.open_packed() as stream:
        stream.read(1)
    assert stream.closed

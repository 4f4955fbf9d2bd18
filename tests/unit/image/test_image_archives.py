from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from boxwright.errors import BoxwrightError, CorruptError, UnsupportedError
from boxwright.image import docker_archive, oci_layout
from boxwright.image.docker_archive import MalformedArchive, NotAnImageArchive
from boxwright.image.image import Image, InvalidImage
from boxwright.image.oci_layout import ImageNotInLayout, Named, NotAnOciLayout
from boxwright.image.tree import FileTooLarge, MissingFile, Tree, open_tree
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.oci.platform import Platform
from support.images import AMD64, MemoryLayer, layer_tar, memory_image, ref

ARM64 = Platform("linux", "arm64")
PLAIN = MemoryLayer(layer_tar({"plain": b"1" * 5000}))
PACKED = MemoryLayer(layer_tar({"packed": b"2" * 5000}), packing="gzip")
UPPER = MemoryLayer(layer_tar({"upper": b"3" * 500_000}), packing="gzip")


def saved(images: Sequence[Named], write: Callable[..., None] = docker_archive.write) -> bytes:
    sink = io.BytesIO()
    write(images, sink)
    return sink.getvalue()


def members(archive: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            found[member.name] = stream.read() if stream else b""
    return found


def tarred(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return sink.getvalue()


def tree_of(data: bytes, tmp_path: Path) -> Tree:
    path = tmp_path / "archive.tar"
    path.write_bytes(data)
    return open_tree(path, tmp_path)


def loaded(data: bytes, tmp_path: Path) -> list[Named]:
    """Load and read everything, so that the tree can be closed."""
    tree = tree_of(data, tmp_path)
    try:
        images = docker_archive.read_images(tree, AMD64)
        return [named._replace(image=in_memory(named.image)) for named in images]
    finally:
        tree.close()


def in_memory(image: Image) -> Image:
    layers = []
    for layer in image.layers:
        with layer.open() as stream:
            copy = MemoryLayer(stream.read())
        assert copy.size == layer.size
        copy.descriptor = layer.descriptor
        with layer.open_packed() as stream:
            copy.packed = stream.read()
        layers.append(copy)
    return image._replace(layers=tuple(layers))


def same(first: Image, second: Image) -> bool:
    return first.config_bytes == second.config_bytes and first.manifest == second.manifest


# -- what docker save writes


def test_an_archive_is_docker_s_and_an_oci_layout_at_once() -> None:
    image = memory_image(PACKED, UPPER, with_manifest=True)
    files = members(saved([Named(image, (ref("ada/web:1"), ref("ada/web:2")))]))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert PACKED.descriptor is not None
    assert UPPER.descriptor is not None
    assert json.loads(files["manifest.json"]) == [
        {
            "Config": f"blobs/sha256/{image.id.hex}",
            "RepoTags": ["ada/web:1", "ada/web:2"],
            "Layers": [f"blobs/sha256/{PACKED.descriptor.digest.hex}", f"blobs/sha256/{UPPER.descriptor.digest.hex}"],
        }
    ]
    index = json.loads(files["index.json"])
    assert [entry["annotations"] for entry in index["manifests"]] == [
        {"io.containerd.image.name": "docker.io/ada/web:1", "org.opencontainers.image.ref.name": "1"},
        {"io.containerd.image.name": "docker.io/ada/web:2", "org.opencontainers.image.ref.name": "2"},
    ]
    assert index["manifests"][0]["platform"] == {"os": "linux", "architecture": "amd64"}
    assert image.manifest is not None
    assert files[f"blobs/sha256/{image.manifest.digest.hex}"] == image.manifest.raw
    for name, content in files.items():
        if name.startswith("blobs/sha256/"):
            assert Digest.of(content).hex == name.rpartition("/")[2]


def test_an_archive_depends_on_nothing_but_the_images() -> None:
    images = [Named(memory_image(PLAIN, UPPER), (ref("web"),))]
    assert saved(images) == saved(images)


def test_layers_that_several_images_have_are_written_once() -> None:
    images = [Named(memory_image(UPPER)), Named(memory_image(UPPER, PACKED))]
    assert len(saved(images)) < len(saved([images[0]])) + len(PACKED.packed) + 20_000


def test_an_image_without_a_name_is_written_without_one() -> None:
    files = members(saved([Named(memory_image(PLAIN))]))
    assert json.loads(files["manifest.json"])[0]["RepoTags"] is None
    assert "annotations" not in json.loads(files["index.json"])["manifests"][0]


def test_zstd_becomes_a_plain_tar_for_docker_and_stays_for_others() -> None:
    layer = MemoryLayer(layer_tar({"file": b"1"}))
    layer.packed = b"zstd, for all that is looked at here"
    layer.descriptor = Descriptor(media.OCI_LAYER_ZSTD, Digest.of(layer.packed), len(layer.packed))
    image = memory_image(layer, with_manifest=True)
    assert f"blobs/sha256/{layer.diff_id.hex}" in members(saved([Named(image)]))
    assert image.manifest is not None
    assert f"blobs/sha256/{image.manifest.digest.hex}" in members(saved([Named(image)], oci_layout.write_archive))


@pytest.mark.parametrize("sink", ["file", "pipe", "memory"])
def test_every_kind_of_sink_gets_the_same(tmp_path: Path, sink: str) -> None:
    images = [Named(memory_image(PACKED, UPPER), (ref("web"),))]
    expected = saved(images)
    if sink == "file":
        with open(tmp_path / "out.tar", "wb") as stream:
            docker_archive.write(images, stream)
        assert (tmp_path / "out.tar").read_bytes() == expected
    elif sink == "pipe":
        assert len(expected) < 65536
        reading, writing = os.pipe()
        with open(writing, "wb") as stream:
            docker_archive.write(images, stream)
        with open(reading, "rb") as result:
            assert result.read() == expected


def test_copies_of_files_are_the_same_whatever_copies_them(tmp_path: Path) -> None:
    images = [Named(memory_image(PACKED, UPPER), (ref("web"),))]
    expected = saved(images)
    tree = tree_of(expected, tmp_path)
    again = docker_archive.read_images(tree, AMD64)
    assert saved(again) == expected  # read and written
    with open(tmp_path / "out.tar", "wb") as stream:
        docker_archive.write(again, stream)  # copied by the kernel
    tree.close()
    assert (tmp_path / "out.tar").read_bytes() == expected


def test_a_layer_that_ends_early_is_noticed() -> None:
    layer = MemoryLayer(layer_tar({"file": b"1"}), packing="gzip")
    layer.packed = layer.packed[:-5]
    with pytest.raises(CorruptError, match="were expected"):
        saved([Named(memory_image(layer))])


# -- what docker load reads


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_what_was_saved_is_loaded(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    images = [
        Named(memory_image(PLAIN, UPPER), (ref("web:1"), ref("localhost:5000/web:2"))),
        Named(memory_image(PACKED, UPPER, with_manifest=True), (ref("other:latest"),)),
        Named(memory_image(PLAIN)),
    ]
    found = loaded(pack(saved(images)), tmp_path)
    assert [named.refs for named in found] == [named.refs for named in images]
    assert [named.image.id for named in found] == [named.image.id for named in images]
    assert found[1].image.manifest == images[1].image.manifest
    assert found[1].image.layers[0].descriptor == PACKED.descriptor
    assert found[2].image.manifest is not None  # made when it was saved


def test_an_archive_may_come_through_a_pipe(tmp_path: Path) -> None:
    data = saved([Named(memory_image(PLAIN), (ref("web"),))])
    reading, writing = os.pipe()
    with open(writing, "wb") as stream:
        stream.write(data)
    with open(reading, "rb") as pipe:
        tree = open_tree(pipe, tmp_path)
    assert [named.refs for named in docker_archive.read_images(tree, AMD64)] == [(ref("web:latest"),)]
    tree.close()


def old_form(image: Image, *, pack: Callable[[bytes], bytes] = lambda data: data) -> dict[str, bytes]:
    """An archive as docker wrote it before version 25: a directory per layer."""
    files = {f"{image.id.hex}.json": image.config_bytes}
    for number, layer in enumerate(image.layers):
        with layer.open() as stream:
            files[f"layer{number}/layer.tar"] = pack(stream.read())
    entry = {
        "Config": f"{image.id.hex}.json",
        "RepoTags": ["ada/web:1"],
        "Layers": [f"layer{number}/layer.tar" for number in range(len(image.layers))],
    }
    files["manifest.json"] = json.dumps([entry]).encode()
    files["repositories"] = b'{"ada/web":{"1":"layer0"}}'
    return files


def test_the_form_before_version_25_is_read(tmp_path: Path) -> None:
    image = memory_image(PLAIN, UPPER)
    (found,) = loaded(tarred(old_form(image)), tmp_path)
    assert found.image.config_bytes == image.config_bytes
    assert found.refs == (ref("ada/web:1"),)
    assert found.image.manifest is None
    assert found.image.layers[0].descriptor == Descriptor(media.OCI_LAYER, PLAIN.diff_id, PLAIN.size)


def test_compressed_layers_in_the_old_form_are_read(tmp_path: Path) -> None:
    image = memory_image(PLAIN)
    (found,) = loaded(tarred(old_form(image, pack=gzip.compress)), tmp_path)
    assert found.image.layers[0].descriptor is None
    assert found.image.layers[0].size == PLAIN.size


def test_a_layer_may_be_a_link_to_another_image_s(tmp_path: Path) -> None:
    files = old_form(memory_image(PLAIN))
    files["elsewhere/layer.tar"] = files.pop("layer0/layer.tar")
    (found,) = loaded(tarred(files, {"layer0/layer.tar": "../elsewhere/layer.tar"}), tmp_path)
    assert found.image.layers[0].diff_id == PLAIN.diff_id


def broken(change: Callable[[dict[str, bytes]], None]) -> bytes:
    files = old_form(memory_image(PLAIN))
    change(files)
    return tarred(files)


def manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        entry = json.loads(files["manifest.json"])[0]
        files["manifest.json"] = json.dumps([entry | changes]).encode()

    return change


def content(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: data})


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (content("manifest.json", b"{"), MalformedArchive, "not JSON"),
        (content("manifest.json", b"{}"), MalformedArchive, "not a list of objects"),
        (content("manifest.json", b"[1]"), MalformedArchive, "not a list of objects"),
        (content("manifest.json", b"[" * 100_000), MalformedArchive, "not JSON"),
        (content("manifest.json", b" " * (17 << 20)), FileTooLarge, "at most"),
        (manifest(Config=None), MalformedArchive, "missing or wrong"),
        (manifest(Config="nowhere.json"), MissingFile, "nowhere.json is missing"),
        (manifest(Config="../../etc/passwd"), MissingFile, "is missing"),
        (manifest(Layers=["nowhere"]), MissingFile, "nowhere is missing"),
        (manifest(Layers=[]), MalformedArchive, "has 0 layers, its configuration names 1"),
        (manifest(Layers=[{}]), MalformedArchive, "missing or wrong"),
        (manifest(RepoTags=["Not A Name"]), MalformedArchive, "invalid reference"),
        (lambda files: files.pop("manifest.json"), UnsupportedError, "before 1.10"),
        (lambda files: files.clear(), NotAnImageArchive, "neither manifest.json nor oci-layout"),
    ],
)
def test_a_broken_archive_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], kind: type[BoxwrightError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        loaded(broken(change), tmp_path)


def test_links_that_lead_nowhere_or_in_circles_are_missing_files(tmp_path: Path) -> None:
    files = old_form(memory_image(PLAIN))
    del files["layer0/layer.tar"]
    for target in ("layer.tar", "../../../etc/passwd", "../layer0/layer.tar"):
        with pytest.raises(MissingFile):
            loaded(tarred(files, {"layer0/layer.tar": target}), tmp_path)


def test_an_archive_cut_off_in_a_layer_is_refused(tmp_path: Path) -> None:
    data = saved([Named(memory_image(PLAIN, MemoryLayer(layer_tar({"big": bytes(600_000)}))))])
    with pytest.raises(CorruptError, match="ends in the middle of a member"):
        tree_of(data[:-400_000], tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="not a tar archive"):
        tree_of(b"nonsense" * 1000, tmp_path)


# -- OCI layouts


@pytest.mark.parametrize("form", ["directory", "archive"])
def test_a_layout_comes_back_as_it_went(tmp_path: Path, form: str) -> None:
    images = [
        Named(memory_image(PLAIN, UPPER), (ref("web:1"), ref("web:2"))),
        Named(memory_image(PACKED, with_manifest=True), (ref("other:latest"),)),
    ]
    if form == "directory":
        oci_layout.write_directory(images, tmp_path / "layout")
        tree = open_tree(tmp_path / "layout", tmp_path)
    else:
        tree = tree_of(saved(images, oci_layout.write_archive), tmp_path)
    found = oci_layout.read_layout(tree, AMD64)
    assert [named.refs for named in found] == [named.refs for named in images]
    assert [in_memory(named.image).config_bytes for named in found] == [named.image.config_bytes for named in images]
    assert found[1].image.manifest == images[1].image.manifest
    tree.close()


def test_a_layout_takes_more_images_in(tmp_path: Path) -> None:
    old, new = memory_image(PLAIN), memory_image(UPPER)
    path = tmp_path / "layout"
    oci_layout.write_directory([Named(old, (ref("web"), ref("kept"))), Named(memory_image(PACKED))], path)
    oci_layout.write_directory([Named(new, (ref("web"),)), Named(memory_image(PACKED))], path)
    tree = open_tree(path, tmp_path)
    found = {named.image.id: named.refs for named in oci_layout.read_layout(tree, AMD64)}
    tree.close()
    assert found == {
        old.id: (ref("kept:latest"),),
        new.id: (ref("web:latest"),),
        memory_image(PACKED).id: (),
    }


class Layout:
    """A layout made by hand."""

    def __init__(self) -> None:
        self.files = {"oci-layout": oci_layout.OCI_LAYOUT}

    def blob(self, content: bytes, media_type: str, **fields: object) -> dict[str, object]:
        digest = Digest.of(content)
        self.files[f"blobs/sha256/{digest.hex}"] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content), **fields}

    def image(self, image: Image, **fields: object) -> dict[str, object]:
        for named in members(saved([Named(image)], oci_layout.write_archive)).items():
            if named[0].startswith("blobs/sha256/"):
                self.files.update([named])
        packed = oci_layout.pack(Named(image))
        return {**packed.manifest.descriptor.to_json(), **fields}

    def index(self, *entries: dict[str, object]) -> bytes:
        value = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": list(entries)}
        return json.dumps(value).encode()

    def tar(self, *entries: dict[str, object]) -> bytes:
        return tarred({**self.files, "index.json": self.index(*entries)})


AMD64_JSON = {"os": "linux", "architecture": "amd64"}
ARM64_JSON = {"os": "linux", "architecture": "arm64"}


def test_of_several_platforms_the_right_one_is_taken(tmp_path: Path) -> None:
    layout = Layout()
    mine = layout.image(memory_image(PLAIN), platform=AMD64_JSON)
    other = layout.image(memory_image(UPPER), platform=ARM64_JSON)
    attestation = layout.image(memory_image(PACKED), platform={"os": "unknown", "architecture": "unknown"})
    names = {"io.containerd.image.name": "docker.io/library/web:1"}
    entry = layout.blob(layout.index(other, mine, attestation), media.OCI_INDEX, annotations=names)
    tree = tree_of(layout.tar(entry), tmp_path)
    (found,) = oci_layout.read_layout(tree, AMD64)
    assert (found.image.id, found.refs) == (memory_image(PLAIN).id, (ref("web:1"),))
    (found,) = oci_layout.read_layout(tree, ARM64)
    assert found.image.id == memory_image(UPPER).id
    with pytest.raises(ImageNotInLayout, match="linux/s390x"):
        oci_layout.read_layout(tree, Platform("linux", "s390x"))
    tree.close()


def test_the_only_platform_that_is_there_is_taken(tmp_path: Path) -> None:
    layout = Layout()
    there = layout.image(memory_image(PLAIN), platform=ARM64_JSON)
    missing = {**there, "digest": Digest.of(b"missing"), "platform": AMD64_JSON}
    tree = tree_of(layout.tar(layout.blob(layout.index(missing, there), media.OCI_INDEX)), tmp_path)
    (found,) = oci_layout.read_layout(tree, AMD64)
    tree.close()
    assert found.image.id == memory_image(PLAIN).id


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"org.opencontainers.image.ref.name": "ada/web:1"}, "ada/web:1"),
        ({"org.opencontainers.image.ref.name": "web:1"}, "web:1"),
        ({"org.opencontainers.image.ref.name": "latest"}, None),
        ({"org.opencontainers.image.ref.name": "Any Text: Is Allowed"}, None),
        (
            {"io.containerd.image.name": "localhost:5000/a", "org.opencontainers.image.ref.name": "x:y"},
            "localhost:5000/a:latest",
        ),
        ({}, None),
    ],
)
def test_names_come_from_annotations(tmp_path: Path, annotations: dict[str, str], expected: str | None) -> None:
    layout = Layout()
    tree = tree_of(layout.tar(layout.image(memory_image(PLAIN), annotations=annotations)), tmp_path)
    (found,) = oci_layout.read_layout(tree, AMD64)
    tree.close()
    assert found.refs == ((ref(expected),) if expected else ())


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    layout = Layout()
    chart = layout.blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
    artifact = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": chart, "layers": []}).encode()
    entries = [layout.blob(artifact, media.OCI_MANIFEST), layout.image(memory_image(PLAIN))]
    tree = tree_of(layout.tar(*entries, layout.blob(b"?", "application/unknown")), tmp_path)
    assert len(oci_layout.read_layout(tree, AMD64)) == 1
    tree.close()


def test_a_blob_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    layout = Layout()
    entry = layout.image(memory_image(PLAIN))
    layout.files[f"blobs/sha256/{memory_image(PLAIN).id.hex}"] = memory_image(UPPER).config_bytes
    tree = tree_of(layout.tar(entry), tmp_path)
    with pytest.raises(CorruptError, match="is damaged"):
        oci_layout.read_layout(tree, AMD64)
    tree.close()


def test_a_manifest_with_too_few_layers_is_refused(tmp_path: Path) -> None:
    layout = Layout()
    layout.image(memory_image(PLAIN))
    config = memory_image(PLAIN).config_bytes
    value = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": {"mediaType": media.OCI_CONFIG, "digest": Digest.of(config), "size": len(config)},
        "layers": [],
    }
    tree = tree_of(layout.tar(layout.blob(json.dumps(value).encode(), media.OCI_MANIFEST)), tmp_path)
    with pytest.raises(InvalidImage):
        oci_layout.read_layout(tree, AMD64)
    tree.close()


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, NotAnOciLayout),
        ({"oci-layout": b"{}", "index.json": b"{}"}, UnsupportedError),
        ({"oci-layout": b"[]", "index.json": b"{}"}, NotAnOciLayout),
        ({"oci-layout": b"?", "index.json": b"{}"}, NotAnOciLayout),
        ({"oci-layout": oci_layout.OCI_LAYOUT, "index.json": b"{}"}, CorruptError),
    ],
)
def test_what_is_no_layout_is_refused(tmp_path: Path, files: dict[str, bytes], kind: type[BoxwrightError]) -> None:
    tree = tree_of(tarred({"file": b"", **files}), tmp_path)
    with pytest.raises(kind):
        oci_layout.read_layout(tree, AMD64)
    tree.close()


def test_indexes_in_circles_end(tmp_path: Path) -> None:
    layout = Layout()
    entry = layout.image(memory_image(PLAIN), platform=AMD64_JSON)
    for _ in range(8):
        entry = layout.blob(layout.index(entry), media.OCI_INDEX, platform=AMD64_JSON)
    tree = tree_of(layout.tar(entry), tmp_path)
    with pytest.raises(NotAnOciLayout, match="nested"):
        oci_layout.read_layout(tree, AMD64)
    tree.close()


def test_one_image_of_a_layout(tmp_path: Path) -> None:
    old, new = memory_image(PACKED), memory_image(UPPER)
    path = tmp_path / "layout"
    oci_layout.write_directory([Named(old, (ref("web:1"),))], path)
    tree = open_tree(path, tmp_path)
    for options in ({}, {"tag": "1"}, {"digest": oci_layout.pack(Named(old)).manifest.digest}):
        assert oci_layout.image_in(tree, AMD64, **options).id == old.id, options
    oci_layout.write_directory([Named(new, (ref("web:latest"),))], path)
    tree = open_tree(path, tmp_path)
    assert oci_layout.image_in(tree, AMD64).id == new.id
    assert oci_layout.image_in(tree, AMD64, tag="1").id == old.id
    for wanted in ({"tag": "2"}, {"digest": Digest.of(b"other")}):
        with pytest.raises(ImageNotInLayout):
            oci_layout.image_in(tree, AMD64, **wanted)

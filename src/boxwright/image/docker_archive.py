"""The archives of ``docker save`` and ``docker load``.

What is written is an OCI layout and docker's older form in one, as docker itself writes since version 25: a
``manifest.json`` names the very blobs of the layout. What is read is that, and the form before it (a directory per
layer, with ``layer.tar`` in it), as docker, podman and skopeo write it.

    oci-layout
    index.json
    manifest.json                 [{"Config": …, "RepoTags": […], "Layers": […]}]
    blobs/sha256/<hex>            layers, configurations, manifests: each once
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from boxwright.errors import CorruptError, InvalidError, UnsupportedError
from boxwright.image import oci_layout
from boxwright.image.image import Image, validated
from boxwright.image.oci_layout import MAX_CONFIG_BYTES, Named, Packed, TreeLayer
from boxwright.image.tarball import ArchiveWriter
from boxwright.image.tree import MissingFile, Tree, read
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference

_MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 16 << 20


class MalformedArchive(CorruptError):
    """A docker archive's manifest.json makes no sense."""

    def __init__(self, why: str) -> None:
        super().__init__(f"malformed image archive: {why}")


class NotAnImageArchive(UnsupportedError):
    """A tar archive or directory that holds no image in a form that is known."""

    def __init__(self) -> None:
        super().__init__(
            "this is no image archive: it has neither manifest.json nor oci-layout",
            hint="for an archive of a root file system, use: boxwright import FILE NAME",
        )


def write(images: Sequence[Named], sink: BinaryIO) -> None:
    """Write images with their names; layers that several have are written once.

    The bytes are a pure function of the images. Layers stay packed as they are, except that zstd, which docker before
    23 cannot load, becomes a plain tar.
    """
    packed = [oci_layout.pack(named, compressions=("gzip", "none")) for named in images]
    writer = ArchiveWriter(sink)
    writer.file("oci-layout", oci_layout.OCI_LAYOUT)
    writer.file("index.json", oci_layout.index_of(packed))
    writer.file(_MANIFEST, json.dumps([_entry(image) for image in packed], separators=(",", ":")).encode())
    oci_layout.write_blobs(packed, writer)
    writer.finish()


def _entry(image: Packed) -> dict[str, Any]:
    return {
        "Config": oci_layout.blob_name(image.config.digest),
        "RepoTags": [ref.with_default_tag().familiar() for ref in image.refs] or None,
        "Layers": [oci_layout.blob_name(layer.digest) for layer in image.layers],
    }


def read_images(tree: Tree, platform: Platform) -> list[Named]:
    """Return the images of a docker archive or OCI layout; the tree stays open as long as they are used.

    An image that the archive has an OCI manifest for comes with it, so that it keeps its digest. Layers are verified
    by whoever reads them. Raises NotAnImageArchive, MalformedArchive, MissingFile, MalformedConfig, InvalidImage.
    """
    if not tree.has(_MANIFEST):
        if oci_layout.is_layout(tree):
            return oci_layout.read_layout(tree, platform)
        if tree.has("repositories"):
            raise UnsupportedError(
                "the archive was written by docker before 1.10", hint="load and save it with a docker of today first"
            )
        raise NotAnImageArchive
    manifests = {}
    if oci_layout.is_layout(tree):
        manifests = {manifest.config.digest: manifest for manifest in oci_layout.manifests_in(tree)}
    return [_image(tree, entry, manifests) for entry in _entries(read(tree, _MANIFEST, _MAX_MANIFEST_BYTES))]


def _entries(raw: bytes) -> list[dict[str, Any]]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedArchive("manifest.json is not JSON") from None
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise MalformedArchive("manifest.json is not a list of objects")
    return value


def _image(tree: Tree, entry: dict[str, Any], manifests: dict[Digest, Manifest]) -> Named:
    config_name, layer_names, tags = entry.get("Config"), entry.get("Layers") or [], entry.get("RepoTags") or []
    if not isinstance(config_name, str) or not _is_names(layer_names) or not _is_names(tags):
        raise MalformedArchive("Config, Layers or RepoTags of an image are missing or wrong")
    raw = read(tree, config_name, MAX_CONFIG_BYTES)
    config = ImageConfig.parse(raw)
    refs = tuple(_reference(tag) for tag in tags)
    manifest = manifests.get(Digest.of(raw))
    if manifest is not None and all(tree.has(oci_layout.blob_name(layer.digest)) for layer in manifest.layers):
        return Named(oci_layout.image_of(tree, manifest), refs)
    if len(layer_names) != len(config.diff_ids):
        raise MalformedArchive(
            f"an image has {len(layer_names)} layers, its configuration names {len(config.diff_ids)}"
        )
    layers = []
    for name, diff_id in zip(layer_names, config.diff_ids, strict=True):
        if not tree.has(name):
            raise MissingFile(name)
        layers.append(TreeLayer(tree, name, diff_id, _plain(tree, name, diff_id)))
    return Named(validated(Image(raw, config, tuple(layers))), refs)


def _plain(tree: Tree, name: str, diff_id: Digest) -> Descriptor | None:
    """Return the descriptor of a layer that is a plain tar in the archive, as it is in all that docker writes."""
    from boxwright.layer.compression import detect

    with tree.open(name) as stream:
        if detect(stream.read(16)) != "none":
            return None
    return Descriptor(media.OCI_LAYER, diff_id, tree.size(name))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)._replace(digest=None).with_default_tag()
    except InvalidError as error:
        raise MalformedArchive(error.message) from None

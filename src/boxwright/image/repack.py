"""Images whose layers are packed into files, ready to be written into an archive, whose members need their sizes."""

from __future__ import annotations

import os
from typing import BinaryIO

from boxwright.errors import CorruptError
from boxwright.host.paths import Path
from boxwright.image.form import Form
from boxwright.image.image import Image, Layer
from boxwright.layer.compression import CompressingReader, Compression
from boxwright.layer.streams import ReadAhead
from boxwright.oci.digest import DiffID
from boxwright.oci.manifest import Descriptor


class PackedLayer:
    """A layer whose packed form is described anew, and may lie in a file (see `boxwright.image.image.Layer`)."""

    __slots__ = ("_file", "_layer", "_plain", "descriptor")

    def __init__(self, layer: Layer, descriptor: Descriptor, file: Path | None = None, *, plain: bool = False) -> None:
        """`plain`: its packed form is the uncompressed tar."""
        self._layer = layer
        self._file = file
        self._plain = plain
        self.descriptor: Descriptor | None = descriptor

    @property
    def diff_id(self) -> DiffID:
        return self._layer.diff_id

    @property
    def size(self) -> int:
        return self._layer.size

    def open(self) -> BinaryIO:
        return self._layer.open()

    def open_packed(self) -> BinaryIO:
        if self._file is not None:
            return open(self._file, "rb", buffering=0)
        return self._layer.open() if self._plain else self._layer.open_packed()


def repack(image: Image, form: Form, directory: Path) -> Image:
    """Return the image with its manifest and every layer packed as `form` says.

    Layers that have to be compressed for it are compressed into files in `directory`, which the caller keeps until
    the image has been written; a layer that is to leave as a plain tar needs no file. Raises CorruptError when a
    layer isn't what its digest says.
    """
    layers: list[PackedLayer] = []
    for layer in image.layers:
        as_it_is = form.as_it_is(image, layer)
        if as_it_is is not None:
            layers.append(PackedLayer(layer, as_it_is))
        elif form.compression == "none":
            plain = Descriptor(form.layer_type("none"), layer.diff_id, layer.size)
            layers.append(PackedLayer(layer, plain, plain=True))
        else:
            layers.append(_compressed(layer, form, directory))
    manifest = form.manifest(image, [layer.descriptor for layer in layers if layer.descriptor is not None])
    return image._replace(layers=tuple(layers), manifest=manifest)


def _compressed(layer: Layer, form: Form, directory: Path) -> PackedLayer:
    kind: Compression = "zstd" if form.compression == "zstd" else "gzip"
    file = directory / layer.diff_id.hex
    with layer.open() as plain, CompressingReader(plain, kind, form.level) as made:
        with open(file, "wb", buffering=0) as sink, ReadAhead(made) as ahead:
            while piece := ahead.take():
                while piece:
                    piece = memoryview(piece)[os.write(sink.fileno(), piece) :]
        result = made.result
    if result.diff_id != layer.diff_id:
        raise CorruptError(
            f"layer {layer.diff_id.short} is damaged: its digest is {result.diff_id.short}",
            hint="check the store: boxwright fsck",
        )
    return PackedLayer(layer, Descriptor(form.layer_type(kind), result.digest, result.size), file)

"""OCI image layouts (image-spec image-layout.md), as directories and as tar archives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from boxwright.errors import CorruptError, InvalidError, NotFoundError, UnsupportedError
from boxwright.host import durable
from boxwright.host.paths import Path
from boxwright.image.image import Image, Layer, validated
from boxwright.image.tarball import ArchiveWriter
from boxwright.image.tree import Tree, read
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import DiffID, Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, parse_manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import DEFAULT_TAG, Reference
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.image.form import Form

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
MAX_CONFIG_BYTES = 8 << 20
_MAX_NESTING = 4


class NotAnOciLayout(CorruptError):
    def __init__(self, why: str) -> None:
        super().__init__(f"not an OCI image layout: {why}")


class ImageNotInLayout(NotFoundError):
    def __init__(self, wanted: str) -> None:
        super().__init__(f"no image for {wanted} in the layout", hint="look into its index.json for what it has")


class Named(NamedTuple):
    """An image and the names that it has, or shall get."""

    image: Image
    refs: tuple[Reference, ...] = ()
    annotations: Mapping[str, str] = {}
    """Of its entry in an index."""


class Blob(NamedTuple):
    """A blob to be written: its content is at hand, or a layer's to be streamed."""

    digest: Digest
    size: int
    content: bytes | Layer
    packed: bool = True
    """Whether a layer is written as it is packed, or as a plain tar."""

    def open(self) -> BinaryIO:
        import io

        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open_packed() if self.packed else self.content.open()


class Packed(NamedTuple):
    """An image in the form in which a layout holds it."""

    manifest: Manifest
    layers: tuple[Blob, ...]
    config: Blob
    platform: Platform | None
    refs: tuple[Reference, ...]
    annotations: Mapping[str, str] = {}

    @property
    def descriptor(self) -> Descriptor:
        """What an index says of it."""
        return self.manifest.descriptor._replace(platform=self.platform, annotations=self.annotations)

    def blobs(self) -> Iterator[Blob]:
        yield from self.layers
        yield self.config
        yield Blob(self.manifest.digest, len(self.manifest.raw), self.manifest.raw)


class Indexed(NamedTuple):
    """An image for several platforms in the form in which a layout holds it: an index of others."""

    listing: Index
    images: tuple[Packed, ...]
    refs: tuple[Reference, ...]
    annotations: Mapping[str, str] = {}

    @property
    def descriptor(self) -> Descriptor:
        return self.listing.descriptor._replace(annotations=self.annotations)

    def blobs(self) -> Iterator[Blob]:
        for image in self.images:
            yield from image.blobs()
        yield Blob(self.listing.digest, len(self.listing.raw), self.listing.raw)


def pack(named: Named, *, compressions: Sequence[str] = ("gzip", "zstd", "none")) -> Packed:
    """Return how a layout holds an image: with its own manifest where its layers are packed as that says.

    A layer that is packed in none of `compressions`, or not at all, becomes a plain tar.
    """
    image = named.image
    layers, descriptors = [], []
    for layer in image.layers:
        packed = layer.descriptor
        if packed is not None and media.compression_of(packed.media_type) in compressions:
            layers.append(Blob(packed.digest, packed.size, layer))
            descriptors.append(Descriptor(packed.media_type, packed.digest, packed.size))
        else:
            layers.append(Blob(layer.diff_id, layer.size, layer, packed=False))
            descriptors.append(Descriptor(media.OCI_LAYER, layer.diff_id, layer.size))
    manifest = image.manifest
    if manifest is None or [layer.digest for layer in manifest.layers] != [layer.digest for layer in descriptors]:
        config = Descriptor(media.OCI_CONFIG, image.id, len(image.config_bytes))
        manifest = Manifest.build(config, [_as_oci(descriptor) for descriptor in descriptors])
    config_blob = Blob(image.id, len(image.config_bytes), image.config_bytes)
    return Packed(manifest, tuple(layers), config_blob, image.config.platform, named.refs, named.annotations)


def indexed(images: Sequence[Image], form: Form, refs: tuple[Reference, ...] = ()) -> Indexed:
    """Return how a layout holds an image for several platforms; `form` says what its index is like."""
    packed = tuple(pack(Named(image)) for image in images)
    entries = [form.entry(image, each.manifest) for image, each in zip(images, packed, strict=True)]
    listing = Index.build(entries, media_type=form.index_type, annotations=form.annotations_for("index"))
    return Indexed(listing, packed, refs, form.annotations_for("index-descriptor"))


def _as_oci(descriptor: Descriptor) -> Descriptor:
    compression = media.compression_of(descriptor.media_type)
    return descriptor._replace(media_type=media.oci_layer(compression)) if compression else descriptor


def _tag(ref: Reference) -> str:
    return ref.with_default_tag().tag or ""


def index_of(images: Iterable[Packed | Indexed], *, ref_name: Callable[[Reference], str] = _tag) -> bytes:
    """Return the index.json of a layout: an entry for each name, and one for each image without.

    Containerd's annotation has the whole name, the specification's what `ref_name` makes of it: the tag, as others do.
    """
    entries = []
    for packed in images:
        descriptor = packed.descriptor
        for ref in packed.refs:
            names = {**descriptor.annotations, CONTAINERD_NAME: str(ref.with_default_tag()), REF_NAME: ref_name(ref)}
            entries.append(descriptor._replace(annotations=names))
        if not packed.refs:
            entries.append(descriptor)
    value = {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [entry.to_json() for entry in entries],
    }
    return json.dumps(value, separators=(",", ":")).encode()


def distinct(images: Iterable[Packed | Indexed]) -> Iterator[Blob]:
    """Yield every blob once, each image's layers first."""
    seen: set[Digest] = set()
    for packed in images:
        for blob in packed.blobs():
            if blob.digest not in seen:
                seen.add(blob.digest)
                yield blob


def write_archive(images: Sequence[Named], sink: BinaryIO) -> None:
    """Write a layout as a tar archive; the bytes are a pure function of the images."""
    write_packed([pack(named) for named in images], sink)


def write_packed(packed: Sequence[Packed | Indexed], sink: BinaryIO) -> None:
    """Write a layout of what is packed already as a tar archive."""
    writer = ArchiveWriter(sink)
    writer.file("oci-layout", OCI_LAYOUT)
    writer.file("index.json", index_of(packed))
    write_blobs(packed, writer)
    writer.finish()


def write_blobs(images: Iterable[Packed | Indexed], writer: ArchiveWriter) -> None:
    """Write the ``blobs`` of a layout into an archive."""
    writer.directory("blobs")
    writer.directory("blobs/sha256")
    for blob in distinct(images):
        with blob.open() as stream:
            writer.stream(f"blobs/{blob.digest.algorithm}/{blob.digest.hex}", blob.size, stream)


def write_directory(images: Sequence[Named], path: Path) -> None:
    """Write a layout into a directory, made when missing; an existing layout there gets the images added.

    Entries of an existing index that have one of the new names are replaced. Each file is there whole or not at all,
    the index last.
    """
    write_packed_directory([pack(named) for named in images], path)


def write_packed_directory(packed: Sequence[Packed | Indexed], path: Path) -> None:
    """Write a layout of what is packed already into a directory, as `write_directory` does."""
    for blob in distinct(packed):
        target = path / "blobs" / blob.digest.algorithm / blob.digest.hex
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with blob.open() as stream, durable.replacing(target) as sink:
            ArchiveWriter(sink).copy(stream, blob.size)
    durable.write(path / "oci-layout", OCI_LAYOUT)
    index = path / "index.json"
    fresh = json.loads(index_of(packed))
    if index.exists():
        fresh["manifests"] = _merged(index.read_bytes(), fresh["manifests"])
    durable.write(index, json.dumps(fresh, separators=(",", ":")).encode())


def _merged(raw: bytes, added: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = parse_manifest(raw, media.OCI_INDEX)
    if not isinstance(known, Index):
        raise NotAnOciLayout("its index.json is no index")
    names = {entry.get("annotations", {}).get(CONTAINERD_NAME) for entry in added} - {None}
    digests = {entry["digest"] for entry in added}
    kept = [
        entry.to_json()
        for entry in known.manifests
        if entry.annotations.get(CONTAINERD_NAME) not in names
        and not (entry.digest in digests and not entry.annotations)
    ]
    return [*kept, *added]


class TreeLayer:
    """A layer in a layout or archive (see `Layer`)."""

    __slots__ = ("_name", "_size", "_tree", "descriptor", "diff_id")

    def __init__(self, tree: Tree, name: str, diff_id: DiffID, descriptor: Descriptor | None) -> None:
        self._tree = tree
        self._name = name
        self._size: int | None = None
        self.diff_id = diff_id
        self.descriptor = descriptor

    @property
    def size(self) -> int:
        if self._size is None:
            self._size = 0
            with self.open() as stream:
                while data := stream.read(1 << 20):
                    self._size += len(data)
        return self._size

    def open(self) -> BinaryIO:
        from boxwright.image.unpacked import Unpacked

        return Unpacked(self._tree.open(self._name))

    def open_packed(self) -> BinaryIO:
        return self._tree.open(self._name) if self.descriptor is not None else self.open()


def is_layout(tree: Tree) -> bool:
    return tree.has("oci-layout") and tree.has("index.json")


def read_layout(tree: Tree, platform: Platform) -> list[Named]:
    """Return the images of a layout, each once with all its names; the tree stays open as long as they are used.

    Of an image for several platforms it is the one for `platform`, else the only one whose blobs are there. What is no
    image (attestations, signatures, charts) is passed over. Digests of manifests and configurations are verified,
    layers by whoever reads them. Raises NotAnOciLayout, ImageNotInLayout, CorruptError.
    """
    index = _index(tree)
    found: dict[Digest, Named] = {}
    for entry in index.manifests:
        if _is_attestation(entry):
            continue
        manifest = _resolve(tree, entry, platform)
        if manifest is None:
            continue
        name = name_of(entry)
        known = found.get(manifest.digest)
        if known is None:
            known = Named(image_of(tree, manifest))
        if name is not None and name not in known.refs:
            known = known._replace(refs=(*known.refs, name))
        found[manifest.digest] = known
    if not found:
        raise ImageNotInLayout(str(platform))
    return list(found.values())


def image_in(tree: Tree, platform: Platform, *, tag: str | None = None, digest: Digest | None = None) -> Image:
    """Return one image of a layout: that of a digest, else of a tag, else the only one. Otherwise as `read_layout`.

    Without a tag it is the one of ``latest``, or the only one. `digest` may be that of any manifest or index there.
    """
    index = _index(tree)
    entries = [entry for entry in index.manifests if not _is_attestation(entry)]
    if digest is not None:
        chosen = next((entry for entry in entries if entry.digest == digest), None)
        if chosen is None and tree.has(blob_name(digest)):
            chosen = parse_manifest(verified(tree, digest, MAX_MANIFEST_BYTES)).descriptor
    else:
        wanted = tag or DEFAULT_TAG
        chosen = next((entry for entry in reversed(entries) if wanted in _tags(entry)), None)
        if chosen is None and tag is None and len({entry.digest for entry in entries}) == 1:
            chosen = entries[0]
    manifest = _resolve(tree, chosen, platform) if chosen is not None else None
    if manifest is None:
        raise ImageNotInLayout(digest or tag or DEFAULT_TAG)
    return image_of(tree, manifest)


def _tags(entry: Descriptor) -> set[str]:
    name = name_of(entry)
    return {entry.annotations.get(REF_NAME, ""), name.tag or "" if name is not None else ""}


def _index(tree: Tree) -> Index:
    if not is_layout(tree):
        raise NotAnOciLayout("oci-layout or index.json is missing")
    version = _json(read(tree, "oci-layout", 1 << 16), "oci-layout").get("imageLayoutVersion")
    if version != "1.0.0":
        raise UnsupportedError(f"image layout version {version!r} is not supported", hint="1.0.0 is")
    index = parse_manifest(read(tree, "index.json", MAX_MANIFEST_BYTES), media.OCI_INDEX)
    if not isinstance(index, Index):
        raise NotAnOciLayout("its index.json is no index")
    return index


def manifests_in(tree: Tree) -> Iterator[Manifest]:
    """Yield every image manifest that a layout's index leads to and whose bytes are there."""
    index = parse_manifest(read(tree, "index.json", MAX_MANIFEST_BYTES), media.OCI_INDEX)
    pending = [(entry, 0) for entry in index.manifests] if isinstance(index, Index) else []
    while pending:
        entry, depth = pending.pop(0)
        if depth > _MAX_NESTING or not tree.has(blob_name(entry.digest)):
            continue
        parsed = parse_manifest(verified(tree, entry.digest, MAX_MANIFEST_BYTES), entry.media_type)
        if isinstance(parsed, Index):
            pending.extend((inner, depth + 1) for inner in parsed.manifests)
        elif is_image(parsed):
            yield parsed


def is_image(manifest: Manifest) -> bool:
    """Whether a manifest is that of an image, and not an artifact in its form."""
    known = (media.OCI_CONFIG, media.DOCKER_CONFIG)
    return manifest.config.media_type in known and all(
        media.compression_of(layer.media_type) is not None for layer in manifest.layers
    )


def image_of(tree: Tree, manifest: Manifest) -> Image:
    """Return the image of a manifest whose blobs are in the tree. Raises CorruptError, InvalidImage."""
    raw = verified(tree, manifest.config.digest, MAX_CONFIG_BYTES)
    config = ImageConfig.parse(raw)
    layers = tuple(
        TreeLayer(tree, blob_name(descriptor.digest), diff_id, descriptor)
        for descriptor, diff_id in zip(manifest.layers, config.diff_ids, strict=False)
    )
    return validated(Image(raw, config, layers, manifest))


def verified(tree: Tree, digest: Digest, limit: int) -> bytes:
    """Return a small blob. Raises MissingFile, FileTooLarge, CorruptError when it isn't what its name says."""
    import hashlib

    raw = read(tree, blob_name(digest), limit)
    if hashlib.new(digest.algorithm, raw).hexdigest() != digest.hex:
        raise CorruptError(f"blob {digest.short} of the image archive is damaged: its digest is another one")
    return raw


def blob_name(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def name_of(descriptor: Descriptor) -> Reference | None:
    """Return the full name that an index gives an entry, or None: a mere tag names no image."""
    for key in (CONTAINERD_NAME, REF_NAME):
        text = descriptor.annotations.get(key, "")
        if "/" in text or ":" in text:
            try:
                ref = Reference.parse(text)
            except InvalidError:
                continue  # the specification allows any text
            return ref._replace(digest=None).with_default_tag()
    return None


def _is_attestation(descriptor: Descriptor) -> bool:
    return descriptor.platform is not None and descriptor.platform.os == "unknown"


def _resolve(tree: Tree, entry: Descriptor, platform: Platform, depth: int = 0) -> Manifest | None:
    if depth > _MAX_NESTING:
        raise NotAnOciLayout(f"indexes nested more than {_MAX_NESTING} deep")
    if entry.media_type not in (*media.MANIFESTS, *media.INDEXES):
        return None
    parsed = parse_manifest(verified(tree, entry.digest, MAX_MANIFEST_BYTES), entry.media_type)
    if isinstance(parsed, Manifest):
        return parsed if is_image(parsed) else None
    chosen = parsed.select(platform)
    if chosen is None or not tree.has(blob_name(chosen.digest)):
        there = [
            inner for inner in parsed.manifests if tree.has(blob_name(inner.digest)) and not _is_attestation(inner)
        ]
        if len(there) != 1:
            raise ImageNotInLayout(str(platform))
        chosen = there[0]
    return _resolve(tree, chosen, platform, depth + 1)


def _json(raw: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise NotAnOciLayout(f"{name} is not JSON") from None
    if not isinstance(value, dict):
        raise NotAnOciLayout(f"{name} is not an object")
    return value

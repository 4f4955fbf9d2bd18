"""How an image leaves: packed in which way, described by which media types, with which annotations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from boxwright.errors import InvalidError
from boxwright.image.image import Image, Layer
from boxwright.oci import media
from boxwright.oci.manifest import Descriptor, Manifest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

Target: TypeAlias = Literal["manifest", "index", "manifest-descriptor", "index-descriptor"]
TARGETS: Final[tuple[Target, ...]] = ("manifest", "index", "manifest-descriptor", "index-descriptor")
COMPRESSIONS: Final = ("gzip", "zstd", "none")

_LEVELS = {"gzip": (0, 9), "zstd": (1, 22)}
_WHERE = re.compile(r"([a-z-]+)(?:\[([A-Za-z0-9_./-]+)\])?")
_DOCKER_LAYERS = {"gzip": media.DOCKER_LAYER_GZIP, "none": media.DOCKER_LAYER}


class Annotation(NamedTuple):
    target: Target
    key: str
    value: str
    platform: Platform | None = None
    """Of the manifests that it is for; None for all."""

    @classmethod
    def parse(cls, text: str) -> list[Annotation]:
        """Parse ``[type[,type][[platform]]:]key=value``; the type is ``manifest`` where none is given.

        Raises InvalidError.
        """
        left, equals, value = text.partition("=")
        where, colon, key = left.rpartition(":")
        if colon and not _is_where(where):
            where, key = "", left  # a colon of the key itself
        if not equals or not key or key != key.strip():
            raise InvalidError(f"invalid annotation {text[:200]!r}", hint="an annotation looks like manifest:key=value")
        return [cls.of(each, key, value) for each in (where or "manifest").split(",")]

    @classmethod
    def of(cls, where: str, key: str, value: str) -> Annotation:
        """Return an annotation for ``type`` or ``type[platform]``. Raises InvalidError."""
        match = _WHERE.fullmatch(where)
        target = next((target for target in TARGETS if match and target == match[1]), None)
        if match is None or target is None:
            raise InvalidError(f"unknown type of annotation {where[:100]!r}", hint=f"it is one of {', '.join(TARGETS)}")
        if match[2] and not target.startswith("manifest"):
            raise InvalidError(f"an index is for all platforms: {where[:100]}", hint=f"leave [{match[2]}] out")
        return cls(target, key, value, Platform.parse(match[2]) if match[2] else None)


def _is_where(text: str) -> bool:
    return all((match := _WHERE.fullmatch(part)) and match[1] in TARGETS for part in text.split(","))


class Form(NamedTuple):
    """How an image leaves; the default is that of everything that nobody asked otherwise for."""

    compression: str = "gzip"
    """One of COMPRESSIONS: of layers that aren't compressed yet."""
    level: int | None = None
    """None for the fastest."""
    force: bool = False
    """Pack layers anew that are compressed in another way."""
    docker: bool = False
    """Use Docker's media types instead of OCI's."""
    annotations: tuple[Annotation, ...] = ()

    def checked(self) -> Form:
        """Return this form, having checked that its parts go together. Raises InvalidError."""
        bounds = _LEVELS.get(self.compression)
        if self.level is not None and bounds and not bounds[0] <= self.level <= bounds[1]:
            raise InvalidError(
                f"invalid compression level {self.level} for {self.compression}",
                hint=f"use {bounds[0]} to {bounds[1]}",
            )
        if self.docker and (self.compression == "zstd" or self.annotations):
            what = "zstd" if self.compression == "zstd" else "annotations"
            raise InvalidError(f"Docker's media types have no {what}", hint="leave oci-mediatypes=false out")
        return self

    def compressed(self, text: str) -> Form:
        """Return this form with another compression, written as `packing` is: ``zstd``, ``zstd:19``, ``none``.

        Raises InvalidError.
        """
        name, colon, level = text.partition(":")
        if name not in COMPRESSIONS or (colon and not (level.isascii() and level.isdigit() and len(level) < 4)):
            hint = f"it is one of {', '.join(COMPRESSIONS)}, perhaps with a level: zstd:19"
            raise InvalidError(f"invalid compression {text[:100]!r}", hint=hint)
        if name == "none" and colon:
            raise InvalidError("what isn't compressed has no level", hint="leave the level out")
        return self._replace(compression=name, level=int(level) if colon else None).checked()

    @property
    def packing(self) -> str:
        """A name of how layers are compressed, the same for the same bytes: ``gzip``, ``zstd:19``."""
        return self.compression if self.level is None else f"{self.compression}:{self.level}"

    def layer_type(self, compression: str) -> str:
        return _DOCKER_LAYERS[compression] if self.docker else media.oci_layer(compression)

    def annotations_for(self, target: Target, platform: Platform | None = None) -> dict[str, str]:
        """Return the annotations of a part of the image; later ones win over earlier ones."""
        return {
            each.key: each.value
            for each in self.annotations
            if each.target == target and each.platform in (None, platform)
        }

    def keeps(self, image: Image) -> bool:
        """Whether an image leaves with the manifest that it came with, byte for byte."""
        if image.manifest is None or self.docker or self.annotations_for("manifest", image.config.platform):
            return False
        return not self.force or all(
            media.compression_of(layer.media_type) == self.compression for layer in image.manifest.layers
        )

    def as_it_is(self, image: Image, layer: Layer) -> Descriptor | None:
        """Return how a layer leaves when it leaves as it is packed; None when it is to be packed for it."""
        blob = layer.descriptor
        if blob is None or self.keeps(image):
            return blob
        compression = media.compression_of(blob.media_type)
        if compression is None or (compression != self.compression and (self.force or compression == "none")):
            return None
        if self.docker and compression == "zstd":
            return None
        return Descriptor(self.layer_type(compression), blob.digest, blob.size)

    def manifest(self, image: Image, layers: Sequence[Descriptor]) -> Manifest:
        """Return the manifest with which an image leaves, its layers packed as `layers` say."""
        if self.keeps(image):
            assert image.manifest is not None
            return image.manifest
        config = Descriptor(media.DOCKER_CONFIG if self.docker else media.OCI_CONFIG, image.id, len(image.config_bytes))
        return Manifest.build(
            config,
            layers,
            media_type=media.DOCKER_MANIFEST if self.docker else media.OCI_MANIFEST,
            annotations=self.annotations_for("manifest", image.config.platform),
        )

    def entry(self, image: Image, manifest: Manifest) -> Descriptor:
        """Return what an index says of an image's manifest."""
        platform = image.config.platform
        annotations = self.annotations_for("manifest-descriptor", platform)
        return manifest.descriptor._replace(platform=platform, annotations=annotations)

    @property
    def index_type(self) -> str:
        return media.DOCKER_LIST if self.docker else media.OCI_INDEX

    def to_json(self) -> str:
        """Return the text that `from_json` reads; empty for the default."""
        if self == Form():
            return ""
        value = {
            "compression": self.compression,
            "level": self.level,
            "force": self.force,
            "docker": self.docker,
            "annotations": [
                [each.target, each.key, each.value, str(each.platform) if each.platform else None]
                for each in self.annotations
            ],
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Form:
        if not text:
            return cls()
        value: Mapping[str, Any] = json.loads(text)
        annotations: Iterable[Sequence[Any]] = value["annotations"]
        return cls(
            value["compression"],
            value["level"],
            value["force"],
            value["docker"],
            tuple(
                Annotation(target, key, text, Platform.parse(platform) if platform else None)
                for target, key, text, platform in annotations
            ),
        )

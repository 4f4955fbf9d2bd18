"""What the tests of the registry share: small images as values and as an OCI layout, and a server in this process."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from boxwright.oci import media


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(media_type: str, data: bytes, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


class SmallImage(NamedTuple):
    """An image of one layer with one file."""

    layer: bytes
    config: bytes
    manifest: bytes

    @classmethod
    def of(cls, content: bytes = b"hello\n", *, docker: bool = False) -> SmallImage:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            member = tarfile.TarInfo("greeting")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        tar = stream.getvalue()
        layer = gzip.compress(tar, 1, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/greeting"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(tar)]},
                "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "test"}],
            }
        ).encode()
        value = {
            "schemaVersion": 2,
            "mediaType": media.DOCKER_MANIFEST if docker else media.OCI_MANIFEST,
            "config": descriptor(media.DOCKER_CONFIG if docker else media.OCI_CONFIG, config),
            "layers": [descriptor(media.DOCKER_LAYER_GZIP if docker else media.OCI_LAYER_GZIP, layer)],
        }
        return cls(layer, config, json.dumps(value).encode())

    @property
    def media_type(self) -> str:
        return str(json.loads(self.manifest)["mediaType"])

    @property
    def blobs(self) -> tuple[bytes, bytes]:
        return self.layer, self.config

    def write_layout(self, root: Path) -> None:
        """Write an OCI image layout with the one tag ``latest``."""
        blobs = root / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for data in (*self.blobs, self.manifest):
            (blobs / digest_of(data).partition(":")[2]).write_bytes(data)
        entry = descriptor(self.media_type, self.manifest)
        entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

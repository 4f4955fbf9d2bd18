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
    def of(cls, content: bytes = b"hello\n", *, docker: bool = False, architecture: str = "amd64") -> SmallImage:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            member = tarfile.TarInfo("greeting")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        tar = stream.getvalue()
        layer = gzip.compress(tar, 1, mtime=0)
        config = json.dumps(
            {
                "architecture": architecture,
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


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The error code of a JSON error body."""
        try:
            return str(json.loads(self.body)["errors"][0]["code"])
        except (ValueError, KeyError, TypeError):
            return None

    def json(self) -> Any:
        return json.loads(self.body)


class Registry:
    """A client of a registry that runs in this process on a free port of the loopback."""

    def __init__(self, session: Any, host: str, port: int, application: Any) -> None:
        self.session = session
        self.host = host
        self.port = port
        self.application = application

    async def __call__(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """Send one request as it is; ``content_range="0-1"`` is the header Content-Range."""
        from yarl import URL

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes) and len(body) > 1 << 20:
            body = io.BytesIO(body)  # aiohttp warns of larger bytes
        url = URL(f"http://{self.host}:{self.port}{target}", encoded=True)
        async with self.session.request(
            method, url, data=body, headers=named, allow_redirects=False, skip_auto_headers=("Content-Type",)
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def push_blob(self, name: str, data: bytes, algorithm: str = "sha256") -> str:
        digest = digest_of(data, algorithm)
        answer = await self("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    async def push_image(self, name: str, tag: str, image: SmallImage) -> str:
        for data in image.blobs:
            await self.push_blob(name, data)
        return await self.push_manifest(name, tag, image.manifest, image.media_type)

    async def push_manifest(self, name: str, reference: str, raw: bytes, media_type: str = media.OCI_MANIFEST) -> str:
        answer = await self("PUT", f"/v2/{name}/manifests/{reference}", raw, content_type=media_type)
        assert answer.status == 201, answer
        return answer.headers["Docker-Content-Digest"]

    async def start_upload(self, name: str) -> str:
        answer = await self("POST", f"/v2/{name}/blobs/uploads/")
        assert answer.status == 202, answer
        return answer.headers["Location"]


@asynccontextmanager
async def registry(
    root: Path | None = None, *, idle: float = 300.0, observe: Callable[[Any], Any] | None = None, **options: Any
) -> AsyncIterator[Registry]:
    """Serve for the block: from `root` with files and SQLite, or from memory. `options` go to the application.

    `observe` makes an Observer out of Workers.
    """
    import aiohttp
    from aiohttp import web

    from boxwright.hub.db.database import Database, default_url
    from boxwright.hub.db.memory import MemoryMetadata
    from boxwright.hub.db.metadata import MetadataStore
    from boxwright.hub.db.sql import SQLMetadata
    from boxwright.hub.registry.application import Application
    from boxwright.hub.registry.server import make_server
    from boxwright.hub.registry.workers import Workers
    from boxwright.hub.storage.base import BlobStorage
    from boxwright.hub.storage.filesystem import FilesystemBlobStorage
    from boxwright.hub.storage.memory import MemoryBlobStorage

    storage: BlobStorage = MemoryBlobStorage() if root is None else FilesystemBlobStorage(root)
    metadata: MetadataStore = MemoryMetadata() if root is None else SQLMetadata(Database(default_url(root)))
    workers = Workers()
    observer = observe(workers) if observe else None
    if observer is not None:
        storage = observer.watch(storage, metadata)
    application = Application(storage, metadata, workers, **options)
    runner = web.ServerRunner(make_server(application, workers, observer, idle=idle), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Registry(session, host, port, application)
    finally:
        await runner.cleanup()
        application.sessions.close()
        workers.close()
        metadata.close()


def run(scenario: Callable[[Registry], Coroutine[Any, Any, None]], root: Path | None = None, **options: Any) -> None:
    """Run a scenario against a fresh registry."""

    async def main() -> None:
        async with registry(root, **options) as client:
            await scenario(client)

    asyncio.run(main())

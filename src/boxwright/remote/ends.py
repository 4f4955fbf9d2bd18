"""Where images are copied from and to: a registry, or something else that answers as one does.

`boxwright.remote.client.RegistryClient` is both ends, and so is a folder (`boxwright.remote.layout`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.upload import BlobSource, Uploaded


class Reader(Protocol):
    """The bytes of a blob."""

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, nothing at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sender(Protocol):
    """One blob on its way: see `boxwright.remote.upload.Upload`."""

    def mount(self, digest: Digest, source: str) -> str | None: ...

    def send(self, source: BlobSource, url: str | None = None) -> Uploaded: ...


class End(Protocol):
    """What both ends of a copy can do: see `boxwright.remote.client.RegistryClient`. Threads may share it."""

    @property
    def domain(self) -> str: ...

    def resolve(self, reference: Reference) -> Descriptor | None: ...

    def fetch(self, reference: Reference, entry: Descriptor | None = None) -> Manifest | Index: ...

    def stat_blob(self, path: str, digest: Digest) -> int | None: ...

    def referrers(self, path: str, subject: Digest) -> list[Descriptor]: ...


class Source(End, Protocol):
    """Where images are copied from."""

    def read_blob(self, path: str, descriptor: Descriptor, position: int = 0) -> Reader: ...


class Target(End, Protocol):
    """Where images are copied to."""

    def put_manifest(self, path: str, tag: str, manifest: Manifest | Index) -> Digest: ...

    def put_referrer(self, path: str, subject: Digest, manifest: Manifest | Index, described: Descriptor) -> None: ...

    def upload(self, path: str, progress: Callable[[int], object] | None = None) -> Sender: ...

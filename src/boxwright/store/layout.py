"""Where everything is on disk. No other module joins these names.

ROOT
├── boxwright.db                    SQLite: every row (database.py)
├── content/                        an OCI image layout
│   ├── oci-layout
│   ├── index.json                  the manifests whose blobs are all here (content_index.py)
│   └── blobs/<algorithm>/<hex>
├── ingest/<random>                 blobs being written and scratch directories, locked by their makers
├── ingest/partial-<boot>-<digest>  blobs that came in part, for the next pull to take up
├── snapshots/
│   ├── <id>/fs                     one layer's own files, in overlay form
│   ├── .draft-<random>/{fs,work}   a layer being made, locked by its maker
│   └── .trash-<random>             being removed
├── containers/<id>/                upper, work, spec, logs, exit
├── volumes/<name>/data
├── cache/mounts/<name>/            RUN --mount=type=cache (cache_mounts.py)
└── locks/<kind>-<name>             flock
"""

from __future__ import annotations

import os

from boxwright.errors import DeniedError
from boxwright.host import durable
from boxwright.host.paths import Path, StrPath
from boxwright.host.spread import spread_children
from boxwright.values import NamedTuple

OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
EMPTY_INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'

DRAFT = ".draft-"
TRASH = ".trash-"


class StoreDenied(DeniedError):
    """The store's directory cannot be read or written by this user."""

    def __init__(self, root: StrPath, why: str) -> None:
        super().__init__(
            f"cannot use the store in {root}: {why}",
            hint="run as root, or name a directory of your own: --root DIR or BOXWRIGHT_ROOT=DIR",
        )
        self.root = root


class Layout(NamedTuple):
    root: Path

    @property
    def database(self) -> Path:
        return self.root / "boxwright.db"

    @property
    def content(self) -> Path:
        return self.root / "content"

    @property
    def ingest(self) -> Path:
        return self.root / "ingest"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def containers(self) -> Path:
        return self.root / "containers"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def cache_mounts(self) -> Path:
        return self.root / "cache" / "mounts"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    def lock(self, kind: str, name: str) -> Path:
        """The file to flock for one object; `name` is made of characters that a file name may have."""
        return self.locks / f"{kind}-{name}"

    def create(self) -> None:
        """Make every directory and the empty image layout. Idempotent, also beside another process that does it."""
        try:
            # Layers and volumes hold setuid programs and secrets: other users of the machine do not get in.
            self.root.mkdir(mode=0o710, parents=True, exist_ok=True)
            for private in (self.snapshots, self.containers, self.volumes, self.ingest, self.locks):
                private.mkdir(mode=0o700, exist_ok=True)
            spread_children(self.snapshots)
            spread_children(self.containers)
            os.close(os.open(self.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            for shared in (self.content / "blobs" / "sha256", self.cache_mounts):
                shared.mkdir(parents=True, exist_ok=True)
            if not (self.content / "index.json").exists():
                self.write_content_files()
            durable.sync_directory(self.root)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise StoreDenied(self.root, (error.strerror or "permission denied").lower()) from None

    def write_content_files(self) -> None:
        """Write what makes ``content`` an image layout, the index only where it is missing."""
        durable.write(self.content / "oci-layout", OCI_LAYOUT)
        if not (self.content / "index.json").exists():
            durable.write(self.content / "index.json", EMPTY_INDEX)

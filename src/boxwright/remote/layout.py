"""An OCI image layout in a folder, which answers as a registry with one repository does: an end of a copy.

Its index has an entry for each tag (``org.opencontainers.image.ref.name``) and one without for each artifact that
refers to something, as other tools write it. Blobs come before the manifests that name them, and these before the
index; so a layout is sound whenever a copy is killed.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import BinaryIO

from boxwright.errors import CorruptError, InvalidError, NotFoundError
from boxwright.host import durable
from boxwright.host.locks import locked
from boxwright.host.paths import Path
from boxwright.image.oci_layout import OCI_LAYOUT, REF_NAME, NotAnOciLayout, blob_name, is_layout, verified
from boxwright.image.tree import Directory, MissingFile, read
from boxwright.oci import media
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, Index, Manifest, parse_manifest
from boxwright.oci.reference import Reference
from boxwright.remote.upload import BlobSource, Uploaded

_LOCK = ".lock"
_MAX_INDEX_BYTES = 64 << 20


class NotInLayout(NotFoundError):
    """A layout has nothing under a name."""

    def __init__(self, domain: str, reference: Reference) -> None:
        super().__init__(f"{domain} has no {reference.digest or reference.tag}")
        self.reference = reference


class LayoutFolder:
    """A layout, as `boxwright.remote.ends.Source` and `Target`. Threads may share it; paths are not looked at.

    Methods raise OSError when the folder cannot be used, and CorruptError for what is in it.
    """

    def __init__(self, folder: Path) -> None:
        self.domain = f"oci:{folder}"
        self._folder = folder
        self._lock = threading.Lock()
        self._tree: Directory | None = None
        self._subjects: dict[Digest, Digest | None] = {}

    # ---- as a source

    def resolve(self, reference: Reference) -> Descriptor | None:
        """Return what a tag or digest names, None when it isn't there."""
        tree = self._opened()
        if tree is None:
            return None
        if reference.digest is not None:
            if not tree.has(blob_name(reference.digest)):
                return None
            return parse_manifest(verified(tree, reference.digest, MAX_MANIFEST_BYTES)).descriptor
        return next((entry for entry in self._entries() if _tag_of(entry) == reference.tag), None)

    def fetch(self, reference: Reference, entry: Descriptor | None = None) -> Manifest | Index:
        """Return what a tag or digest names, verified. Raises NotInLayout."""
        found = entry or self.resolve(reference)
        tree = self._opened()
        if found is None or tree is None or not tree.has(blob_name(found.digest)):
            raise NotInLayout(self.domain, reference)
        return parse_manifest(verified(tree, found.digest, MAX_MANIFEST_BYTES), found.media_type or None)

    def stat_blob(self, path: str, digest: Digest) -> int | None:
        """Return the size of a blob, None when it isn't there."""
        tree = self._opened()
        try:
            return tree.size(blob_name(digest)) if tree is not None else None
        except MissingFile:
            return None

    def read_blob(self, path: str, descriptor: Descriptor, position: int = 0) -> FileReader:
        """Return a blob from `position` on; it isn't verified. Raises MissingFile."""
        tree = self._opened()
        if tree is None:
            raise MissingFile(blob_name(descriptor.digest))
        stream = tree.open(blob_name(descriptor.digest))
        stream.seek(position)
        return FileReader(stream, descriptor.size - position)

    def referrers(self, path: str, subject: Digest) -> list[Descriptor]:
        """Return what refers to a digest, each once."""
        tree = self._opened()
        if tree is None:
            return []
        found: dict[Digest, Descriptor] = {}
        for entry in self._entries():
            if self._refers_to(tree, entry) == subject:
                found.setdefault(entry.digest, entry)
        return list(found.values())

    def tags(self, path: str) -> Iterator[str]:
        """Every tag, in the index's order."""
        return iter([tag for entry in self._entries() if (tag := _tag_of(entry)) is not None])

    # ---- as a target

    def put_manifest(self, path: str, tag: str, manifest: Manifest | Index) -> Digest:
        """Store a manifest under a tag, or by its digest alone. Idempotent."""
        self._store(manifest)
        if ":" not in tag:
            named = manifest.descriptor._replace(annotations={REF_NAME: tag})
            self._change(lambda entries: [*(one for one in entries if _tag_of(one) != tag), named])
        return manifest.digest

    def put_referrer(self, path: str, subject: Digest, manifest: Manifest | Index, described: Descriptor) -> None:
        """Store an artifact and list it. Idempotent."""
        self._store(manifest)
        annotations = {name: value for name, value in described.annotations.items() if name != REF_NAME}
        listed = described._replace(digest=manifest.digest, size=len(manifest.raw), annotations=annotations)

        def with_it(entries: list[Descriptor]) -> list[Descriptor]:
            there = any(one.digest == manifest.digest and _tag_of(one) is None for one in entries)
            return entries if there else [*entries, listed]

        self._change(with_it)

    def upload(self, path: str, progress: Callable[[int], object] | None = None) -> FileSender:
        """Return what brings a blob into the folder."""
        return FileSender(self._folder, progress)

    def delete(self, path: str, name: str) -> None:
        """Remove a tag; what it named stays until `collect`. Idempotent."""
        self._change(lambda entries: [one for one in entries if _tag_of(one) != name])

    def collect(self) -> int:
        """Remove blobs that nothing in the index leads to, and artifacts of what is gone; return how many blobs.

        Nothing may be copied into the folder meanwhile.
        """
        tree = self._opened()
        if tree is None:
            return 0
        needed: set[Digest] = set()
        self._change(lambda entries: self._living(tree, entries, needed))
        gone = 0
        for folder in (self._folder / "blobs").iterdir():
            for file in folder.iterdir():
                if f"{folder.name}:{file.name}" not in needed:
                    file.unlink()
                    gone += 1
        return gone

    def close(self) -> None:
        if self._tree is not None:
            self._tree.close()
            self._tree = None

    # ---- inside

    def _opened(self) -> Directory | None:
        """Return the folder's files, None when there is no layout. Raises NotAnOciLayout for something else."""
        with self._lock:
            if self._tree is None:
                try:
                    tree = Directory(self._folder)
                except FileNotFoundError:
                    return None
                if not is_layout(tree):
                    empty = not any(name.name != _LOCK for name in self._folder.iterdir())
                    tree.close()
                    if not empty and not (self._folder / "blobs").is_dir():
                        raise NotAnOciLayout(f"{self._folder} holds something else")
                    return None
                self._tree = tree
            return self._tree

    def _entries(self) -> list[Descriptor]:
        tree = self._opened()
        if tree is None:
            return []
        index = parse_manifest(read(tree, "index.json", _MAX_INDEX_BYTES), media.OCI_INDEX)
        if not isinstance(index, Index):
            raise NotAnOciLayout("its index.json is no index")
        return list(index.manifests)

    def _change(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        """Replace the index's entries, alone among threads and processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder / _LOCK):
            before = self._entries()
            after = change(list(before))
            if after == before and before:
                return
            value = {
                "schemaVersion": 2,
                "mediaType": media.OCI_INDEX,
                "manifests": [entry.to_json() for entry in after],
            }
            durable.write(self._folder / "oci-layout", OCI_LAYOUT)
            durable.write(self._folder / "index.json", json.dumps(value, separators=(",", ":")).encode())

    def _store(self, manifest: Manifest | Index) -> None:
        place = self._folder / blob_name(manifest.digest)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            durable.write(place, manifest.raw)

    def _living(self, tree: Directory, entries: list[Descriptor], needed: set[Digest]) -> list[Descriptor]:
        """Return the entries that are tagged, or refer to what is needed; fill `needed` with what they lead to."""
        kept = [entry for entry in entries if _tag_of(entry) is not None]
        left = [entry for entry in entries if _tag_of(entry) is None]
        fresh = kept
        while fresh:
            for entry in fresh:
                self._follow(tree, entry, needed)
            fresh = [one for one in left if self._refers_to(tree, one) in (None, *needed)]
            kept += fresh
            left = [one for one in left if one not in fresh]
        return [entry for entry in entries if entry in kept]

    def _refers_to(self, tree: Directory, entry: Descriptor) -> Digest | None:
        if entry.digest not in self._subjects and tree.has(blob_name(entry.digest)):
            self._subjects[entry.digest] = _subject_of(verified(tree, entry.digest, MAX_MANIFEST_BYTES))
        return self._subjects.get(entry.digest)

    def _follow(self, tree: Directory, entry: Descriptor, needed: set[Digest]) -> None:
        pending = [entry]
        while pending:
            one = pending.pop()
            if one.digest in needed:
                continue
            needed.add(one.digest)
            if one.media_type in (*media.MANIFESTS, *media.INDEXES) and tree.has(blob_name(one.digest)):
                found = parse_manifest(verified(tree, one.digest, MAX_MANIFEST_BYTES), one.media_type)
                pending += found.manifests if isinstance(found, Index) else (*found.layers, found.config)


class FileReader:
    """The bytes of a file (see `boxwright.remote.ends.Reader`)."""

    __slots__ = ("_left", "_stream")

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, limit: int) -> bytes:
        """Return up to `limit` bytes, nothing after as many as there should be. Raises CorruptError."""
        chunk = self._stream.read(min(limit, self._left))
        if not chunk and self._left:
            raise CorruptError(f"a blob lacks its last {self._left} bytes")
        self._left -= len(chunk)
        return chunk

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


class FileSender:
    """Writes a blob into a layout (see `boxwright.remote.ends.Sender`)."""

    __slots__ = ("_folder", "_progress")

    def __init__(self, folder: Path, progress: Callable[[int], object] | None) -> None:
        self._folder = folder
        self._progress = progress or (lambda done: None)

    def mount(self, digest: Digest, source: str) -> str | None:
        """There is one repository: nothing to mount from."""
        return ""

    def send(self, source: BlobSource, url: str | None = None) -> Uploaded:
        """Write a blob; it is there whole, verified and durable, or not at all."""
        digest = source.digest
        assert digest is not None, "what is copied has a digest"
        place = self._folder / blob_name(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        hasher, size = hashlib.new(digest.algorithm), 0
        with durable.replacing(place) as stream:
            for chunk in source.open(0):
                stream.write(chunk)
                hasher.update(chunk)
                size += len(chunk)
                self._progress(size)
            if hasher.hexdigest() != digest.hex:
                raise CorruptError(f"a blob has digest {digest.algorithm}:{hasher.hexdigest()}, not {digest}")
        return Uploaded(digest, size)


def _tag_of(entry: Descriptor) -> str | None:
    """Return the tag of an entry; other tools write whole names there."""
    name = entry.annotations.get(REF_NAME)
    if not name:
        return None
    return name.rpartition(":")[2] if ":" in name.rpartition("/")[2] else name if "/" not in name else None


def _subject_of(raw: bytes) -> Digest | None:
    """Return the digest that a manifest refers to."""
    try:
        value = json.loads(raw)
        subject = value.get("subject") if isinstance(value, dict) else None
        return Digest.parse(subject["digest"]) if isinstance(subject, dict) else None
    except (ValueError, KeyError, TypeError, RecursionError, InvalidError):
        return None

"""A metadata store in memory: the twin of the SQLite one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from boxwright.hub.db.holders import is_gone
from boxwright.hub.db.metadata import (
    BlobCondemned,
    BlobInUse,
    ContentMissing,
    Hold,
    Manifest,
    Member,
    Referrer,
    RepositoryUnknown,
    Requirements,
    Upload,
    UploadBusy,
)
from boxwright.oci.digest import Digest

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Repository:
    __slots__ = ("blobs", "manifests", "tags")

    def __init__(self) -> None:
        self.blobs: dict[Digest, float] = {}
        """With the time at which each was last touched."""
        self.manifests: dict[Digest, tuple[Manifest, Requirements]] = {}
        self.tags: dict[str, Digest] = {}

    def holders(self, digest: Digest) -> list[Digest]:
        """The manifests that name a blob."""
        return [
            manifest.digest
            for manifest, needs in self.manifests.values()
            if digest in needs.blobs or digest in needs.children or digest in needs.optional
        ]


def _atomic(
    method: Callable[Concatenate[MemoryMetadata, _P], _R],
) -> Callable[Concatenate[MemoryMetadata, _P], _R]:
    def locked(self: MemoryMetadata, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


class MemoryMetadata:
    """A `MetadataStore` in dictionaries, under one lock."""

    __slots__ = ("_condemned", "_holds", "_repositories", "_sizes", "_touched", "_uploads", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._repositories: dict[str, _Repository] = {}
        self._sizes: dict[Digest, int] = {}
        self._touched: dict[Digest, float] = {}
        self._condemned: dict[Digest, tuple[str, float]] = {}
        """By whom, until when."""
        self._uploads: dict[str, Upload] = {}
        self._holds: dict[str, tuple[str | None, float | None]] = {}

    def _make(self, repository: str) -> _Repository:
        return self._repositories.setdefault(repository, _Repository())

    @_atomic
    def claim_blob(self, digest: Digest, size: int) -> None:
        self._claim(digest, size)

    def _claim(self, digest: Digest, size: int) -> None:
        if digest in self._condemned:
            raise BlobCondemned(digest)
        self._sizes[digest] = size
        self._touched[digest] = time.time()

    @_atomic
    def add_blob(self, repository: str, digest: Digest, size: int, *, upload: str | None = None) -> None:
        self._claim(digest, size)
        self._make(repository).blobs[digest] = self._touched[digest]
        if upload is not None:
            self._forget_upload(upload)

    def check_room(self, repository: str, size: int) -> None:
        """There are no quotas in memory."""

    def note_pull(self, repository: str, digest: Digest, *, older: float) -> None:
        """There is no retention in memory, which would ask for it."""

    @_atomic
    def blob_size(self, repository: str, digest: Digest) -> int | None:
        held = self._repositories.get(repository)
        return self._sizes[digest] if held and digest in held.blobs else None

    @_atomic
    def mount_blob(self, repository: str, digest: Digest, source: str | None) -> bool:
        if source is None:
            found = any(digest in held.blobs for held in self._repositories.values())
        else:
            held = self._repositories.get(source)
            found = held is not None and digest in held.blobs
        if found:
            self._make(repository).blobs[digest] = time.time()
        return found

    @_atomic
    def touch_blob(self, repository: str, digest: Digest, *, older: float) -> None:
        held, now = self._repositories.get(repository), time.time()
        if held is not None and digest in held.blobs and held.blobs[digest] < now - older:
            held.blobs[digest] = now

    @_atomic
    def remove_blob(self, repository: str, digest: Digest) -> bool:
        held = self._repositories.get(repository)
        if held is None or digest not in held.blobs:
            return False
        if holders := held.holders(digest):
            raise BlobInUse(repository, digest, sorted(holders))
        del held.blobs[digest]
        self._touched[digest] = time.time()
        return True

    @_atomic
    def unneeded_blobs(self, before: float, *, limit: int, last: Member | None) -> list[Member]:
        found = [
            Member(number, digest)
            for number, held in enumerate(self._repositories.values())
            for digest in sorted(held.blobs)
            if self._is_unneeded(held, digest, before) and (last is None or (number, digest) > last)
        ]
        return found[:limit]

    @_atomic
    def release_blobs(self, members: Sequence[Member], before: float) -> int:
        released, held = 0, list(self._repositories.values())
        for number, digest in members:
            if self._is_unneeded(held[number], digest, before):
                del held[number].blobs[digest]
                self._touched[digest] = time.time()
                released += 1
        return released

    def _is_unneeded(self, held: _Repository, digest: Digest, before: float) -> bool:
        return digest in held.blobs and held.blobs[digest] < before and not held.holders(digest)

    @_atomic
    def garbage(self, before: float, *, limit: int, last: Digest | None) -> list[tuple[Digest, int]]:
        found = [one for one in sorted(self._touched) if one > (last or "") and self._is_garbage(one, before)]
        return [(digest, self._sizes[digest]) for digest in found[:limit]]

    @_atomic
    def condemn_blobs(self, digests: Sequence[Digest], before: float, holder: str, seconds: float) -> list[Digest]:
        now = time.time()
        condemned = []
        for digest in sorted(set(digests) & self._touched.keys()):
            by, until = self._condemned.get(digest, (None, 0.0))
            if self._is_garbage(digest, before) if by is None else until <= now or is_gone(by):
                self._condemned[digest] = holder, now + seconds
                condemned.append(digest)
        return condemned

    @_atomic
    def keep_condemned(self, digests: Sequence[Digest], holder: str, seconds: float) -> None:
        for digest in self._condemned_by(holder, digests):
            self._condemned[digest] = holder, time.time() + seconds

    @_atomic
    def spare_condemned(self, digests: Sequence[Digest], holder: str) -> None:
        for digest in self._condemned_by(holder, digests):
            del self._condemned[digest]

    @_atomic
    def forget_condemned(self, digests: Sequence[Digest], holder: str) -> int:
        gone = self._condemned_by(holder, digests)
        for digest in gone:
            del self._condemned[digest], self._sizes[digest], self._touched[digest]
        return len(gone)

    def _condemned_by(self, holder: str, digests: Sequence[Digest]) -> list[Digest]:
        return [one for one in digests if one in self._condemned and self._condemned[one][0] == holder]

    def _is_garbage(self, digest: Digest, before: float) -> bool:
        held = any(digest in repository.blobs for repository in self._repositories.values())
        return self._touched[digest] < before and not held

    @_atomic
    def put_manifest(
        self, repository: str, manifest: Manifest, requirements: Requirements, tags: Sequence[str], *, sparse: bool
    ) -> None:
        held = self._repositories.get(repository) or _Repository()
        missing = [digest for digest in requirements.blobs if digest not in held.blobs]
        if not sparse:
            missing += [d for d in requirements.children if d not in held.manifests and d not in held.blobs]
        if missing:
            raise ContentMissing(repository, missing)
        held = self._make(repository)
        held.manifests[manifest.digest] = (manifest, requirements)
        held.tags.update(dict.fromkeys(tags, manifest.digest))

    @_atomic
    def manifest(self, repository: str, reference: Digest | str) -> Manifest | None:
        held = self._repositories.get(repository)
        if held is None:
            return None
        digest = reference if isinstance(reference, Digest) else held.tags.get(reference)
        found = held.manifests.get(digest) if digest is not None else None
        return found[0] if found else None

    @_atomic
    def remove_manifest(self, repository: str, digest: Digest) -> int | None:
        held = self._repositories.get(repository)
        gone = held.manifests.pop(digest, None) if held is not None else None
        if held is None or gone is None:
            return None
        held.tags = {tag: target for tag, target in held.tags.items() if target != digest}
        named = {one for digests in gone[1] for one in digests}
        others = [other for name, other in self._repositories.items() if name != repository]
        free = [
            one
            for one in named & held.blobs.keys()
            if not held.holders(one) and not any(one in other.blobs for other in others)
        ]
        return sum(self._sizes[one] for one in free)

    @_atomic
    def remove_tag(self, repository: str, tag: str) -> bool:
        held = self._repositories.get(repository)
        return held is not None and held.tags.pop(tag, None) is not None

    @_atomic
    def tags(self, repository: str, *, limit: int, last: str | None) -> list[str]:
        held = self._repositories.get(repository)
        if held is None:
            raise RepositoryUnknown(repository)
        return _page(held.tags, limit, last)

    @_atomic
    def repositories(self, *, limit: int, last: str | None, containing: str = "") -> list[str]:
        filled = [name for name, held in self._repositories.items() if held.manifests and containing in name]
        return _page(filled, limit, last)

    @_atomic
    def referrers(
        self, repository: str, subject: Digest, *, artifact_type: str | None, limit: int, last: str | None
    ) -> list[Referrer]:
        held = self._repositories.get(repository) or _Repository()
        found = {
            digest: Referrer(digest, one.media_type, len(one.content), one.artifact_type, one.annotations)
            for digest, (one, _) in held.manifests.items()
            if one.subject == subject and (artifact_type is None or one.artifact_type == artifact_type)
        }
        return [found[Digest(digest)] for digest in _page(found, limit, last)]

    @_atomic
    def add_upload(self, upload: Upload, holder: str | None = None) -> None:
        self._uploads[upload.id] = upload
        self._holds[upload.id] = (holder, None)

    @_atomic
    def upload(self, upload_id: str) -> Upload | None:
        return self._uploads.get(upload_id)

    @_atomic
    def hold_upload(self, upload_id: str, holder: str, seconds: float) -> Hold | None:
        upload = self._uploads.get(upload_id)
        if upload is None:
            return None
        previous, until = self._holds.get(upload_id, (None, None))
        broken = until is not None and previous is not None and previous != holder
        if broken and until and until > time.time() and previous and not is_gone(previous):
            raise UploadBusy(upload_id)
        self._holds[upload_id] = (holder, time.time() + seconds)
        return Hold(upload, previous, broken)

    @_atomic
    def extend_hold(self, upload_id: str, holder: str, seconds: float) -> bool:
        if not self._is_held(upload_id, holder):
            return False
        self._holds[upload_id] = (holder, time.time() + seconds)
        return True

    @_atomic
    def release_upload(self, upload_id: str, holder: str) -> None:
        if self._is_held(upload_id, holder):
            self._holds[upload_id] = (holder, None)

    def _is_held(self, upload_id: str, holder: str) -> bool:
        found, until = self._holds.get(upload_id, (None, None))
        return upload_id in self._uploads and found == holder and until is not None

    @_atomic
    def count_uploads(self, client: str) -> int:
        return sum(upload.client == client for upload in self._uploads.values())

    @_atomic
    def uploads(self) -> list[Upload]:
        return list(self._uploads.values())

    @_atomic
    def remove_upload(self, upload_id: str) -> bool:
        return self._forget_upload(upload_id)

    def _forget_upload(self, upload_id: str) -> bool:
        self._holds.pop(upload_id, None)
        return self._uploads.pop(upload_id, None) is not None

    def close(self) -> None:
        """Nothing is open."""


def _page(names: Sequence[str] | dict[str, Digest] | dict[Digest, Referrer], limit: int, last: str | None) -> list[str]:
    return [name for name in sorted(names) if last is None or name > last][:limit]

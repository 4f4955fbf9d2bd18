"""An image from one registry into another, or into another repository of the same one, past the store.

What is copied keeps its bytes and so its digests. Nothing is fetched that is there already, nothing is kept on disk,
and of a blob no more than a piece is in memory at a time.

Either end may be something else that answers as a registry does: see `boxwright.remote.ends`.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Literal

from boxwright.errors import InvalidError
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote import referrers as refer
from boxwright.remote.client import NoMatchingPlatform, WrongManifest
from boxwright.remote.download import WrongBlob
from boxwright.remote.ends import Source, Target
from boxwright.remote.failure import AccessDenied, NotInRegistry
from boxwright.remote.progress import LayerBytes, LayerDone, LayerExists, LayerMounted, Sink, ignore
from boxwright.remote.relay import Relay
from boxwright.store.images import MAX_CONFIG_BYTES
from boxwright.values import NamedTuple

PARALLEL_BLOBS = 4
COSIGN_SUFFIXES = ("sig", "att", "sbom")
"""What cosign 1 and 2 put behind ``sha256-<hex>.``: tags of signatures, attestations and bills of materials."""
ATTESTED = "vnd.docker.reference.digest"
"""The annotation by which BuildKit's attestations say in an index which image they are about."""

_PIECE = 256 << 10
_MAX_DEPTH = 4
# More than any honest image; a registry cannot make us ask without end.
_MAX_MANIFESTS = 4_000
_MAX_MANIFEST_BYTES = 64 << 20


class Copied(NamedTuple):
    digest: Digest
    """Of the manifest or index that the destination names now."""
    status: Literal["copied", "up to date"]
    sent: int
    """Bytes of blobs that went over the line."""
    there: int
    """Bytes of blobs that the destination had, or took from another of its repositories."""
    manifests: int
    """How many images and indexes it is."""
    referrers: int
    """How many artifacts that refer to them went along, of those that the destination did not have."""


def copy_image(
    source: Source,
    target: Target,
    origin: Reference,
    destination: Reference,
    *,
    platforms: Sequence[Platform] = (),
    referrers: bool = False,
    progress: Sink = ignore,
    parallel: int = PARALLEL_BLOBS,
) -> Copied:
    """Bring what `origin` names at `source` to `destination` at `target`, the same client or another one. Idempotent.

    An index is copied whole. With one of `platforms` only that image is; with several, an index of these alone, whose
    digest is another. With `referrers`, all that refers to what is copied goes along: signatures, bills of materials,
    and the tags of cosign that stand for them. A destination without a tag or digest takes the origin's tag; one with
    a digest has to name what is copied.

    The destination's tag moves last, when everything that it names is there; a copy that died is taken up by the next
    one. What is as it should be is not stored again, so that nobody is told of a push. Several copies may share their
    clients: `RegistryClient.cancel` ends all of them. Raises RegistryFailure, ConnectionFailed, CorruptError,
    NoMatchingPlatform, InvalidError, CancelledError.
    """
    origin = origin.with_default_tag()
    if destination.tag is None and destination.digest is None:
        destination = destination._replace(tag=origin.tag)
    copying = _Copy(source, target, origin, destination, progress, parallel)
    if not referrers and not platforms and (same := copying.is_there()) is not None:
        return Copied(same, "up to date", 0, 0, 0, 0)
    return copying.copy(platforms, with_referrers=referrers)


def wanted_digest(source: Source, origin: Reference, platforms: Sequence[Platform] = ()) -> Digest:
    """Return the digest that a copy of `origin` would have, without copying it. Raises as `copy_image`."""
    if not platforms:
        found = source.resolve(origin)
        return found.digest if found is not None else source.fetch(origin).digest
    return chosen(source, origin, platforms).digest


class _Copy:
    """One image on its way; afterwards the counters tell what went over the line."""

    def __init__(
        self,
        source: Source,
        target: Target,
        origin: Reference,
        destination: Reference,
        progress: Sink,
        parallel: int,
    ) -> None:
        self._source = source
        self._target = target
        self._origin = origin
        self._destination = destination
        self._progress = progress
        self._parallel = parallel
        self._same_registry = source.domain == target.domain
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._placed: set[Digest] = set()
        """Manifests that the destination has, as far as we know."""
        self._held = 0
        """Bytes of manifests that are in memory."""
        self._sent = 0
        self._there = 0
        self._referrers = 0

    def is_there(self) -> Digest | None:
        """Return the digest that both ends know under the names given, None if they differ. Fetches nothing."""
        there = self._at_target(self._destination)
        if there is None:
            return None
        here = self._source.resolve(self._origin)
        return here.digest if here is not None and here.digest == there.digest else None

    def copy(self, platforms: Sequence[Platform], *, with_referrers: bool) -> Copied:
        root = chosen(self._source, self._origin, platforms)
        wanted = self._destination.digest
        if wanted is not None and wanted != root.digest:
            raise InvalidError(
                f"{self._origin.familiar()} is {root.digest}, not {wanted}", hint="copy it to a tag, or without a name"
            )
        before = self._at_target(self._destination)
        if before is not None and before.digest == root.digest and not with_referrers:
            return Copied(root.digest, "up to date", 0, 0, 0, 0)
        everything = [*self._below(root, {root.digest}, 0), root]
        missing = self._missing(everything)
        self._place_blobs(self._blobs(missing))
        for manifest in missing:
            if manifest is not root or with_referrers:
                self._put(manifest)
        if with_referrers:
            # The image first, since some registries refuse artifacts without it; the tag last, so that nobody finds it
            # without its signatures.
            for each in everything:
                self._copy_referrers(each.digest)
        if before is None or before.digest != root.digest:
            self._target.put_manifest(self._destination.path, self._destination.tag or str(root.digest), root)
        elif not missing and not self._referrers:
            return Copied(root.digest, "up to date", 0, self._there, len(everything), 0)
        return Copied(root.digest, "copied", self._sent, self._there, len(everything), self._referrers)

    # ---- what there is to copy

    def _below(self, root: Manifest | Index, seen: set[Digest], depth: int) -> Iterator[Manifest | Index]:
        if not isinstance(root, Index):
            return
        if depth >= _MAX_DEPTH:
            raise WrongManifest(self._origin, f"indexes are nested more than {_MAX_DEPTH} deep")
        for entry in root.manifests:
            if entry.digest in seen or not _is_manifest(entry):
                continue
            seen.add(entry.digest)
            if len(seen) > _MAX_MANIFESTS:
                raise WrongManifest(self._origin, f"it has more than {_MAX_MANIFESTS} manifests")
            found = self._fetch(entry)
            self._held += len(found.raw)
            if self._held > _MAX_MANIFEST_BYTES:
                raise WrongManifest(self._origin, f"its manifests are larger than {_MAX_MANIFEST_BYTES >> 20} MiB")
            yield from self._below(found, seen, depth + 1)
            yield found

    def _fetch(self, entry: Descriptor) -> Manifest | Index:
        return self._source.fetch(self._origin._replace(tag=None, digest=entry.digest), entry)

    # ---- bringing it there

    def _missing(self, manifests: Sequence[Manifest | Index]) -> list[Manifest | Index]:
        """Return those manifests that the destination doesn't have, in the same order."""
        missing: list[Manifest | Index] = []
        there: list[Manifest | Index] = []
        for manifest in manifests:
            # What is there has its blobs, too: a registry takes no manifest without them.
            found = self._at_target(self._destination._replace(tag=None, digest=manifest.digest))
            (missing if found is None else there).append(manifest)
        self._placed.update(manifest.digest for manifest in there)
        self._count(there=sum(blob.size for blob in self._blobs(there)))
        return missing

    def _place(self, manifests: Sequence[Manifest | Index]) -> None:
        """Have manifests and all that they name at the destination; those below others come first."""
        missing = self._missing(manifests)
        self._place_blobs(self._blobs(missing))
        for manifest in missing:
            self._put(manifest)

    def _put(self, manifest: Manifest | Index) -> None:
        if manifest.digest not in self._placed:
            self._target.put_manifest(self._destination.path, str(manifest.digest), manifest)
            self._placed.add(manifest.digest)

    @staticmethod
    def _blobs(manifests: Iterable[Manifest | Index]) -> list[Descriptor]:
        """Return the blobs that manifests name, each once."""
        found: dict[Digest, Descriptor] = {}
        for manifest in manifests:
            if isinstance(manifest, Manifest):
                entries: Iterable[Descriptor] = (*manifest.layers, manifest.config)
            else:
                # BuildKit's older build caches are indexes whose entries are layers.
                entries = (entry for entry in manifest.manifests if not _is_manifest(entry))
            for entry in entries:
                found.setdefault(entry.digest, entry)
        return list(found.values())

    def _place_blobs(self, blobs: Sequence[Descriptor]) -> None:
        if not blobs:
            return
        with ExitStack() as held:
            pool = held.enter_context(ThreadPoolExecutor(min(self._parallel, len(blobs)), thread_name_prefix="copy"))
            try:
                jobs = [pool.submit(self._place_blob, blob) for blob in blobs]
                for job in wait(jobs, return_when=FIRST_EXCEPTION).done:
                    job.result()
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _place_blob(self, blob: Descriptor) -> None:
        path = self._destination.path
        if self._has_blob(blob):
            self._count(there=blob.size)
            self._progress(LayerExists(blob.digest))
            return
        # A layer that lies elsewhere need not be here: registries take the manifest without it.
        if _lies_elsewhere(blob) and self._source.stat_blob(self._origin.path, blob.digest) is None:
            return
        upload = self._target.upload(path, lambda done: self._progress(LayerBytes(blob.digest, done, blob.size)))
        url = None
        if self._same_registry and path != self._origin.path:
            url = upload.mount(blob.digest, self._origin.path)
            if url is None:
                self._count(there=blob.size)
                self._progress(LayerMounted(blob.digest, self._origin.path))
                return
        upload.send(Relay(self._source, self._origin.path, blob, self._stopped), url)
        self._count(sent=blob.size)
        self._progress(LayerDone(blob.digest, blob.size))

    def _at_target(self, reference: Reference) -> Descriptor | None:
        """Return what the destination's registry has under a name, as far as we may see it: some may only push."""
        try:
            return self._target.resolve(reference)
        except AccessDenied:
            return None

    def _has_blob(self, blob: Descriptor) -> bool:
        try:
            return self._target.stat_blob(self._destination.path, blob.digest) is not None
        except AccessDenied:
            return False

    def _count(self, *, sent: int = 0, there: int = 0) -> None:
        with self._lock:
            self._sent += sent
            self._there += there

    # ---- what refers to it

    def _copy_referrers(self, manifest: Digest) -> None:
        """Bring along what refers to a manifest that is there, what refers to that, and cosign's tags."""
        seen = {manifest}
        subjects = [manifest]
        for subject in subjects:  # grows while it is gone through
            entries = self._source.referrers(self._origin.path, subject)
            there = self._target.referrers(self._destination.path, subject) if entries else []
            known = {entry.digest for entry in there}
            for entry in entries:
                if entry.digest in seen or len(seen) > _MAX_MANIFESTS:
                    continue
                seen.add(entry.digest)
                if entry.digest in known or self._copy_artifact(subject, entry):
                    subjects.append(entry.digest)
            for suffix in COSIGN_SUFFIXES:
                self._copy_tag(f"{refer.fallback_tag(subject)}.{suffix}")

    def _copy_artifact(self, subject: Digest, entry: Descriptor) -> bool:
        """Bring an artifact along; False when it is only listed."""
        try:
            artifact = self._fetch(entry)
        except NotInRegistry:
            return False  # a list by tag may name what was deleted since
        missing = self._missing([*self._below(artifact, {artifact.digest}, 0), artifact])
        self._place_blobs(self._blobs(missing))
        for below in missing:
            if below is not artifact:
                self._put(below)
        self._target.put_referrer(self._destination.path, subject, artifact, entry)
        self._placed.add(artifact.digest)
        self._referrers += 1
        return True

    def _copy_tag(self, tag: str) -> None:
        here = self._source.resolve(self._origin._replace(tag=tag, digest=None))
        if here is None:
            return
        there = self._at_target(self._destination._replace(tag=tag, digest=None))
        if there is not None and there.digest == here.digest:
            return
        found = self._fetch(here)
        self._place([*self._below(found, {found.digest}, 0), found])
        self._target.put_manifest(self._destination.path, tag, found)
        self._referrers += 1


def chosen(source: Source, origin: Reference, platforms: Sequence[Platform]) -> Manifest | Index:
    """Return what the destination will name."""
    root = source.fetch(origin)
    if not platforms:
        return root
    if isinstance(root, Index):
        return _narrowed(source, origin, root, platforms)
    there = platform_of(source, origin, root)
    if there not in platforms:
        raise NoMatchingPlatform(origin, platforms[0], (there,))
    return root


def _narrowed(source: Source, origin: Reference, index: Index, platforms: Sequence[Platform]) -> Manifest | Index:
    chosen: dict[Digest, Descriptor] = {}
    for platform in platforms:
        entry = index.select(platform)
        if entry is None:
            raise NoMatchingPlatform(origin, platform, index.platforms)
        chosen[entry.digest] = entry
    if len(chosen) == 1:
        only = next(iter(chosen.values()))
        return source.fetch(origin._replace(tag=None, digest=only.digest), only)
    entries = [
        entry for entry in index.manifests if entry.digest in chosen or entry.annotations.get(ATTESTED) in chosen
    ]
    return Index.build(entries, media_type=index.media_type, annotations=index.annotations)


def platform_of(source: Source, origin: Reference, manifest: Manifest) -> Platform:
    """Return the platform that an image's configuration tells. Raises WrongBlob, MalformedConfig."""
    config = manifest.config
    if config.size > MAX_CONFIG_BYTES:
        raise WrongBlob(source.domain, config.digest, f"{config.size} bytes are no configuration")
    with source.read_blob(origin.path, config) as blob:
        raw = b"".join(iter(lambda: blob.read(_PIECE), b""))
    found = hashlib.new(config.digest.algorithm, raw).hexdigest()
    if found != config.digest.hex:
        raise WrongBlob(source.domain, config.digest, f"its digest is {config.digest.algorithm}:{found}")
    return ImageConfig.parse(raw).platform


def _is_manifest(entry: Descriptor) -> bool:
    return entry.media_type in (*media.MANIFESTS, *media.INDEXES, "")


def _lies_elsewhere(blob: Descriptor) -> bool:
    return bool(blob.urls) or "nondistributable" in blob.media_type or ".foreign." in blob.media_type

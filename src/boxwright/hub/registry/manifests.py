"""Manifests by tag and by digest: GET, HEAD, PUT, DELETE."""

from __future__ import annotations

import hashlib
import logging
import math
import time

from boxwright.errors import UnavailableError
from boxwright.hub.db.metadata import ContentMissing, Manifest, MetadataStore, Requirements
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.conditions import is_current
from boxwright.hub.registry.document import InvalidDocument, read_document
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.routes import is_tag, parse_digest, parse_reference
from boxwright.hub.registry.workers import Workers
from boxwright.oci.digest import Digest
from boxwright.remote.headers import RECLAIMABLE

_log = logging.getLogger(__name__)

MAX_TAGS = 50
"""Tags of one PUT by digest."""

_PULL_NOTE_SECONDS = 86400.0
_MAX_NOTES = 10_000


class ManifestHandlers:
    """Manifests are stored and served byte for byte, with the media type they were pushed with.

    What the client accepts is not looked at: another answer would have another digest.
    """

    __slots__ = ("_limit", "_metadata", "_noted", "_sparse", "_workers")

    def __init__(self, metadata: MetadataStore, workers: Workers, *, sparse: bool, limit: int) -> None:
        """`limit`: bytes of a manifest."""
        self._metadata = metadata
        self._workers = workers
        self._sparse = sparse
        self._limit = limit
        self._noted: dict[tuple[str, Digest], float] = {}

    async def get(self, call: Call) -> Reply:
        reference = call.route.reference
        manifest: Manifest | None = None
        # A tag that cannot exist is not found; a malformed digest is an error.
        if ":" in reference or is_tag(reference):
            manifest = await self._workers.ask(self._metadata.manifest, call.route.name, parse_reference(reference))
        if manifest is None:
            raise _unknown(reference)
        if call.method == "GET":
            await self._note_pull(call.route.name, manifest.digest)
        return manifest_reply(call, manifest)

    async def _note_pull(self, name: str, digest: Digest) -> None:
        """Note once a day that a manifest is in use, for retention; what was noted lately costs nothing."""
        now, key = time.monotonic(), (name, digest)
        if now - self._noted.get(key, -math.inf) < _PULL_NOTE_SECONDS / 4:
            return
        if len(self._noted) >= _MAX_NOTES:
            self._noted.clear()
        self._noted[key] = now
        try:
            await self._workers.ask(self._metadata.note_pull, name, digest, older=_PULL_NOTE_SECONDS)
        except UnavailableError as error:
            _log.warning("a pull of %s could not be noted: %s", name, error)  # no reason to fail it

    async def put(self, call: Call) -> Reply:
        reference = parse_reference(call.route.reference)
        if isinstance(reference, Digest):
            tags = call.target.every("tag")
            for tag in tags:
                if not is_tag(tag):
                    raise RegistryError("TAG_INVALID", f"invalid tag {tag[:200]!r}", data={"tag": tag[:200]})
            if len(tags) > MAX_TAGS:
                raise RegistryError("TAG_INVALID", f"at most {MAX_TAGS} tags in one request", status=414)
        else:
            tags = [reference]
        raw = await call.body.read(self._limit)
        if raw is None:
            raise RegistryError("SIZE_INVALID", f"a manifest has at most {self._limit} bytes", status=413)
        manifest = await self._workers.ask(self._store, call, reference, raw, tags)
        headers = [
            ("Location", f"/v2/{call.route.name}/manifests/{manifest.digest}"),
            ("Docker-Content-Digest", manifest.digest),
        ]
        if manifest.subject is not None:
            # Without it the client maintains a list of referrers under a tag by itself.
            headers.append(("OCI-Subject", manifest.subject))
        if isinstance(reference, Digest):
            headers += [("OCI-Tag", tag) for tag in tags]
        return Reply(201, headers)

    def _store(self, call: Call, reference: Digest | str, raw: bytes, tags: list[str]) -> Manifest:
        algorithm = reference.algorithm if isinstance(reference, Digest) else "sha256"
        digest = Digest(f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}")
        if isinstance(reference, Digest) and reference != digest:
            raise RegistryError(
                "DIGEST_INVALID",
                f"the manifest has digest {digest}, not {reference}",
                data={"digest": reference, "received": digest},
            )
        try:
            document = read_document(raw, call.headers.get("Content-Type"))
        except InvalidDocument as error:
            raise RegistryError("MANIFEST_INVALID", error.message) from None
        manifest = Manifest(
            digest, document.media_type, raw, document.artifact_type, document.subject, document.annotations
        )
        named = document.requirements
        if self._sparse:
            # What is there is kept as long as it is named; what isn't may come later, or never.
            named = Requirements(children=named.children, optional=(*named.blobs, *named.optional))
        try:
            self._metadata.put_manifest(call.route.name, manifest, named, tags, sparse=self._sparse)
        except ContentMissing as error:
            raise RegistryError(
                "MANIFEST_BLOB_UNKNOWN",
                f"{len(error.digests)} blob(s) or manifest(s) that it names are unknown to this repository",
                data=[{"digest": one} for one in error.digests],
            ) from None
        return manifest

    async def delete(self, call: Call) -> Reply:
        name, reference = call.route.name, call.route.reference
        if ":" not in reference:
            if not await self._workers.ask(self._metadata.remove_tag, name, reference):
                raise _unknown(reference)
            return Reply(202)
        freed = await self._workers.ask(self._metadata.remove_manifest, name, parse_digest(reference))
        if freed is None:
            raise _unknown(reference)
        return Reply(202, [(RECLAIMABLE, str(freed))])


def manifest_reply(call: Call, manifest: Manifest) -> Reply:
    """Return the answer to GET or HEAD."""
    headers = [("Docker-Content-Digest", manifest.digest), ("ETag", f'"{manifest.digest}"')]
    if is_current(call.headers, manifest.digest):
        return Reply(304, headers)
    headers.append(("Content-Type", manifest.media_type))
    if call.method == "HEAD":
        return Reply(200, [*headers, ("Content-Length", str(len(manifest.content)))])
    return Reply(200, headers, manifest.content)


def _unknown(reference: str) -> RegistryError:
    return RegistryError(
        "MANIFEST_UNKNOWN", "the manifest is unknown to this repository", data={"reference": reference[:200]}
    )

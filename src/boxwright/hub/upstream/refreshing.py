"""Manifests from upstreams: which one a tag names, as far as that is known, and its bytes."""

from __future__ import annotations

import time
from collections.abc import Callable

from boxwright.hub.db.metadata import Manifest, MetadataStore, Requirements
from boxwright.hub.db.tags import TagImmutable
from boxwright.hub.events import outbox
from boxwright.hub.registry.document import Document, read_document
from boxwright.hub.upstream.names import Proxied
from boxwright.hub.upstream.notes import Notes
from boxwright.hub.upstream.registry import Upstream, UpstreamDown, UpstreamLacks, UpstreamWrong
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

_USE_SECONDS = 3600.0
"""How old the note of a manifest's use may be, before it is made anew: reads stay cheap."""


class Found(NamedTuple):
    """What is here now, as far as the upstream could be asked."""

    stale: UpstreamDown | UpstreamWrong | None = None
    """Why the upstream could not be asked whether this is what the tag names still."""
    age: float = 0.0
    """Seconds since it was asked last."""


class Refresher:
    """Brings manifests. Every method is for a thread, and may be called for the same manifest at the same time."""

    __slots__ = ("_clock", "_metadata", "_notes")

    def __init__(self, metadata: MetadataStore, notes: Notes, clock: Callable[[], float] = time.time) -> None:
        self._metadata = metadata
        self._notes = notes
        self._clock = clock

    def knows(self, proxied: Proxied, reference: Digest | str) -> bool:
        """Whether it can be answered without asking: a digest that is here, a tag that was looked at lately."""
        # `Digest` is text, too.
        if not isinstance(reference, Digest):
            checked = self._notes.checked(proxied.repository, reference)
            # A clock that was set back must not keep a tag for ever.
            if checked is None or not 0 <= self._clock() - checked < proxied.upstream.check:
                return False
        manifest = self._metadata.manifest(proxied.repository, reference)
        if manifest is not None:
            self._use(proxied, manifest.digest)
        return manifest is not None

    def bring(self, upstream: Upstream, proxied: Proxied, reference: Digest | str) -> Found:
        """Have here what the upstream has, or leave what is here while it cannot be asked.

        Raises as `Upstream` when there is nothing to answer with, and QuotaExceeded.
        """
        if self.knows(proxied, reference):
            return Found()  # somebody else asked after the caller had looked
        if isinstance(reference, Digest):
            self._fetch(upstream, proxied, reference, None)
            return Found()
        repository, tag = proxied.repository, reference
        here = self._metadata.manifest(repository, tag)
        try:
            self._follow(upstream, proxied, tag, here)
        except (UpstreamDown, UpstreamWrong) as error:
            if here is None:
                raise
            self._use(proxied, here.digest)
            return Found(error, self._clock() - (self._notes.checked(repository, tag) or 0.0))
        except UpstreamLacks:
            # It is gone there, so it goes here; what it named stays for those who have its digest.
            self._notes.forget_tag(repository, tag)
            if here is None:
                raise
            try:
                with outbox.silently():
                    self._metadata.remove_tag(repository, tag)
            except TagImmutable:
                return Found()  # it stays, since that is what was asked of us
            raise
        except TagImmutable:
            assert here is not None, "a tag that isn't there may be made"
        self._notes.check(repository, tag, self._clock())
        return Found()

    def _follow(self, upstream: Upstream, proxied: Proxied, tag: str, here: Manifest | None) -> None:
        """Have a tag name what it names there."""
        digest = upstream.resolve(proxied.path, tag)
        if digest is None:
            self._fetch(upstream, proxied, tag, tag)
        elif here is not None and here.digest == digest:
            self._use(proxied, digest)
        else:
            # By its digest: the tag may move between two requests, and then we would have fetched something else.
            self._fetch(upstream, proxied, digest, tag)

    def _fetch(self, upstream: Upstream, proxied: Proxied, reference: Digest | str, tag: str | None) -> None:
        known = self._metadata.manifest(proxied.repository, reference) if isinstance(reference, Digest) else None
        if known is not None:
            manifest, document = known, read_document(known.content, known.media_type)
        else:
            fetched = upstream.manifest(proxied.path, reference)
            document = fetched.document
            manifest = Manifest(
                fetched.digest,
                document.media_type,
                fetched.content,
                document.artifact_type,
                document.subject,
                document.annotations,
            )
        # The note first: a manifest without one would be kept for ever.
        self._use(proxied, manifest.digest)
        with outbox.silently():
            self._metadata.put_manifest(
                proxied.repository, manifest, _wishes(document), [] if tag is None else [tag], sparse=True
            )

    def _use(self, proxied: Proxied, digest: Digest) -> None:
        self._notes.use(proxied.repository, digest, self._clock(), older=_USE_SECONDS)


def _wishes(document: Document) -> Requirements:
    """Return what a manifest names as content that it may lack: it comes when somebody asks for it, and then stays."""
    needs = document.requirements
    return Requirements(optional=tuple(dict.fromkeys((*needs.blobs, *needs.children, *needs.optional))))

"""Statements about an image that a build has made: what is in it, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.build import provenance
from boxwright.build.planned import BaseImage
from boxwright.build.provenance import Attester, Made
from boxwright.engine import contents
from boxwright.errors import InvalidError, NotFoundError
from boxwright.oci.digest import Digest
from boxwright.sbom.statement import MEDIA_TYPE, PREDICATE_ANNOTATION, statement
from boxwright.store import attachments
from boxwright.store.store import Store
from boxwright.values import NamedTuple


def attester(store: Store, *, sbom: str | None, provenance_mode: str | None) -> Attester | None:
    """Return what attaches an SBOM (``spdx`` or ``cyclonedx``) and provenance (``min`` or ``max``) to what is built.

    None when neither is wanted. What a former build attached of the same kind is replaced.
    """
    if sbom is None and provenance_mode is None:
        return None

    def attest(made: Made) -> None:
        image = made.image
        names = [tag.with_default_tag().familiar() for tag in made.request.tags]
        if sbom is not None:
            made_of = contents.sbom_of(store, store.images.find(image), names[0] if names else image.short, sbom)
            kind = contents.MEDIA_TYPES[sbom]
            attachments.attach(store, image, kind, kind, made_of.document, replace=True)
        if provenance_mode is not None:
            predicate = provenance.predicate(
                made, lambda base: _known_digest(store, base), full=provenance_mode == "max"
            )
            # The manifest doesn't exist yet: what is said is said of the configuration, and attached to the manifest.
            data = statement(names, image, provenance.PREDICATE, predicate)
            annotations = {PREDICATE_ANNOTATION: provenance.PREDICATE}
            attachments.attach(store, image, MEDIA_TYPE, MEDIA_TYPE, data, annotations, replace=True)

    return attest


class NotKept(InvalidError):
    """There is nothing to attach to: the build leaves its result outside of the store."""

    def __init__(self) -> None:
        super().__init__(
            "what is said of an image is attached to it, and this build makes none",
            hint="leave out --sbom and --provenance, or keep the image: -o type=image",
        )


class Said(NamedTuple):
    """One thing that is attached to an image."""

    kind: str
    """``spdx``, ``cyclonedx``, ``provenance``, or what the artifact says that it is."""
    attachment: attachments.Attachment


class NothingSaid(NotFoundError):
    """Nothing of the kind is attached to an image."""

    def __init__(self, name: str, kind: str, there: Sequence[str]) -> None:
        hint = f"there are {', '.join(there)}" if there else "build it with --sbom=true or --provenance=true"
        super().__init__(f"{name} has no {kind} attached", hint=hint)


def said_of(store: Store, name: str) -> list[Said]:
    """Return what is attached to an image. Raises ImageNotFound."""
    return [Said(_kind(each), each) for each in attachments.of_image(store, store.images.find(name).id)]


def content_of(store: Store, name: str, kind: str) -> bytes:
    """Return the content of what is attached of a kind. Raises NothingSaid, ImageNotFound."""
    said = said_of(store, name)
    for each in said:
        if kind in (each.kind, each.attachment.artifact_type):
            return store.blobs.read(each.attachment.content.digest, each.attachment.content.size)
    raise NothingSaid(name, kind, [each.kind for each in said])


def _kind(attachment: attachments.Attachment) -> str:
    if attachment.annotations.get(PREDICATE_ANNOTATION) == provenance.PREDICATE:
        return "provenance"
    names = {kind: form for form, kind in contents.MEDIA_TYPES.items()}
    return names.get(attachment.artifact_type, attachment.artifact_type)


def _known_digest(store: Store, base: BaseImage) -> Digest:
    """Return the digest by which a registry knows an image; of one that was made here, its ID."""
    known = [ref.digest for ref in store.images.repo_digests(base.id) if ref.digest is not None]
    return known[0] if known else base.id

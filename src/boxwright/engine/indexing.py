"""The use-case of making an index in a registry of images that are there: what several machines have built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from boxwright.engine.clients import both_ends, client
from boxwright.engine.settings import Settings
from boxwright.errors import InvalidError
from boxwright.oci import media
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.reference import Reference
from boxwright.remote.copying import ATTESTED, copy_image, platform_of
from boxwright.remote.progress import Sink, ignore
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient


class MadeIndex(NamedTuple):
    references: tuple[Reference, ...]
    """What names it now; none where nothing was to be changed."""
    root: Manifest | Index


def make_index(
    settings: Settings,
    destinations: Sequence[str],
    sources: Sequence[str],
    *,
    append: bool = False,
    annotations: Mapping[str, str] | None = None,
    dry_run: bool = False,
    insecure: Sequence[str] = (),
    sink: Sink = ignore,
) -> MadeIndex:
    """Let tags in registries name an index of what `sources` name: images, and all images of indexes.

    Images of other repositories and registries are copied to each destination first; a tag moves when all is there. An
    index alone stays what it is, with its digest. With `append`, the images that the first destination names stay, but
    for those of a platform that comes anew. `dry_run` changes nothing. Raises InvalidError for two images of one
    platform, RegistryFailure, ConnectionFailed.
    """
    if not destinations or not sources:
        raise InvalidError("an index needs a name and an image at least")
    targets = [Reference.parse(name).with_default_tag() for name in destinations]
    for target in targets:
        if target.digest is not None:
            raise InvalidError(f"{target.familiar()} has a digest: an index gets its own", hint="name a tag")
    origins = [Reference.parse(name).with_default_tag() for name in sources]
    found = [_found(settings, origin, tuple(insecure)) for origin in origins]
    parts = [(origin, entry) for origin, (_, entries) in zip(origins, found, strict=True) for entry in entries]
    _refuse_twins([entry for _, entry in parts])
    if append:
        _, kept = _found(settings, targets[0], tuple(insecure))
        parts = [(targets[0], entry) for entry in _not_replaced(kept, [entry for _, entry in parts])] + parts
    root = found[0][0]
    if len(found) > 1 or append or annotations or not isinstance(root, Index):
        entries = list({entry.digest: entry for _, entry in parts}.values())
        docker = all(entry.media_type == media.DOCKER_MANIFEST for entry in entries)
        kind = media.DOCKER_LIST if docker and not annotations else media.OCI_INDEX
        root = Index.build(entries, media_type=kind, annotations=annotations or {})
    if dry_run:
        return MadeIndex((), root)
    for target in targets:
        _place(settings, target, parts, root, tuple(insecure), sink)
    return MadeIndex(tuple(targets), root)


def _found(
    settings: Settings, reference: Reference, insecure: tuple[str, ...]
) -> tuple[Manifest | Index, list[Descriptor]]:
    """Return what a reference names, and the entries that an index of it has."""
    with client(settings, reference, insecure, purpose="combine") as registry:
        root = registry.fetch(reference)
        return root, list(root.manifests) if isinstance(root, Index) else [_entry(registry, reference, root)]


def _entry(registry: RegistryClient, reference: Reference, manifest: Manifest) -> Descriptor:
    """Return how an index names an image: with its platform, which only its configuration tells."""
    described = manifest.descriptor
    if manifest.config.media_type not in (media.OCI_CONFIG, media.DOCKER_CONFIG):
        return described
    return described._replace(platform=platform_of(registry, reference, manifest))


def _refuse_twins(entries: Sequence[Descriptor]) -> None:
    seen: dict[str, Descriptor] = {}
    for entry in entries:
        if (platform := _platform(entry)) is None:
            continue
        if seen.setdefault(platform, entry).digest != entry.digest:
            raise InvalidError(
                f"two images are for {platform}: {seen[platform].digest} and {entry.digest}",
                hint="an index has one of each platform: leave one out",
            )


def _not_replaced(kept: Sequence[Descriptor], fresh: Sequence[Descriptor]) -> list[Descriptor]:
    """Return those entries of an index whose platform doesn't come anew, with what is attested of them."""
    platforms = {platform for entry in fresh if (platform := _platform(entry)) is not None}
    gone = {entry.digest for entry in kept if _platform(entry) in platforms}
    return [entry for entry in kept if entry.digest not in gone and entry.annotations.get(ATTESTED) not in gone]


def _platform(entry: Descriptor) -> str | None:
    """Return the platform that an image runs on, None for what doesn't: attestations are for unknown/unknown."""
    return str(entry.platform) if entry.platform is not None and entry.platform.os != "unknown" else None


def _place(
    settings: Settings,
    target: Reference,
    parts: Sequence[tuple[Reference, Descriptor]],
    root: Manifest | Index,
    insecure: tuple[str, ...],
    sink: Sink,
) -> None:
    """Have the parts of an index in the repository of `target`, and then let that name it."""
    elsewhere = dict.fromkeys(origin for origin, _ in parts if origin.repository != target.repository)
    for origin in elsewhere:
        with both_ends(settings, origin, target, insecure, sink) as (here, there):
            for _, entry in (part for part in parts if part[0] == origin):
                one, other = (ref._replace(tag=None, digest=entry.digest) for ref in (origin, target))
                copy_image(here, there, one, other, progress=sink)
    with client(settings, target, insecure, notice=sink) as registry:
        registry.put_manifest(target.path, target.tag or str(root.digest), root)

"""Use-cases of looking into registries, and of deleting there, past the store."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from boxwright.engine.clients import client as client_of
from boxwright.engine.settings import Settings
from boxwright.errors import InvalidError
from boxwright.oci import media
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Index, Manifest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient

T = TypeVar("T")
U = TypeVar("U")

TagOrder = Literal["name", "version"]

_PARALLEL = 8
# Where Docker Hub is searched; it has images under another name.
_HUB_SEARCH = "index.docker.io"
_MAX_CONFIG_BYTES = 8 << 20


class TagRow(NamedTuple):
    tag: str
    descriptor: Descriptor | None
    """What it names, where that was asked for; None also when the tag has gone meanwhile."""


class FoundRepository(NamedTuple):
    """What a search says of a repository; all of it is the registry's word."""

    name: str
    """As a pull takes it."""
    description: str = ""
    stars: int = 0
    official: bool = False


class RemotePlatform(NamedTuple):
    """One image of an index, or the only one."""

    platform: Platform | None
    """None: the registry doesn't say."""
    descriptor: Descriptor
    manifest: Manifest | None
    """None for a nested index, and for something that is no manifest."""

    @property
    def size(self) -> int | None:
        """Bytes of its layers and configuration, packed as they are."""
        if self.manifest is None:
            return None
        return sum(blob.size for blob in (*self.manifest.layers, self.manifest.config))


class RemoteImage(NamedTuple):
    """What a registry has under a name."""

    reference: Reference
    root: Manifest | Index
    images: tuple[RemotePlatform, ...]
    config: bytes | None
    """Of a single image, or of the chosen one of an index: its configuration as it is there."""
    referrers: tuple[Descriptor, ...]

    @property
    def image_config(self) -> ImageConfig | None:
        """The configuration of an image; of anything else, None. Raises MalformedConfig."""
        chosen = self.images[0].manifest if len(self.images) == 1 else None
        if self.config is None or chosen is None:
            return None
        known = chosen.config.media_type in (media.OCI_CONFIG, media.DOCKER_CONFIG)
        return ImageConfig.parse(self.config) if known else None


class Removal(NamedTuple):
    """What a deletion takes away: found before it is done."""

    reference: Reference
    digest: Digest
    tags: tuple[str, ...]
    """Every tag that goes: the one that was named, or all of the digest."""
    referrers: tuple[Descriptor, ...]
    """What refers to the manifest and so goes with it, or loses what it refers to."""
    signature_tags: tuple[str, ...]
    """cosign's tags for the digest. They stay unless they are asked to go."""


class Removed(NamedTuple):
    """What is gone from a registry."""

    name: str
    """A tag or a digest with its repository, as people write it."""
    freed: int | None
    """Bytes that nothing in the registry needs after it; None where it doesn't say."""


def repositories(
    settings: Settings,
    domain: str,
    *,
    prefix: str = "",
    last: str = "",
    limit: int | None = None,
    insecure: tuple[str, ...] = (),
) -> list[str]:
    """Return the names of a registry's repositories that begin with `prefix`, as many as `limit`, after `last`."""
    with client_of(settings, domain, insecure) as client:
        found = client.repositories(last=last, page=_page(limit))
        return list(islice((name for name in found if name.startswith(prefix)), limit))


def search(settings: Settings, term: str, *, limit: int = 25, insecure: tuple[str, ...] = ()) -> list[FoundRepository]:
    """Return the repositories that a registry finds for ``[HOST/]WORDS``; without a host, Docker Hub's.

    Where docker's search isn't there, those whose names hold the words. Raises RegistryFailure, ConnectionFailed.
    """
    domain, words = _searched(term)
    with client_of(settings, domain, insecure) as client:
        found = client.search(words, limit)
        if found is None:
            names = (name for name in client.repositories() if words.lower() in name)
            found = [{"name": name} for name in islice(names, limit)]
    return [_found(domain, result) for result in found[:limit]]


def tags(
    settings: Settings,
    name: str,
    *,
    match: str | None = None,
    last: str = "",
    limit: int | None = None,
    order: TagOrder | None = None,
    reverse: bool = False,
    digests: bool = False,
    insecure: tuple[str, ...] = (),
) -> list[TagRow]:
    """Return the tags of a repository, in its registry's order unless `order` says another.

    `match` is a shell's pattern; `last` and `limit` (after sorting) choose a part; with `digests`, each tag is asked
    for what it names. ``version`` compares numbers in tags as numbers.
    """
    reference = _repository(name)
    with client_of(settings, reference, insecure) as client:
        sorted_here = order is not None or reverse
        page = 0 if sorted_here or match else _page(limit)
        found: Iterable[str] = client.tags(reference.path, last=last, page=page)
        if match is not None:
            found = (tag for tag in found if fnmatch.fnmatchcase(tag, match))
        if sorted_here:
            found = sorted(found, key=_version if order == "version" else None, reverse=reverse)
        chosen = list(islice(found, limit))
        if not digests:
            return [TagRow(tag, None) for tag in chosen]
        return _each(lambda tag: TagRow(tag, client.resolve(reference._replace(tag=tag))), chosen)


def look(settings: Settings, name: str, *, platform: str | None = None, insecure: tuple[str, ...] = ()) -> RemoteImage:
    """Return what a registry has under a name: manifests, the configuration, what refers to it. Fetches no layer.

    With `platform`, of an index only that image. Raises NotInRegistry, NoMatchingPlatform, CorruptError.
    """
    from boxwright.remote import referrers

    reference = Reference.parse(name).with_default_tag()
    with client_of(settings, reference, insecure, purpose="inspect") as client:
        if platform is not None:
            root: Manifest | Index = client.fetch_manifest(reference, Platform.parse(platform)).manifest
        else:
            root = client.fetch(reference)
        if isinstance(root, Index):
            images = _each(lambda entry: _member(client, reference, entry), root.manifests)
        else:
            images = [RemotePlatform(None, root.descriptor, root)]
        config = None
        if isinstance(root, Manifest):
            config = _config(client, reference, root)
            images = [images[0]._replace(platform=_platform(root, config))]
        referring = tuple(referrers.listed(client, reference.path, root.digest))
    return RemoteImage(reference, root, tuple(images), config, referring)


def raw_manifest(settings: Settings, name: str, *, platform: str | None, insecure: tuple[str, ...] = ()) -> bytes:
    """Return a manifest or index as its registry has it, verified, byte for byte."""
    reference = Reference.parse(name).with_default_tag()
    with client_of(settings, reference, insecure, purpose="inspect") as client:
        if platform is not None:
            return client.fetch_manifest(reference, Platform.parse(platform)).manifest.raw
        return client.fetch(reference).raw


def removal(settings: Settings, name: str, *, insecure: tuple[str, ...] = ()) -> Removal:
    """Find what deleting a tag, or a digest, takes away. Changes nothing. Raises NotInRegistry.

    For a digest every tag of the repository is asked for what it names: registries have no other way to tell.
    """
    from boxwright.remote import referrers
    from boxwright.remote.copying import COSIGN_SUFFIXES

    reference = Reference.parse(name)
    if reference.tag is None and reference.digest is None:
        raise InvalidError(f"{name} names no image: a tag or digest is missing", hint=f"{name}:TAG, or {name}@DIGEST")
    with client_of(settings, reference, insecure, purpose="delete") as client:
        digest = client.fetch(reference).digest
        if reference.digest is None:
            return Removal(reference, digest, (reference.tag or "",), (), ())
        every = list(client.tags(reference.path))
        fallback = referrers.fallback_tag(digest)
        signatures = [tag for tag in every if tag in {f"{fallback}.{suffix}" for suffix in COSIGN_SUFFIXES}]
        plain = [tag for tag in every if not referrers.is_fallback_tag(tag)]
        named = _each(lambda tag: (tag, client.resolve(reference._replace(tag=tag, digest=None))), plain)
        gone = [tag for tag, there in named if there is not None and there.digest == digest]
        referring = tuple(referrers.listed(client, reference.path, digest))
    return Removal(reference, digest, tuple(gone), referring, tuple(signatures))


def remove(
    settings: Settings, wanted: Removal, *, with_referrers: bool = False, insecure: tuple[str, ...] = ()
) -> list[Removed]:
    """Delete what `removal` found, and return what is gone.

    With `with_referrers`, what refers to it goes first, and cosign's tags do; registries that collect garbage take
    referrers away by themselves. Raises RegistryUnsupported where deletions are disabled, AccessDenied.
    """
    from boxwright.remote.failure import NotInRegistry
    from boxwright.remote.referrers import fallback_tag

    reference, done = wanted.reference, list[Removed]()
    with client_of(settings, reference, insecure, purpose="delete") as client:
        if with_referrers:
            names = [*(str(each.digest) for each in wanted.referrers), *wanted.signature_tags]
            for name in (*names, fallback_tag(wanted.digest)):
                try:
                    freed = client.delete(reference.path, name)
                except NotInRegistry:
                    continue  # the last is there only in registries without the referrers API
                done.append(Removed(f"{reference.familiar_repository}{'@' if ':' in name else ':'}{name}", freed))
        freed = client.delete(reference.path, str(reference.digest or reference.tag))
    return [*done, Removed(reference.familiar(), freed)]


def _searched(term: str) -> tuple[str, str]:
    """Split a host off, by the rule that tells one in the name of an image."""
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return _HUB_SEARCH, term


def _found(domain: str, result: dict[str, Any]) -> FoundRepository:
    description, stars = result.get("description"), result.get("star_count")
    name = str(result["name"])
    return FoundRepository(
        name if domain == _HUB_SEARCH else f"{domain}/{name}",
        description if isinstance(description, str) else "",
        stars if type(stars) is int else 0,
        result.get("is_official") is True,
    )


def _repository(name: str) -> Reference:
    reference = Reference.parse(name)
    if reference.tag or reference.digest:
        raise InvalidError(f"{name} names one image, and a repository was asked for", hint="leave the tag out")
    return reference


def _member(client: RegistryClient, reference: Reference, entry: Descriptor) -> RemotePlatform:
    if entry.media_type not in media.MANIFESTS:
        return RemotePlatform(entry.platform, entry, None)
    from boxwright.remote.failure import NotInRegistry

    try:
        manifest = client.fetch(reference._replace(tag=None, digest=entry.digest), entry)
    except NotInRegistry:
        return RemotePlatform(entry.platform, entry, None)  # an index of which not all was pushed
    return RemotePlatform(entry.platform, entry, manifest if isinstance(manifest, Manifest) else None)


def _config(client: RegistryClient, reference: Reference, manifest: Manifest) -> bytes | None:
    if manifest.config.size > _MAX_CONFIG_BYTES:
        return None
    with client.open_blob(reference.path, manifest.config) as blob:
        return blob.read_all()


def _platform(manifest: Manifest, config: bytes | None) -> Platform | None:
    if config is None or manifest.config.media_type not in (media.OCI_CONFIG, media.DOCKER_CONFIG):
        return None
    return ImageConfig.parse(config).platform


def _version(tag: str) -> tuple[tuple[int, int, str], ...]:
    """Return what orders 1.9 before 1.10: numbers as numbers, the rest as text."""
    import re

    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", tag))


def _page(limit: int | None) -> int:
    return min(limit, 1000) if limit else 0


def _each(function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """Return what a function makes of each item, several at a time, in order; the first failure is raised."""
    if not items:
        return []
    with ThreadPoolExecutor(min(_PARALLEL, len(items)), thread_name_prefix="look") as pool:
        return list(pool.map(function, items))

"""The use-case of copying between registries, past the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict, Unpack

from boxwright.engine.clients import both_ends
from boxwright.engine.settings import Settings
from boxwright.errors import InvalidError
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.progress import Sink, ignore
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.client import RegistryClient
    from boxwright.remote.copying import Copied


class CopyOptions(TypedDict, total=False):
    """How images are copied; nothing of it has to be said."""

    platforms: Sequence[str]
    """Of an index only the images for these; without any, all."""
    referrers: bool
    """Bring what refers to them along: signatures, bills of materials."""
    insecure: Sequence[str]
    """Registries, at both ends, that may speak plain HTTP."""
    sink: Sink
    """Hears of layers on their way."""


class CopiedImage(NamedTuple):
    origin: Reference
    destination: Reference
    copied: Copied


def copy_image(settings: Settings, source: str, destination: str, **options: Unpack[CopyOptions]) -> CopiedImage:
    """Bring an image, or all images of an index, from one registry to another: see `boxwright.remote.copying`."""
    origin = Reference.parse(source).with_default_tag()
    target = Reference.parse(destination)
    if target.tag is None and target.digest is None:
        target = target._replace(tag=origin.tag)
    with _between(settings, origin, target, options) as (_, copy):
        return copy(origin, target)


def copy_tags(
    settings: Settings,
    source: str,
    destination: str,
    *,
    begin: Callable[[Reference, Reference], object] = lambda origin, destination: None,
    **options: Unpack[CopyOptions],
) -> list[CopiedImage]:
    """Copy every tag of a repository; `begin` hears of each before it is copied, in the registry's order.

    Tags that stand for signatures (``sha256-…``) go along with what they belong to, with `referrers`, and not by
    themselves. Raises as `copy_image`; what was copied until then stays copied.
    """
    from boxwright.remote.referrers import is_fallback_tag

    origin, target = Reference.parse(source), Reference.parse(destination)
    for reference, text in ((origin, source), (target, destination)):
        if reference.tag or reference.digest:
            raise InvalidError(f"{text} names one image, and all tags were asked for", hint="leave the tag out")
    done = []
    with _between(settings, origin, target, options) as (here, copy):
        for tag in here.tags(origin.path):
            if not is_fallback_tag(tag):
                one, other = origin._replace(tag=tag), target._replace(tag=tag)
                begin(one, other)
                done.append(copy(one, other))
    return done


@contextmanager
def _between(
    settings: Settings, source: Reference, target: Reference, options: CopyOptions
) -> Iterator[tuple[RegistryClient, Callable[[Reference, Reference], CopiedImage]]]:
    """Yield a client of the registry to copy from, and what copies from there to the other one."""
    from boxwright.remote import copying

    platforms = [Platform.parse(platform) for platform in options.get("platforms", ())]
    referrers, sink = options.get("referrers", False), options.get("sink", ignore)
    with both_ends(settings, source, target, tuple(options.get("insecure", ())), sink) as (here, there):

        def copy(one: Reference, other: Reference) -> CopiedImage:
            copied = copying.copy_image(
                here, there, one, other, platforms=platforms, referrers=referrers, progress=sink
            )
            return CopiedImage(one, other, copied)

        yield here, copy

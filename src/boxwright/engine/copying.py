"""The use-case of copying between registries, past the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boxwright.engine.clients import both_ends
from boxwright.engine.settings import Settings
from boxwright.errors import InvalidError
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.remote.progress import Sink, ignore
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.remote.copying import Copied


class CopiedImage(NamedTuple):
    origin: Reference
    destination: Reference
    copied: Copied


def copy_image(
    settings: Settings,
    source: str,
    destination: str,
    *,
    platforms: Sequence[str] = (),
    referrers: bool = False,
    insecure: tuple[str, ...] = (),
    sink: Sink = ignore,
) -> CopiedImage:
    """Bring an image, or all images of an index, from one registry to another: see `boxwright.remote.copying`.

    `insecure` are registries, at both ends, that may speak plain HTTP.
    """
    from boxwright.remote import copying

    origin = Reference.parse(source).with_default_tag()
    target = Reference.parse(destination)
    if target.tag is None and target.digest is None:
        target = target._replace(tag=origin.tag)
    chosen = [Platform.parse(platform) for platform in platforms]
    with both_ends(settings, origin, target, insecure, sink) as (here, there):
        copied = copying.copy_image(here, there, origin, target, platforms=chosen, referrers=referrers, progress=sink)
    return CopiedImage(origin, target, copied)


def copy_tags(
    settings: Settings,
    source: str,
    destination: str,
    *,
    platforms: Sequence[str] = (),
    referrers: bool = False,
    insecure: tuple[str, ...] = (),
    sink: Sink = ignore,
    begin: Callable[[Reference, Reference], object] = lambda origin, destination: None,
) -> list[CopiedImage]:
    """Copy every tag of a repository; `begin` hears of each before it is copied, in the registry's order.

    Tags that stand for signatures (``sha256-…``) go along with what they belong to, with `referrers`, and not by
    themselves. Raises as `copy_image`; what was copied until then stays copied.
    """
    from boxwright.remote import copying
    from boxwright.remote.referrers import is_fallback_tag

    origin, target = Reference.parse(source), Reference.parse(destination)
    for reference, text in ((origin, source), (target, destination)):
        if reference.tag or reference.digest:
            raise InvalidError(f"{text} names one image, and all tags were asked for", hint="leave the tag out")
    chosen = [Platform.parse(platform) for platform in platforms]
    done = []
    with both_ends(settings, origin, target, insecure, sink) as (here, there):
        for tag in here.tags(origin.path):
            if is_fallback_tag(tag):
                continue
            one, other = origin._replace(tag=tag), target._replace(tag=tag)
            begin(one, other)
            copied = copying.copy_image(here, there, one, other, platforms=chosen, referrers=referrers, progress=sink)
            done.append(CopiedImage(one, other, copied))
    return done

"""The use-case of base images that no registry brings."""

from __future__ import annotations

from boxwright.bootstrap.base import BaseImage
from boxwright.engine import archives, images
from boxwright.errors import InvalidError
from boxwright.host.clock import parse_rfc3339
from boxwright.host.paths import Path
from boxwright.store.store import Store


class UnknownBase(InvalidError):
    """There is nothing of that name to bootstrap."""

    def __init__(self, what: str) -> None:
        super().__init__(f"cannot bootstrap {what!r}", hint="there are debian, debian:SUITE, busybox and registry")
        self.what = what


def bootstrap(store: Store, what: str) -> list[str]:
    """Make the base image ``debian[:SUITE]``, ``busybox`` or ``registry``, and return the names that it got.

    The same packages give the same image. Raises UnknownBase, BootstrapFailed, CommandNotFound.
    """
    with store.scratch() as folder:
        base = _make(what, folder)
        with open(base.tar, "rb") as stream:
            id = archives.import_tar(
                store,
                stream,
                name=base.tags[0],
                message=base.comment,
                config=base.config,
                created=base.created,
                epoch=int(parse_rfc3339(base.created)),
            )
    for name in base.tags[1:]:
        images.tag(store, str(id), name)
    return list(base.tags)


def _make(what: str, folder: Path) -> BaseImage:
    name, _, suite = what.partition(":")
    if name == "debian":
        from boxwright.bootstrap import debian

        base = debian.bootstrap(suite or debian.host_suite(), folder)
        # Without a suite, what the host runs is what "debian" shall mean.
        return base if suite else base._replace(tags=(*base.tags, "debian:latest"))
    if what == "busybox":
        from boxwright.bootstrap import busybox

        return busybox.bootstrap(folder)
    if what == "registry":
        from boxwright.bootstrap import registry

        return registry.bootstrap(folder)
    raise UnknownBase(what)

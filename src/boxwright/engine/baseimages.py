"""Where the images come from that a build starts from or copies from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from boxwright.build.namedcontexts import OCI_LAYOUT, RESULT
from boxwright.build.planned import BaseImage
from boxwright.build.together import Together
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import DeniedError, InvalidError, NotFoundError, UnavailableError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform

if TYPE_CHECKING:
    from boxwright.store.images import ImageRecord
    from boxwright.store.store import Store

_CONTAINED = frozenset({("amd64", "386"), ("arm64", "arm")})
"""Architectures whose machines run the programs of another one, too."""


class BaseImages:
    """Images out of the store, fetched when they aren't there: from their registries, or from the folder of an OCI
    layout that they name (see `boxwright.build.plan.Bases`). Thread-safe: builds for several platforms share one."""

    def __init__(
        self,
        wiring: Wiring,
        together: Together,
        *,
        pull: bool = False,
        insecure: tuple[str, ...] = (),
        results: Mapping[str, Mapping[Platform, Digest]] = {},
    ) -> None:
        """With `pull`, a registry is asked for a newer one in any case, once for all of `together`; `insecure` may
        speak plain HTTP. `results` were built for what is built now, and are in the store.
        """
        self._together = together
        self._results = results
        self._wiring = wiring
        self._always = pull
        self._insecure = insecure

    def resolve(self, name: str, platform: Platform) -> BaseImage:
        with self._together.lock(name):  # a name means the image that was pulled last, for whatever platform
            return self._resolve(name, platform)

    def _resolve(self, name: str, platform: Platform) -> BaseImage:
        store = self._wiring.store
        if name.startswith(OCI_LAYOUT):
            record = layout_image(store, name, platform)
            return BaseImage(name, record.id, record.chain, store.images.config(record))
        if name.startswith(RESULT):
            return self._result(name.removeprefix(RESULT), platform)
        if self._always and not _is_id(name) and self._together.is_first(f"{name} for {platform}"):
            self._pull(name, platform)
        try:
            record = store.images.find(name)
        except NotFoundError:
            if _is_id(name):
                raise
            self._pull(name, platform)
            record = store.images.find(name)
        config = store.images.config(record)
        if not _fits(config.platform, platform):
            try:
                self._pull(name, platform)
            except (NotFoundError, UnavailableError, DeniedError, InvalidError) as error:
                raise WrongPlatform(name, config.platform, platform) from error
            record = store.images.find(name)
            config = store.images.config(record)
        settings = self._wiring.settings
        if settings.policy is not None:
            from boxwright.engine import admission

            admission.admit(store, settings, name, insecure=tuple(self._insecure))
        return BaseImage(name, record.id, record.chain, config)

    def _result(self, name: str, platform: Platform) -> BaseImage:
        """Return what was built under a name: for the platform, or the only one that there is."""
        built = self._results.get(name)
        if built is None:
            raise NotFoundError(f"nothing is built under the name {name}")
        images = self._wiring.store.images
        id = built.get(platform) or (next(iter(built.values())) if len(built) == 1 else None)
        if id is None:
            raise NotFoundError(f"{name} is not built for {platform}")
        record = images.find(str(id))
        return BaseImage(name, record.id, record.chain, images.config(record))

    def _pull(self, name: str, platform: Platform) -> None:
        from boxwright.engine import sharing

        sharing.pull(
            self._wiring.store,
            self._wiring.settings,
            name,
            platform=str(platform),
            insecure=self._insecure,
        )


def layout_image(store: Store, name: str, platform: Platform) -> ImageRecord:
    """Bring the image of an OCI layout into the store, verified, for what is built from it, and return its row.

    `name` is ``oci-layout://FOLDER[:TAG|@DIGEST]``; without a tag it is ``latest``, or the only image that is there.
    Raises LayoutNotFound, NotAnOciLayout, ImageNotInLayout, InvalidDigest, CorruptError.
    """
    from boxwright.host.paths import Path
    from boxwright.image.oci_layout import image_in
    from boxwright.image.tree import Directory
    from boxwright.store.ingest import ingest_image

    folder, at, digest = name.removeprefix(OCI_LAYOUT).partition("@")
    tag = ""
    if not at and "/" not in folder.rpartition(":")[2]:
        folder, _, tag = folder.rpartition(":") if ":" in folder else (folder, "", "")
    try:
        tree = Directory(Path(folder))
    except OSError as error:
        raise LayoutNotFound(folder, error) from None
    try:
        image = image_in(tree, platform, tag=tag or None, digest=Digest.parse(digest) if at else None)
        return ingest_image(store, image, rootless=os.geteuid() != 0, intermediate=True)
    finally:
        tree.close()


class LayoutNotFound(NotFoundError):
    """There is no such folder, so no OCI layout in it."""

    def __init__(self, folder: str, error: OSError) -> None:
        super().__init__(f"no OCI layout at {folder}: {(error.strerror or str(error)).lower()}")
        self.folder = folder


class WrongPlatform(NotFoundError):
    """An image is here, but for another platform than the one that is built for, and there is no other to be had."""

    def __init__(self, name: str, found: Platform, wanted: Platform) -> None:
        super().__init__(
            f"{name} is here for {found} only, and {wanted} is built for", hint=f"build for it: --platform {found}"
        )
        self.found = found
        self.wanted = wanted


def _fits(image: Platform, wanted: Platform) -> bool:
    """Whether an image is for a platform, or for a smaller one that it contains; one that doesn't say fits all."""
    if not image.architecture:
        return True
    pair = (wanted.architecture, image.architecture)
    return image.os == wanted.os and (pair[0] == pair[1] or pair in _CONTAINED)


def _is_id(name: str) -> bool:
    return name.startswith("sha256:")

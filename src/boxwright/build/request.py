"""What a build is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boxwright.build.actions import RunOptions
from boxwright.build.context import Context
from boxwright.dockerfile.stages import Dockerfile
from boxwright.host.clock import rfc3339
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.exports import CacheTarget
    from boxwright.build.imports import CacheSource
    from boxwright.build.namedcontexts import NamedContexts
    from boxwright.build.secrets import Secret
    from boxwright.store.publications import Publication


class Given(NamedTuple):
    """What a command line gives to RUN steps, beyond what they have anyway."""

    secrets: Mapping[str, Secret] = {}
    """By their IDs."""
    absent: Mapping[str, str] = {}
    """Secrets of variables that are not set: ID → the variable. They are as if nobody had given them."""
    agents: Mapping[str, str] = {}
    """SSH agents: ID → the path of a socket."""
    allowed: frozenset[str] = frozenset()
    """Entitlements (see `plan.PlanOptions`)."""


class BuildRequest(NamedTuple):
    context: Context
    """The build's own; `named` are further ones."""
    platform: Platform
    """What is built for, where the file doesn't say."""
    build_platform: Platform
    """What is built on."""
    dockerfile: Dockerfile | None = None
    """What is built, where it isn't the Dockerfile of the context."""
    tags: tuple[Reference, ...] = ()
    build_args: Mapping[str, str | None] = {}
    """None for a name that was given without a value and that the environment doesn't have."""
    target: str | None = None
    """The stage to build; None for the last one."""
    labels: Mapping[str, str] = {}
    """They go before those of the file."""
    named: NamedContexts | None = None
    no_cache: bool = False
    no_cache_stages: frozenset[str] = frozenset()
    """The names, in lower case, of stages whose steps are built anew."""
    force_rm: bool = False
    """A failed step's container is not kept."""
    keep_steps: bool = False
    """The container of every RUN that is done is kept, as docker's classic builder does with ``--rm=false``."""
    intermediate: bool = False
    """Make an image of every step, as docker's classic builder does."""
    explain: bool = False
    """Say why a step was built again."""
    run: RunOptions = RunOptions()
    allowed: frozenset[str] = frozenset()
    """What RUN steps may ask for (see `plan.PlanOptions`)."""
    squash: bool = False
    """Put all that is built into one layer on the base image."""
    clamp: bool = False
    """No file in the layers that are built is newer than `epoch`."""
    keep_image: bool = True
    """The image is to be in the store; without, its layers are there as long as the cache has them."""
    variant: bool = False
    """The image is one of several, for other platforms each, under a tag that the caller sets."""
    publication: Publication | None = None
    """How the image leaves under `tags`; None for the usual way."""
    cache_from: tuple[CacheSource, ...] = ()
    """Caches from elsewhere; what is named first goes first."""
    cache_to: tuple[CacheTarget, ...] = ()
    inline_cache: bool = False
    """The image carries the cache of its own layers."""
    epoch: int | None = None
    """SOURCE_DATE_EPOCH, in seconds: the time of everything that the build makes up."""

    @property
    def exports(self) -> bool:
        """Whether the cache of the build is to go anywhere."""
        return self.inline_cache or bool(self.cache_to)

    def listed_time(self) -> str | None:
        """Return since when an image that is made now is there, RFC 3339; None leaves that to its configuration."""
        return rfc3339() if self.epoch is None else None


class BuildResult(NamedTuple):
    image: Digest
    size: int
    """Bytes of its layers, uncompressed."""
    steps: int
    cached: int
    images: tuple[Digest, ...] = ()
    """Of all platforms that were built for, where there are several; `image` is one of them."""
    metadata: Mapping[str, Any] = {}
    """What the outputs gave, as buildx's ``--metadata-file`` has it."""

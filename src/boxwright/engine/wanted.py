"""What a person says of a build: values, checked one by one before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from boxwright.build.runner import StepLimits
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.engine.described.image import Image

EPOCH = "SOURCE_DATE_EPOCH"
HOSTNAME = "BUILDKIT_SANDBOX_HOSTNAME"
_NETWORKS = ("default", "bridge", "none", "host")
_LONGEST_HOSTNAME = 64


class Build(NamedTuple):
    """What is to be built, as a person says it."""

    context: str = "."
    """A folder; ``-``: a tar, or a Dockerfile alone, from `stdin`; the URL of one of these, or of a git repository;
    empty: no files, for an `image`."""
    dockerfile: str | None = None
    """Its path, in the context where that is no folder; its URL; ``-``: from `stdin`. None: the one of the context."""
    image: Image | None = None
    """What to build, described in Python, in place of a Dockerfile."""
    contexts: Mapping[str, str] = {}
    """Further contexts: a name that FROM, COPY ``--from`` and mounts use → a folder, a URL (of an archive, a file or a
    git repository), ``docker-image://NAME`` or ``oci-layout://FOLDER[:TAG|@DIGEST]``."""
    tags: tuple[str, ...] = ()
    build_args: Mapping[str, str | None] = {}
    """A value of None takes the variable of the caller's environment, if it is there."""
    target: str | None = None
    labels: Mapping[str, str] = {}
    platform: str | None = None
    """What to build for; several, with commas between, make one image of all."""
    network: str = "default"
    add_hosts: tuple[str, ...] = ()
    shm_size: int | None = None
    """Bytes."""
    ulimits: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """``id=NAME,src=FILE`` or ``id=NAME,env=VARIABLE``."""
    ssh: tuple[str, ...] = ()
    """``default``, ``ID=SOCKET`` or ``ID=KEY``: agents that RUN steps may use."""
    allow: tuple[str, ...] = ()
    """What RUN steps may ask for: ``network.host``, ``security.insecure``."""
    limits: StepLimits = StepLimits()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    """Names of stages that are built anew, when all others may come from the cache."""
    pull: bool = False
    """Ask the registry for a newer base image, although there is one here."""
    force_rm: bool = False
    """Keep no container of a failed step."""
    keep_steps: bool = False
    """Keep the container of every RUN that is done."""
    intermediate: bool = False
    """Make an image of every step."""
    explain: bool = False
    sbom: str | None = None
    """Attach a list of the image's packages: ``spdx`` or ``cyclonedx``."""
    provenance: str | None = None
    """Attach how the image came about: ``min`` or ``max``."""
    cache_from: tuple[str, ...] = ()
    """Caches to take results from: ``type=registry,ref=NAME``, ``type=local,src=DIR``, or the name of an image."""
    cache_to: tuple[str, ...] = ()
    """Where the cache goes: ``type=registry,ref=NAME``, ``type=local,dest=DIR`` or ``type=inline``, with options."""
    insecure: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """What becomes of it, as ``--output`` says; nothing: an image in the store."""
    push: bool = False
    """Push it under all its tags."""
    load: bool = False
    """Have the image in the store, whatever the outputs are."""
    annotations: tuple[str, ...] = ()
    """``[type:]key=value``."""
    squash: bool = False
    """Put all that is built into one layer."""
    results: Mapping[str, Mapping[Platform, Digest]] = {}
    """What was built together with this: the images of a name, each for its platform; ``result://NAME`` is one as a
    context."""
    needed: bool = False
    """Something else is built on the image, which is in the store for that, whatever the outputs are."""
    stdin: BinaryIO | None = None
    stdout: BinaryIO | None = None
    """For outputs that say so."""


def read_tag(text: str) -> Reference:
    """Return the name that an image is to have. Raises InvalidReference, InvalidError."""
    ref = Reference.parse(text)
    if ref.digest is not None:
        raise InvalidError(f"{text} has a digest, and a name for an image has none", hint="use -t name:tag")
    return ref


def read_epoch(text: str | None) -> int | None:
    """Return seconds since 1970; None where nothing is said. Raises InvalidError."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise InvalidError(f"invalid {EPOCH} {text!r}", hint="it is a number of seconds since 1970")
    return int(text)


def read_platforms(text: str | None, host: Platform) -> list[Platform]:
    """Return what to build for, each platform once: this machine's where nothing is said. Raises InvalidError."""
    if not text:
        return [host]
    return list(dict.fromkeys(Platform.parse(part.strip()) for part in text.split(",")))


def is_set(text: str | None) -> bool:
    """Whether a build argument that speaks to the builder says yes."""
    return text in ("1", "true")


def check_network(name: str) -> None:
    """Raises InvalidError for what is no mode of RUN steps."""
    if name not in _NETWORKS:
        raise InvalidError(f"unknown network {name!r}", hint="RUN steps have default, none or host")


def check_hostname(name: str | None) -> None:
    """Raises InvalidError for what is no name of a host."""
    if name and (
        len(name) > _LONGEST_HOSTNAME or not name.replace("-", "").replace(".", "").isalnum() or not name.isascii()
    ):
        raise InvalidError(
            f"invalid {HOSTNAME} {name!r}", hint=f"it has at most {_LONGEST_HOSTNAME} letters, digits, '-' and '.'"
        )


def check_limits(limits: StepLimits) -> None:
    """Raises InvalidError: a build from the cache would not find out that they make no sense."""
    if limits == StepLimits():
        return
    from boxwright.runtime.options import Limits
    from boxwright.runtime.spec import limits_to_resources

    limits_to_resources(Limits(**limits._asdict()))


def read_hosts(wanted: Build) -> tuple[str, ...]:
    """Return the lines for /etc/hosts; limits are looked at as well, before anything is done. Raises InvalidError."""
    if not wanted.add_hosts and not wanted.ulimits:
        return ()
    from boxwright.engine.containers.creation import host_line
    from boxwright.engine.containers.ulimits import ulimit

    for text in wanted.ulimits:
        ulimit(text)
    return tuple(map(host_line, wanted.add_hosts))

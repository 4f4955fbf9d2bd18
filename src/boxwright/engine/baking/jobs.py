"""Target → what is to be built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from typing import BinaryIO

from boxwright.bake.entries import Attestation
from boxwright.bake.selection import LINK, is_elsewhere
from boxwright.bake.targets import Target
from boxwright.bake.values import ConversionError, size
from boxwright.build.namedcontexts import RESULT
from boxwright.build.runner import StepLimits
from boxwright.engine.baking.permission import dockerfile_path
from boxwright.engine.wanted import Build
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

_MAX_DOCKERFILE = 1 << 20
_FORMS, _MODES = ("spdx", "cyclonedx"), ("min", "max")


class Fetching(NamedTuple):
    """With what the repository is fetched that the files are from; targets whose context it is fetch it, too."""

    url: str
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()


class Means(NamedTuple):
    """What all targets of a command line have in common."""

    allow: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    explain: bool = False
    stdout: BinaryIO | None = None
    fetching: Fetching | None = None


def job(target: Target, means: Means, results: Mapping[str, Mapping[Platform, Digest]], *, needed: bool) -> Build:
    """Return what to build for a target; `results` are those of targets before it. Raises InvalidError."""
    assert target.context is not None
    assert target.dockerfile is not None
    try:
        sbom, provenance = _attestations(() if _is_for_the_cache(target) else target.attest or ())
        limits, shm_size = _limits(target.resources or {}), None if target.shm_size is None else size(target.shm_size)
    except ConversionError as error:
        raise InvalidError(f"{target.name}: {error}") from None
    except InvalidError as error:
        error.message = f"{target.name}: {error.message}"
        raise
    dockerfile, stdin = target.dockerfile, None
    path = dockerfile_path(target)
    if target.dockerfile_inline is not None:
        dockerfile, stdin = "-", BytesIO(target.dockerfile_inline.encode())
    elif path is not None and is_elsewhere(target.context):
        dockerfile, stdin = "-", BytesIO(_read(path, target.name))
    elif path is not None:
        dockerfile = path
    fetching = means.fetching if means.fetching is not None and _is_of(target.context, means.fetching) else None
    return Build(
        context=target.context,
        contexts={
            name: RESULT + where.removeprefix(LINK) if where.startswith(LINK) else where
            for name, where in (target.contexts or {}).items()
        },
        dockerfile=dockerfile,
        tags=target.tags or (),
        build_args=dict(target.args or {}),
        target=target.target or None,
        labels=target.labels or {},
        platform=",".join(map(_platform, target.platforms or ())) or None,
        network=target.network or "default",
        add_hosts=tuple(
            f"{host}={address}"
            for host, addresses in sorted((target.extra_hosts or {}).items())
            for address in addresses.split(",")
        ),
        shm_size=shm_size,
        ulimits=target.ulimits or (),
        secrets=(*map(str, target.secret or ()), *(fetching.secrets if fetching is not None else ())),
        ssh=tuple(map(str, target.ssh or ())) or (fetching.ssh if fetching is not None else ()),
        allow=tuple(each for each in target.entitlements or () if each in means.allow),
        limits=limits,
        no_cache=bool(target.no_cache),
        no_cache_filter=target.no_cache_filter or (),
        pull=bool(target.pull),
        explain=means.explain,
        sbom=sbom,
        provenance=provenance,
        cache_from=tuple(map(str, target.cache_from or ())),
        cache_to=tuple(map(str, target.cache_to or ())),
        insecure=means.insecure,
        outputs=tuple(map(str, target.output or ())),
        annotations=target.annotations or () if _makes_image(target) else (),
        results=results,
        needed=needed,
        stdin=stdin,
        stdout=means.stdout,
    )


def _is_of(context: str, fetching: Fetching) -> bool:
    return context.partition("#")[0] == fetching.url.partition("#")[0]


def _read(path: str, target: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(_MAX_DOCKERFILE)
    except OSError as error:
        raise InvalidError(f"{target}: {path}: {error.strerror}") from None


def _is_for_the_cache(target: Target) -> bool:
    """Whether nothing is to become of a target: then there is nothing that could be said of it."""
    return bool(target.output) and all(output.type == "cacheonly" for output in target.output or ())


def _platform(text: str) -> str:
    """Return a platform; ``local`` is this machine's."""
    return str(Platform.of_machine(os.uname().machine)) if text == "local" else text


def _makes_image(target: Target) -> bool:
    """Whether there is something that annotations can be of."""
    return not target.output or any(output.type not in ("local", "tar", "cacheonly") for output in target.output)


def _attestations(said: tuple[Attestation, ...]) -> tuple[str | None, str | None]:
    """Return the form of an SBOM and the mode of provenance, where they are wanted."""
    sbom = provenance = None
    for each in said:
        attributes = dict(each.attributes)
        if each.type not in ("sbom", "provenance"):
            raise InvalidError(f"there is no attestation {each.type!r}", hint="there are sbom and provenance")
        name, choices = ("format", _FORMS) if each.type == "sbom" else ("mode", _MODES)
        chosen = attributes.pop(name, choices[0])
        if chosen not in choices:
            raise InvalidError(f"unknown {name} {chosen!r} of {each.type}", hint=f"there are {' and '.join(choices)}")
        if attributes and not each.disabled:
            raise InvalidError(
                f"{each.type} with {min(attributes)} is not supported", hint=f"leave {min(attributes)} out"
            )
        wanted = None if each.disabled else chosen
        if each.type == "sbom":
            sbom = wanted
        else:
            provenance = wanted
    return sbom, provenance


def _limits(resources: Mapping[str, str | int]) -> StepLimits:
    swap = str(resources.get("memory-swap", 0))
    return StepLimits(
        memory=size(str(resources.get("memory", 0))),
        memory_swap=-1 if swap == "-1" else size(swap),
        cpu_shares=int(resources.get("cpu-shares", 0)),
        cpu_period=int(resources.get("cpu-period", 0)),
        cpu_quota=int(resources.get("cpu-quota", 0)),
        cpuset_cpus=str(resources.get("cpuset-cpus", "")),
        cpuset_mems=str(resources.get("cpuset-mems", "")),
    )

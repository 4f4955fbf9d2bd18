"""Filling a container's directory before it is created: the root file system, the spec, the container's own files.

Everything here runs inside `PrivateMounts.call`, since only there the mounts are seen.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError
from boxwright.host import cgroups, mounts
from boxwright.runtime import capabilities, scaffolding, seccomp
from boxwright.runtime.accounts import account_of
from boxwright.runtime.bundle import Bundle, Layers, write_private
from boxwright.runtime.files import Files
from boxwright.runtime.options import ContainerOptions, Device, Ulimit
from boxwright.runtime.scaffolding import Scaffolding
from boxwright.runtime.spec import Surroundings, build_spec

if TYPE_CHECKING:
    from boxwright.host.paths import Path

CGROUP_PARENT = "/boxwright"


def mount_rootfs(bundle: Bundle, layers: Layers) -> None:
    """Mount the union on the bundle's rootfs. Raises OverlayFailed."""
    cgroups.hasten_moves()
    os.makedirs(bundle.rootfs, exist_ok=True)
    mounts.overlay(bundle.rootfs, layers.lowers, layers.upper, layers.work, volatile=layers.volatile)


def write_config(
    bundle: Bundle,
    options: ContainerOptions,
    files: Files,
    *,
    annotate: bool,
    cache: Path | None,
) -> Scaffolding:
    """Write config.json and the container's files for the mounted rootfs; return what mounting them will leave there.

    `annotate` says that the runtime is crun, which takes a compiled filter for system calls; `cache` is the directory
    for that. Raises UnknownUser, UnknownCapability, CapabilityDenied and InvalidError.
    """
    added = ("ALL",) if options.privileged else options.cap_add
    granted = capabilities.select(added, options.cap_drop, capabilities.available())
    filter_ = None
    if options.confined and not options.privileged:
        filter_ = seccomp.load(granted, _architecture(), cache if annotate else None)
    options = options._replace(ulimits=tuple(_clamped(ulimit) for ulimit in options.ulimits))
    spec = build_spec(
        options,
        account_of(bundle.rootfs, options.user, options.groups),
        Surroundings(
            rootfs=bundle.rootfs,
            capabilities=granted,
            cgroup=f"{CGROUP_PARENT}/{bundle.id}",
            cgroup_namespace=cgroups.are_unified() and options.cgroup != "host",
            seccomp=filter_.section if filter_ else None,
            files=_write_files(bundle, files),
            devices=_host_devices() if options.privileged else (),
        ),
    )
    if filter_ and filter_.program and annotate:
        spec.setdefault("annotations", {})[seccomp.ANNOTATION] = filter_.program
    write_private(bundle.config, json.dumps(spec, separators=(",", ":")))
    return scaffolding.survey(bundle.rootfs, [mount["destination"] for mount in spec["mounts"]])


def _write_files(bundle: Bundle, files: Files) -> dict[str, str]:
    written = {}
    for name, target, text in files.items():
        # In place: where it is mounted already, it has to stay the same file.
        with open(bundle.path(name), "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        written[target] = bundle.path(name)
    return written


def _host_devices() -> list[Device]:
    from boxwright.runtime.devices import host_devices

    return list(host_devices())


def _clamped(ulimit: Ulimit) -> Ulimit:
    """Return the limit as far as we may give it: nobody can raise the hard limit he has himself."""
    import resource

    number = getattr(resource, f"RLIMIT_{ulimit.name.upper()}", None)
    if number is None:
        raise InvalidError(f"unknown ulimit {ulimit.name!r}", hint="such as nofile, nproc, core, memlock")
    _, most = resource.getrlimit(number)
    if most == resource.RLIM_INFINITY:
        return ulimit

    def clamp(value: int) -> int:
        return most if value < 0 or value > most else value

    return ulimit._replace(soft=clamp(ulimit.soft), hard=clamp(ulimit.hard))


def _architecture() -> str:
    from boxwright.oci.platform import Platform

    return Platform.of_machine(os.uname().machine).architecture

"""A container's directory: what the runtime is given, and what it leaves.

    DIR/rootfs            the mount point of the union; empty for everybody outside the container's mount namespace
        config.json       the OCI runtime spec
        hosts, hostname, resolv.conf
        scaffolding.json  what was made in the root file system only to mount something on it
        starting          a mark: somebody starts it, or was killed while he did
        pid, init         process 1 (the runtime writes pid; init also tells it from a later process of that number)
        conmon.pid, exit, log, attach, ctl …    see `conmon`

Everything here runs inside `PrivateMounts.call`, since only there the mounts are seen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError
from boxwright.host import cgroups, mounts, syscalls
from boxwright.host.passwd import Account, UnknownUser, find_account, groups
from boxwright.runtime import capabilities, scaffolding
from boxwright.runtime.files import Files
from boxwright.runtime.options import ContainerOptions, Device, Ulimit
from boxwright.runtime.scaffolding import Scaffolding
from boxwright.runtime.spec import Surroundings, build_spec
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.host.paths import Path

CGROUP_PARENT = "/boxwright"
_MAX_PASSWD = 4 * 1024 * 1024


class Layers(NamedTuple):
    """The directories of a root file system: `lowers` (lowest first) below the writable `upper`."""

    lowers: Sequence[str]
    upper: str
    work: str
    volatile: bool = False
    """See `mounts.overlay`."""


class Bundle(NamedTuple):
    """The directory of the container `id`."""

    directory: str
    id: str

    @property
    def rootfs(self) -> str:
        return f"{self.directory}/rootfs"

    @property
    def config(self) -> str:
        return f"{self.directory}/config.json"

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"


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
    from boxwright.runtime import seccomp  # a large table, which exec has no use for

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
            cgroup_namespace=cgroups.are_unified(),
            seccomp=filter_.section if filter_ else None,
            files=_write_files(bundle, files),
            devices=_host_devices() if options.privileged else (),
        ),
    )
    if filter_ and filter_.program and annotate:
        spec.setdefault("annotations", {})[seccomp.ANNOTATION] = filter_.program
    write_private(bundle.config, json.dumps(spec, separators=(",", ":")))
    return scaffolding.survey(bundle.rootfs, [mount["destination"] for mount in spec["mounts"]])


def account_of(rootfs: str, user: str, further: Sequence[str] = ()) -> Account:
    """Return what `user` means by the files of a mounted root file system. Raises UnknownUser."""
    passwd, group = read_in(rootfs, "etc/passwd"), read_in(rootfs, "etc/group")
    account = find_account(user, passwd, group)
    if not further:
        return account
    known = {entry.name: entry.gid for entry in groups(group)}
    numbers = []
    for name in further:
        if name in known:
            numbers.append(known[name])
        elif name.isascii() and name.isdigit():
            numbers.append(int(name))
        else:
            raise UnknownUser("group", name, "/etc/group")
    return account._replace(groups=tuple(dict.fromkeys((*account.groups, *numbers))))


def read_in(rootfs: str, path: str) -> str:
    """Return the text of a file of a root file system, links followed inside it; empty when there is none."""
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # O_NONBLOCK: an image may have a pipe there.
        fd = syscalls.openat2(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    finally:
        os.close(root)
    with open(fd, "rb") as stream:
        try:
            return stream.read(_MAX_PASSWD).decode(errors="surrogateescape")
        except OSError:  # a directory, a device: as good as no file
            return ""


def _write_files(bundle: Bundle, files: Files) -> dict[str, str]:
    written = {}
    for name, target, text in files.items():
        # In place: where it is mounted already, it has to stay the same file.
        with open(bundle.path(name), "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        written[target] = bundle.path(name)
    return written


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner may read: environments hold secrets."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)


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

"""Options → the OCI runtime spec (runtime-spec config.md and config-linux.md). Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.errors import InvalidError
from boxwright.host.passwd import Account
from boxwright.runtime.options import ContainerOptions, Device, Limits, Mount, Ulimit
from boxwright.values import NamedTuple

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = "/sbin/docker-init"
"""Where the init is in a container that has one: the place that people look for."""

# What the kernel tells about the machine, and a container has no business with.
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

NETWORK_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
"""In a network of its own, any port and ping are harmless: they need no capability. Not set where a container joins the
network of another process (/proc/PID/ns/net)."""

_NAMED_DEVICES = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2))  # null … ptmx
_PSEUDO_TERMINALS = 136  # the major number of /dev/pts/*
_CPU_PERIOD = 100_000
_RULE = re.compile(r"(?P<kind>[abc]) (?P<major>\d+|\*):(?P<minor>\d+|\*) (?P<access>[rwm]{1,3})")
_SAFE = ("nosuid", "noexec", "nodev")


class Surroundings(NamedTuple):
    """What a container gets from the machine and the store rather than from its options."""

    rootfs: str
    """Path of the root file system, absolute or relative to the bundle."""
    capabilities: Sequence[str]
    cgroup: str
    """Path below the cgroup root, such as /boxwright/<id>."""
    cgroup_namespace: bool = False
    """Only with cgroup v2 does it mean anything."""
    seccomp: Mapping[str, Any] | None = None
    files: Mapping[str, str] = {}
    """File in the container → file of the host that is seen there: /etc/hosts and its like."""
    devices: Sequence[Device] = ()
    """Every device of the host, for a privileged container."""


def build_spec(options: ContainerOptions, account: Account, surroundings: Surroundings) -> dict[str, Any]:
    """Return the content of config.json. Raises InvalidError for options that contradict each other."""
    root = {"path": surroundings.rootfs, "readonly": options.read_only}
    spec: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": process(options, account, surroundings.capabilities),
        "root": root,
        "mounts": _mounts(options, surroundings),
        "linux": _linux(options, surroundings),
    }
    if options.hostname and options.uts != "host":
        spec["hostname"] = options.hostname
    if options.domainname and options.uts != "host":
        # The spec's own word for it is younger than the runtimes around.
        spec["linux"]["sysctl"]["kernel.domainname"] = options.domainname
    if options.annotations:
        spec["annotations"] = dict(options.annotations)
    return spec


def process(options: ContainerOptions, account: Account, capabilities: Sequence[str]) -> dict[str, Any]:
    """Return the ``process`` object: that of the container, or of a program to start in it."""
    if not options.argv or not options.argv[0]:
        raise InvalidError("no command specified", hint="the image has none either: name one after the image")
    if not options.cwd.startswith("/"):
        raise InvalidError(f"the working directory {options.cwd!r} is not an absolute path")
    held = list(capabilities)
    value: dict[str, Any] = {
        "terminal": options.tty,
        "user": {"uid": account.uid, "gid": account.gid, "additionalGids": list(account.groups)},
        "args": [INIT, "--", *options.argv] if options.init else list(options.argv),
        "env": environment(options, account),
        "cwd": posixpath.normpath(options.cwd),
        # Not inheritable: a program that isn't root would get them back from any file that asks.
        "capabilities": {"bounding": held, "effective": held, "permitted": held},
        "noNewPrivileges": options.no_new_privileges,
    }
    if options.tty and options.console_size:
        rows, columns = options.console_size
        value["consoleSize"] = {"height": rows, "width": columns}
    if options.ulimits:
        value["rlimits"] = [_rlimit(ulimit) for ulimit in options.ulimits]
    if options.oom_score_adj is not None:
        value["oomScoreAdj"] = options.oom_score_adj
    return value


def environment(options: ContainerOptions, account: Account) -> list[str]:
    """Return the complete environment: defaults, then what was asked, each name once at its first place."""
    variables = {"PATH": PATH}
    if options.hostname and options.tell_hostname:
        variables["HOSTNAME"] = options.hostname
    if options.tty:
        variables["TERM"] = "xterm"
    for entry in options.env:
        name, _, value = entry.partition("=")
        variables[name] = value
    variables.setdefault("HOME", account.home)
    return [f"{name}={value}" for name, value in variables.items()]


def _rlimit(ulimit: Ulimit) -> dict[str, Any]:
    def number(value: int) -> int:
        return value if value >= 0 else 2**64 - 1  # RLIM_INFINITY

    return {"type": f"RLIMIT_{ulimit.name.upper()}", "soft": number(ulimit.soft), "hard": number(ulimit.hard)}


def _mounts(options: ContainerOptions, surroundings: Surroundings) -> list[dict[str, Any]]:
    kernel = "rw" if options.privileged else "ro"
    mounts = [
        _mount("/proc", "proc", "proc", *_SAFE),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", *_SAFE[:2], "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        _mount("/sys", "sysfs", "sysfs", *_SAFE, kernel),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", *_SAFE, "relatime", kernel),
        _mount("/dev/mqueue", "mqueue", "mqueue", *_SAFE),
    ]
    if options.ipc == "host":
        mounts.append(_mount("/dev/shm", "bind", "/dev/shm", "rbind", "rprivate", *_SAFE))
    elif options.ipc != "none":
        mounts.append(_mount("/dev/shm", "tmpfs", "shm", *_SAFE, "mode=1777", f"size={options.shm_size}"))
    own = {posixpath.normpath(mount.target) for mount in options.mounts}
    for target, source in surroundings.files.items():
        if target not in own:
            mounts.append(_mount(target, "bind", source, "bind", "rprivate"))
    if options.init:
        mounts.append(_mount(INIT, "bind", options.init, "bind", "rprivate", "ro"))
    # A mount inside another one comes after it, in whatever order they were asked for.
    for mount in sorted(options.mounts, key=lambda mount: posixpath.normpath(mount.target).count("/")):
        target = posixpath.normpath(mount.target)
        if not target.startswith("/") or target == "/":
            raise InvalidError(f"cannot mount on {mount.target!r}", hint="the target is an absolute path below /")
        # /dev, /proc and the like are replaced, not covered: the runtime would put devices into it otherwise.
        mounts = [standard for standard in mounts if standard["destination"] != target]
        mounts.append(_user_mount(mount, target))
    return mounts


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _user_mount(mount: Mount, target: str) -> dict[str, Any]:
    access = "ro" if mount.read_only else "rw"
    if mount.kind == "bind":
        return _mount(target, "bind", mount.source, "rbind", mount.propagation, access, *mount.options)
    if mount.kind == "tmpfs":
        given = {option for option in mount.options if option in ("exec", "suid", "dev")}
        options = [safe for safe in _SAFE if safe.removeprefix("no") not in given]
        options += [f"size={mount.size}"] if mount.size else []
        options += [f"mode={mount.mode:o}"] if mount.mode is not None else []
        return _mount(target, "tmpfs", "tmpfs", *options, access, *mount.options)
    raise InvalidError(f"unknown kind of mount {mount.kind!r}", hint="there are bind, volume and tmpfs")


def _linux(options: ContainerOptions, surroundings: Surroundings) -> dict[str, Any]:
    value: dict[str, Any] = {
        "namespaces": _namespaces(options, surroundings.cgroup_namespace),
        "cgroupsPath": surroundings.cgroup,
        "resources": _resources(options, surroundings),
        "sysctl": {**(NETWORK_SYSCTLS if _has_own_network(options) else {}), **options.sysctls},
    }
    if not options.privileged:
        value["maskedPaths"] = list(MASKED)
        value["readonlyPaths"] = list(READ_ONLY)
        if options.confined and surroundings.seccomp is not None:
            value["seccomp"] = surroundings.seccomp
    if devices := _devices(options, surroundings):
        value["devices"] = [
            {
                "path": device.target,
                "type": device.kind,
                "major": device.major,
                "minor": device.minor,
                "fileMode": device.mode,
                "uid": device.uid,
                "gid": device.gid,
            }
            for device in devices
        ]
    return value


def _has_own_network(options: ContainerOptions) -> bool:
    # A process's namespace is one that is shared with it, and set up the way that it wants.
    return options.network != "host" and not options.network.endswith("/ns/net")


def _namespaces(options: ContainerOptions, cgroup: bool) -> list[dict[str, str]]:
    value = [{"type": "mount"}]
    kinds = (
        ("network", options.network),
        ("pid", options.pid),
        ("ipc", options.ipc.removeprefix("none")),
        ("uts", options.uts),
    )
    for kind, choice in kinds:
        if choice == "host":
            continue
        value.append({"type": kind, "path": choice} if choice else {"type": kind})
    if cgroup:
        value.append({"type": "cgroup"})
    return value


def _devices(options: ContainerOptions, surroundings: Surroundings) -> list[Device]:
    devices = {device.target: device for device in surroundings.devices} if options.privileged else {}
    devices.update((device.target, device) for device in options.devices)
    return list(devices.values())


def _resources(options: ContainerOptions, surroundings: Surroundings) -> dict[str, Any]:
    resources: dict[str, Any] = {"devices": _device_rules(options)}
    resources.update(limits_to_resources(options.limits))
    if options.oom_kill_disable:
        resources.setdefault("memory", {})["disableOOMKiller"] = True
    return resources


def _device_rules(options: ContainerOptions) -> list[dict[str, Any]]:
    if options.privileged:
        return [{"allow": True, "access": "rwm"}]
    rules: list[dict[str, Any]] = [
        {"allow": False, "access": "rwm"},
        # Making a node is harmless as long as it can't be opened; packages do it.
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    rules += [_device_rule("c", major, minor, "rwm") for major, minor in _NAMED_DEVICES]
    rules.append({"allow": True, "type": "c", "major": _PSEUDO_TERMINALS, "access": "rwm"})
    rules += [_device_rule(device.kind, device.major, device.minor, device.access) for device in options.devices]
    rules += [_parsed_rule(text) for text in options.device_rules]
    return rules


def _parsed_rule(text: str) -> dict[str, Any]:
    match = _RULE.fullmatch(text)
    if match is None:
        raise InvalidError(f"invalid device rule {text!r}", hint="it looks like 'c 1:3 rwm', or 'a *:* rwm'")
    numbers = {name: int(match[name]) for name in ("major", "minor") if match[name] != "*"}
    return {"allow": True, "type": match["kind"], **numbers, "access": match["access"]}


def _device_rule(kind: str, major: int, minor: int, access: str) -> dict[str, Any]:
    return {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}


def limits_to_resources(limits: Limits) -> dict[str, Any]:
    """Return ``memory``, ``cpu`` and ``pids`` of the spec's resources, for either cgroup. Raises InvalidError."""
    memory: dict[str, Any] = {}
    if limits.memory_swap and not limits.memory:
        raise InvalidError("a limit of memory and swap together needs one of memory", hint="give both")
    if 0 < limits.memory_swap < limits.memory:
        raise InvalidError("the limit of memory and swap together is below that of memory alone")
    if limits.memory:
        memory["limit"] = limits.memory
        memory["swap"] = limits.memory_swap or limits.memory * 2
    if limits.memory_reservation:
        memory["reservation"] = limits.memory_reservation
    cpu: dict[str, Any] = {}
    if limits.cpus:
        cpu.update(quota=int(limits.cpus * _CPU_PERIOD), period=_CPU_PERIOD)
    elif limits.cpu_quota or limits.cpu_period:
        cpu["period"] = limits.cpu_period or _CPU_PERIOD
        if limits.cpu_quota:
            cpu["quota"] = limits.cpu_quota
    if limits.cpu_shares:
        cpu["shares"] = limits.cpu_shares
    if limits.cpuset_cpus:
        cpu["cpus"] = limits.cpuset_cpus
    if limits.cpuset_mems:
        cpu["mems"] = limits.cpuset_mems
    resources: dict[str, Any] = {}
    if memory:
        resources["memory"] = memory
    if cpu:
        resources["cpu"] = cpu
    if limits.pids > 0:
        resources["pids"] = {"limit": limits.pids}
    return resources

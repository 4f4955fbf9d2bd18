"""What ``inspect`` shows, in the shape of docker's API, since scripts know it."""

from __future__ import annotations

from typing import Any

from boxwright.engine import networks
from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.config import ContainerConfig, MountPoint
from boxwright.engine.containers.restarts import RestartPolicy, is_awaited
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import InvalidError, NotFoundError
from boxwright.oci.config import RunConfig
from boxwright.runtime.options import ContainerOptions
from boxwright.store.containers import ContainerRecord
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from boxwright.store.volumes import Volume, VolumeNotFound

_NEVER = "0001-01-01T00:00:00Z"


# What docker's API has in a HostConfig and nobody can ask for here: its values where nobody did.
_UNSUPPORTED: dict[str, Any] = {
    "BlkioWeight": 0,
    "CgroupParent": "",
    "ContainerIDFile": "",
    "DeviceRequests": None,
    "Isolation": "",
    "Links": None,
    "MemorySwappiness": None,
    "Mounts": None,
    "UsernsMode": "",
    "VolumeDriver": "",
    "VolumesFrom": None,
}


def inspect(wiring: Wiring, name: str, *, kind: str | None = None, size: bool = False) -> dict[str, Any]:
    """Return a container, image, volume or network, the first of these that `name` means. Raises NotFoundError."""
    store = wiring.store
    if kind in (None, "container"):
        try:
            return container_json(store, lifecycle.find(wiring, name), size=size)
        except NotFoundError:
            if kind:
                raise
    if kind in (None, "image"):
        try:
            return image_json(store, store.images.find(name))
        except (NotFoundError, InvalidError):
            if kind:
                raise
    if kind in (None, "volume"):
        volume = store.volumes.get(name)
        if volume is not None:
            return volume_json(store, volume)
        if kind:
            raise VolumeNotFound(name)
    if kind in (None, "network"):
        try:
            return networks.network_json(store, networks.find(store, name))
        except NotFoundError:
            if kind:
                raise
    raise NoSuchObject(name)


class NoSuchObject(NotFoundError):
    """Nothing has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such object: {name}", hint="boxwright ps -a, images and volume ls list what is here")
        self.name = name


def image_json(store: Store, record: ImageRecord) -> dict[str, Any]:
    """Return an image as docker's API does."""
    config = store.images.config(record)
    stack = store.snapshots.stack(record.chain)
    paths = [str(store.snapshots.path(snapshot)) for snapshot in stack]
    data = {"UpperDir": paths[-1]} if paths else {}
    if len(paths) > 1:
        data["LowerDir"] = ":".join(reversed(paths[:-1]))
    value: dict[str, Any] = {
        "Id": str(record.id),
        "RepoTags": [ref.familiar() for ref in store.images.refs(record.id)],
        "RepoDigests": [ref.familiar() for ref in store.images.repo_digests(record.id)],
        "Parent": str(record.parent or ""),
        "Comment": config.history[-1].comment if config.history else "",
        "Created": record.created or _NEVER,
        "DockerVersion": "",
        "Author": config.author,
        "Config": run_config_json(config.config),
        "Architecture": config.platform.architecture,
        "Os": config.platform.os,
        "Size": record.size,
        "VirtualSize": record.size,
        "GraphDriver": {"Name": "overlay2", "Data": data},
        "RootFS": {"Type": "layers", "Layers": [str(diff_id) for diff_id in config.diff_ids]},
        "Metadata": {"LastTagTime": _NEVER},
    }
    if config.platform.variant:
        value["Variant"] = config.platform.variant
    return value


def run_config_json(config: RunConfig) -> dict[str, Any]:
    """Return an image's run configuration with every field that docker shows, set or not."""
    value: dict[str, Any] = {
        "Hostname": "",
        "Domainname": "",
        "User": config.user,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": list(config.env) or None,
        "Cmd": None if config.cmd is None else list(config.cmd),
        "Image": "",
        "Volumes": {path: {} for path in config.volumes} or None,
        "WorkingDir": config.working_dir,
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "OnBuild": list(config.on_build) or None,
        "Labels": dict(sorted(config.labels.items())) or None,
    }
    if config.exposed_ports:
        value["ExposedPorts"] = {port: {} for port in config.exposed_ports}
    if config.healthcheck:
        value["Healthcheck"] = config.healthcheck.to_json()
    if config.stop_signal:
        value["StopSignal"] = config.stop_signal
    if config.stop_timeout is not None:
        value["StopTimeout"] = config.stop_timeout
    if config.shell is not None:
        value["Shell"] = list(config.shell)
    return value


def container_json(store: Store, record: ContainerRecord, *, size: bool = False) -> dict[str, Any]:
    """Return a container as docker's API does; `size` adds what it has written, which is measured then."""
    config = ContainerConfig.from_json(record.config)
    options = config.options
    directory = store.containers.directory(record.id)
    lowers = [str(store.snapshots.path(snapshot)) for snapshot in store.snapshots.stack(record.chain)]
    value: dict[str, Any] = {
        "Id": record.id,
        "Created": record.created,
        "Path": options.argv[0],
        "Args": list(options.argv[1:]),
        "State": _state(record),
        "Image": str(record.image or ""),
        "ResolvConfPath": str(directory / "resolv.conf"),
        "HostnamePath": str(directory / "hostname"),
        "HostsPath": str(directory / "hosts"),
        "LogPath": str(directory / "log"),
        "Name": f"/{record.name}",
        "RestartCount": record.status.get("restarts") or 0,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": _host_config(config),
        "GraphDriver": {
            "Name": "overlay2",
            "Data": {
                "LowerDir": ":".join(reversed(lowers)),
                "MergedDir": str(directory / "rootfs"),
                "UpperDir": str(directory / "upper"),
                "WorkDir": str(directory / "work"),
            },
        },
        "Mounts": [_mount(mount) for mount in config.mounts if mount.kind != "tmpfs"],
        "Config": _config(record, config),
        "NetworkSettings": _network(store, record, config),
    }
    if size:
        from boxwright.host.trees import content_size

        image = store.images.get(record.image) if record.image else None
        value["SizeRw"] = content_size(directory / "upper")
        value["SizeRootFs"] = value["SizeRw"] + (image.size if image else 0)
    return value


def volume_json(store: Store, volume: Volume) -> dict[str, Any]:
    """Return a volume as docker's API does."""
    return {
        "CreatedAt": volume.created,
        "Driver": volume.driver,
        "Labels": dict(volume.labels) or None,
        "Mountpoint": str(store.volumes.path(volume.name)),
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
    }


def bindings_json(record: ContainerRecord) -> dict[str, list[dict[str, str]]]:
    """Return the published ports of a running container: ``80/tcp`` → where on the host."""
    ports: dict[str, list[dict[str, str]]] = {}
    for host, host_port, port, protocol in record.status.get("ports") or ():
        ports.setdefault(f"{port}/{protocol}", []).append({"HostIp": host, "HostPort": str(host_port)})
    return ports


def _state(record: ContainerRecord) -> dict[str, Any]:
    awaited = is_awaited(record)
    health = record.status.get("health")
    return {
        **({"Health": health} if health else {}),
        "Status": "restarting" if awaited else record.state,
        "Running": record.is_running or awaited,  # docker says both of it
        "Paused": record.state == "paused",
        "Restarting": awaited,
        "OOMKilled": bool(record.status.get("oom")),
        "Dead": record.state == "dead",
        "Pid": record.pid or 0,
        "ExitCode": record.exit_code or 0,
        "Error": record.status.get("error", ""),
        "StartedAt": record.started or _NEVER,
        "FinishedAt": record.finished or _NEVER,
    }


def _config(record: ContainerRecord, config: ContainerConfig) -> dict[str, Any]:
    options = config.options
    value = run_config_json(config.run_config())
    value.update(
        Hostname=config.hostname,
        AttachStdin=options.stdin,
        AttachStdout=True,
        AttachStderr=True,
        Tty=options.tty,
        OpenStdin=options.stdin,
        Image=record.image_name,
        Labels=dict(sorted(config.labels.items())),
        StopSignal=config.stop_signal,
    )
    return value


def _host_config(config: ContainerConfig) -> dict[str, Any]:
    from boxwright.network.ports import parse_publishes
    from boxwright.runtime.spec import MASKED, READ_ONLY

    options: ContainerOptions = config.options
    ports: dict[str, list[dict[str, str]]] = {}
    for spec in parse_publishes(config.publish):
        binding = {"HostIp": spec.host_address, "HostPort": str(spec.first_port or "")}
        ports.setdefault(f"{spec.container_port}/{spec.protocol}", []).append(binding)
    limits = options.limits
    policy = RestartPolicy.parse(config.restart)
    return {
        **_UNSUPPORTED,
        "Binds": [
            f"{mount.volume or mount.source}:{mount.target}" + (":ro" if mount.read_only else "")
            for mount in config.mounts
            if mount.kind != "tmpfs" and not mount.anonymous
        ]
        or None,
        "LogConfig": {"Type": "k8s-file", "Config": {"max-size": str(config.log_size)} if config.log_size else {}},
        "NetworkMode": {"bridge": "default"}.get(config.network, config.network),
        "PortBindings": ports,
        "RestartPolicy": {"Name": policy.name, "MaximumRetryCount": policy.times},
        "AutoRemove": config.auto_remove,
        "CapAdd": list(options.cap_add) or None,
        "CapDrop": list(options.cap_drop) or None,
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "GroupAdd": list(options.groups) or None,
        "Init": bool(options.init) or None,
        "OomKillDisable": options.oom_kill_disable,
        "OomScoreAdj": options.oom_score_adj or 0,
        "PidMode": options.pid,
        "UTSMode": options.uts,
        "ExtraHosts": list(config.add_hosts) or None,
        "IpcMode": options.ipc or "private",
        "Privileged": options.privileged,
        "PublishAllPorts": config.publish_all,
        "ReadonlyRootfs": options.read_only,
        "SecurityOpt": list(config.security_opt) or None,
        "ShmSize": options.shm_size,
        "Sysctls": dict(options.sysctls) or None,
        "Tmpfs": {mount.target: "" for mount in config.mounts if mount.kind == "tmpfs"} or None,
        "Runtime": "crun",
        "CpuShares": limits.cpu_shares,
        "CpuPeriod": limits.cpu_period,
        "CpuQuota": limits.cpu_quota,
        "CpusetCpus": limits.cpuset_cpus,
        "CpusetMems": limits.cpuset_mems,
        "MemoryReservation": limits.memory_reservation,
        "Memory": limits.memory,
        "MemorySwap": limits.memory_swap,
        "NanoCpus": int(limits.cpus * 1_000_000_000),
        "PidsLimit": limits.pids or None,
        "Ulimits": [{"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in options.ulimits] or None,
        "CgroupnsMode": options.cgroup or "private",
        "DeviceCgroupRules": list(options.device_rules) or None,
        "Devices": [{"PathInContainer": device.target} for device in options.devices],
        "MaskedPaths": None if options.privileged else list(MASKED),
        "ReadonlyPaths": None if options.privileged else list(READ_ONLY),
    }


def _mount(mount: MountPoint) -> dict[str, Any]:
    return {
        "Type": mount.kind,
        "Name": mount.volume,  # empty for a folder, so that one template goes for all of them
        "Source": mount.source,
        "Destination": mount.target,
        "Driver": "local" if mount.volume else "",
        "Mode": "ro" if mount.read_only else "",
        "RW": not mount.read_only,
        "Propagation": "" if mount.kind == "volume" else "rprivate",
    }


def _network(store: Store, record: ContainerRecord, config: ContainerConfig) -> dict[str, Any]:
    link = record.status.get("network") or {}
    joins = config.network.startswith("container:")  # who is on it is said of that one
    running = record.is_running
    bindings = bindings_json(record) if running else {}
    ports: dict[str, Any] = {port: bindings.get(port) for port in config.exposed} if running else {}
    ports.update(bindings)
    endpoint = {
        "EndpointID": "",
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "Gateway": link.get("gateway", ""),
        "IPAddress": link.get("address", ""),
        "IPPrefixLen": link.get("prefix_length", 0),
        "MacAddress": link.get("mac", ""),
    }
    joined = {"NetworkID": networks.find(store, config.network).id if link else "", "Aliases": None, **endpoint}
    return {"Bridge": "", "Ports": ports, **endpoint, "Networks": {} if joins else {config.network: joined}}

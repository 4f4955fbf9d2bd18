"""Start a container: its network, its monitor, its process 1, and its record, or nothing of all that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.engine.containers import health, interrupted, lifecycle, sharing
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.restarts import begun
from boxwright.engine.containers.wiring import Wiring
from boxwright.host import faults
from boxwright.host.clock import rfc3339
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.paths import Path
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle, Layers
from boxwright.store.containers import ContainerNotFound, ContainerRecord
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.network.network import Attachment
    from boxwright.runtime.files import Files


def start(
    wiring: Wiring,
    id: str,
    *,
    attended: bool = False,
    meanwhile: Callable[[], object] | None = None,
    connect: Callable[[ContainerRecord, Bundle], None] | None = None,
) -> ContainerRecord:
    """Start a container; one that runs already stays as it is.

    `meanwhile` is called while the runtime is at work, for what the caller has to do anyway.
    `connect` is called when its streams are there and its program has not begun, so nothing of the output is missed.
    `attended` says that the caller stays and notes the end itself; otherwise the container's monitor has it noted.
    Raises PortInUse before anything runs, ExecutableNotFound, NotExecutable, RuntimeFailed.
    """
    store = wiring.store
    with store.containers.lock(id):
        record = interrupted.mend(wiring, id)
        if record is None:
            raise ContainerNotFound(id)
        if record.is_running:
            if container.process_of(bundle_of(store, id)):
                return record
            lifecycle.finish(wiring, id, keep=True)
        return begin(wiring, record, attended=attended, meanwhile=meanwhile, connect=connect)


def begin(
    wiring: Wiring,
    record: ContainerRecord,
    *,
    attended: bool = False,
    restarts: int = 0,
    meanwhile: Callable[[], object] | None = None,
    connect: Callable[[ContainerRecord, Bundle], None] | None = None,
) -> ContainerRecord:
    """Start a container that doesn't run and whose lock is held: what `start` does then.

    `restarts` is how often its restart policy has started it since a person did.
    """
    from boxwright.runtime.conmon import LOG_SIZE, Monitoring

    store = wiring.store
    config = ContainerConfig.from_json(record.config)
    # Whoever stays may leave, but a policy has to be told of every end.
    attended = attended and not config.restart
    bundle = bundle_of(store, record.id)
    directory = Path(bundle.directory)
    lowers = [str(store.snapshots.path(snapshot)) for snapshot in store.snapshots.stack(record.chain)]
    layers = Layers(lowers, str(directory / "upper"), str(directory / "work"))
    options = config.options
    if any(mount.source.startswith(f"{store.layout.cache_mounts}/") for mount in options.mounts):
        from boxwright.engine.containers.keptmounts import without_pruned

        options = options._replace(mounts=without_pruned(options.mounts, store.layout.cache_mounts, directory))
    attachment: Attachment | None = None
    netns = -1
    private = PrivateMounts()
    private.begin()
    try:
        if config.network == "bridge":
            netns, attachment = _attach(wiring, record, config)
            from boxwright.host.netns import namespace_path

            options = options._replace(network=namespace_path(netns))
        elif config.network == "host":
            options = options._replace(network="host")
        if sharing.PREFIX in (config.network + options.pid):
            options = sharing.joined(wiring, config, options)
        how = Monitoring(
            tty=options.tty,
            stdin=options.stdin,
            log_size=config.log_size or LOG_SIZE,
            keep_stdin=options.stdin and not attended,
            exit_command=() if attended else _exit_command(wiring, record.id),
        )
        process = container.create(
            wiring.runtime,
            private,
            bundle,
            layers,
            options,
            _files(store, config, attachment),
            how,
            cache=wiring.seccomp_cache,
            meanwhile=meanwhile,
        )
        try:
            if attachment is not None:
                wiring.network.follow(record.id, process.pid)
            record = store.containers.update(
                record.id,
                state="running",
                pid=process.pid,
                exit_code=None,
                started=rfc3339(),
                finished=None,
                status={**_status(attachment), **begun(restarts), **health.begun(config)},
            )
            faults.point("a container that waits for its start is noted")
            if connect is not None:
                connect(record, bundle)
            container.start(wiring.runtime, private, bundle, options.argv[0])
            if config.health:
                from boxwright.engine.containers import watching

                watching.leave_watch(wiring, record.id)
        except BaseException:
            container.remove(wiring.runtime, private, bundle)
            raise
    except BaseException as error:
        interrupted.roll_back(wiring, record, attachment, error)
        raise
    finally:
        private.close()
        if netns >= 0:
            os.close(netns)
    return record


def _attach(wiring: Wiring, record: ContainerRecord, config: ContainerConfig) -> tuple[int, Attachment]:
    from boxwright.host.netns import create_netns
    from boxwright.network.ports import parse_publishes, publish_exposed

    network = wiring.network
    specs = parse_publishes(config.publish)
    if config.publish_all:
        specs += publish_exposed(config.exposed, specs)
    address = wiring.store.networks.lease_address("bridge", record.id)
    netns = create_netns()
    try:
        return netns, network.attach(record.id, netns, address, specs)
    except BaseException:
        os.close(netns)
        raise


def _status(attachment: Attachment | None) -> dict[str, object]:
    if attachment is None:
        return {"error": None, "network": None, "ports": None, "oom": None}
    return {
        "error": None,
        "oom": None,
        "network": {
            "bridge": attachment.bridge,
            "interface": attachment.interface,
            "address": attachment.address,
            "prefix_length": attachment.prefix_length,
            "gateway": attachment.gateway,
            "mac": attachment.mac,
            "proxy_pid": attachment.proxy_pid,
        },
        "ports": [list(binding) for binding in attachment.ports] or None,
    }


def _files(store: Store, config: ContainerConfig, attachment: Attachment | None) -> Files:
    from boxwright.engine.containers.files import container_files

    if config.network.startswith(sharing.PREFIX):
        return sharing.files_of(store, config.network)
    extra = [(name, address) for name, _, address in (item.partition(":") for item in config.add_hosts)]
    return container_files(
        own_network=config.network != "host",
        hostname=config.hostname,
        domainname=config.options.domainname,
        address=attachment.address if attachment else "",
        gateway=attachment.gateway if attachment else "",
        extra=extra,
        dns=config.dns,
        dns_search=config.dns_search,
        dns_options=config.dns_options,
    )


def _exit_command(wiring: Wiring, id: str) -> tuple[str, ...]:
    root = os.fspath(wiring.settings.root)
    return (sys.executable, "-m", "boxwright", "--root", root, "container-exited", id)

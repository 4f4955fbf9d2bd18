"""What a container may use: checked when it is made, and changed while it lives."""

from __future__ import annotations

import json
import os

from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.restarts import RestartPolicy
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.requests import CreateContainer, UpdateContainer
from boxwright.errors import InvalidError
from boxwright.runtime.options import Limits

_SMALLEST_MEMORY = 6 * 1024 * 1024  # docker's minimum: below it the runtime itself doesn't start


def limits_of(request: CreateContainer | UpdateContainer) -> Limits:
    """Return what is asked for, where None and 0 are no limit. Raises InvalidError for what contradicts itself."""
    if request.memory is not None and request.memory < _SMALLEST_MEMORY:
        raise InvalidError("the smallest memory limit is 6m", hint="give the container more: -m 64m")
    if request.memory_swap is not None and request.memory is None:
        raise InvalidError("--memory-swap needs --memory", hint="-m 256m --memory-swap 512m")
    if request.memory_swap not in (None, -1) and (request.memory_swap or 0) < (request.memory or 0):
        raise InvalidError("--memory-swap counts memory and swap together, and is smaller than --memory")
    cores = os.cpu_count() or 1
    if request.cpus is not None and not 0.01 <= request.cpus <= cores:
        raise InvalidError(
            f"--cpus {request.cpus:g} is out of range", hint=f"this machine has {cores} processors: 0.01 to {cores}"
        )
    if request.cpus and (request.cpu_period or request.cpu_quota):
        raise InvalidError("--cpus and --cpu-period or --cpu-quota exclude each other", hint="--cpus says it all")
    return Limits(
        memory=request.memory or 0,
        memory_swap=request.memory_swap or 0,
        memory_reservation=request.memory_reservation or 0,
        cpus=request.cpus or 0.0,
        cpu_shares=request.cpu_shares or 0,
        cpu_quota=request.cpu_quota or 0,
        cpu_period=request.cpu_period or 0,
        cpuset_cpus=request.cpuset_cpus or "",
        cpuset_mems=request.cpuset_mems or "",
        # docker takes both 0 and -1 for "no limit"
        pids=max(request.pids_limit or 0, 0),
    )


def update(wiring: Wiring, text: str, changes: UpdateContainer) -> None:
    """Change a container's limits and restart policy; one that runs has them at once.

    What is None stays as it is. Raises ContainerNotFound, InvalidError, and RuntimeFailed when the kernel refuses it,
    such as less memory than is in use; nothing has changed then.
    """
    from boxwright.host.namespaces import PrivateMounts
    from boxwright.runtime.bundle import write_private
    from boxwright.runtime.spec import limits_to_resources

    record = lifecycle.find(wiring, text)
    containers = wiring.store.containers
    with containers.lock(record.id):
        record = containers.find(record.id)
        config = ContainerConfig.from_json(record.config)
        policy = config.restart if changes.restart is None else RestartPolicy.parse(changes.restart).text
        if policy and config.auto_remove:
            raise InvalidError("--restart does not go with a container that has --rm", hint="make it without --rm")
        before = config.options.limits
        limits = limits_of(_filled(changes, before))
        if record.is_running and limits != before:
            path = bundle_of(wiring.store, record.id).path("resources.json")
            write_private(path, json.dumps(limits_to_resources(limits)))
            try:
                with PrivateMounts() as private:
                    wiring.runtime.update(private, record.id, path)
            finally:
                os.unlink(path)
        changed = config._replace(options=config.options._replace(limits=limits), restart=policy)
        containers.update(record.id, config=changed.to_json())


def _filled(changes: UpdateContainer, before: Limits) -> UpdateContainer:
    """Return `changes` with what is so already where they say nothing."""
    if changes.cpus is not None:
        before = before._replace(cpu_quota=0, cpu_period=0)
    elif changes.cpu_quota is not None or changes.cpu_period is not None:
        before = before._replace(cpus=0.0)
    known = {
        name: getattr(before, name) or None
        for name in Limits._fields
        if name in UpdateContainer._fields and getattr(changes, name) is None
    }
    return changes._replace(**known, pids_limit=before.pids if changes.pids_limit is None else changes.pids_limit)

"""The process that runs a container's health check as long as it runs.

No daemon watches. A start leaves a process behind that runs the check in the container, notes what came of it in the
container's record, and ends with the container; when that process is killed, the last result stays.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.health import SECOND, after, complete, status_of
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import BoxwrightError
from boxwright.host import spawn
from boxwright.host.clock import parse_rfc3339, rfc3339
from boxwright.host.namespaces import PrivateMounts
from boxwright.oci.config import Healthcheck
from boxwright.runtime import container, execution
from boxwright.runtime.probe import probe
from boxwright.store.containers import ContainerRecord

_OUTPUT = 4096  # bytes of each
_FAILED = -1  # what docker says of a check that did not end, or never began


def leave_watch(wiring: Wiring, id: str) -> None:
    """Start the process that watches a container which has just been started."""
    argv = (sys.executable, "-m", "boxwright", "--root", os.fspath(wiring.settings.root), "container-health", id)
    pid = spawn.spawn(argv, env={"PATH": os.environ.get("PATH", os.defpath)}, new_session=True)
    # A command ends long before it; in a program that uses the library it must not stay as a zombie.
    threading.Thread(target=spawn.wait, args=(pid,), name="health-watch", daemon=True).start()


def watch(wiring: Wiring, id: str) -> None:
    """Check a container again and again until this run of it ends; what `leave_watch` calls."""
    record = wiring.store.containers.get(id)
    process = container.process_of(bundle_of(wiring.store, id))
    if record is None or process is None:
        return
    config = ContainerConfig.from_json(record.config)
    check = complete(Healthcheck.from_json(config.health))
    while not process.ends_within(_pause(check, record)):
        current = wiring.store.containers.get(id)
        if current is None or current.started != record.started:
            return
        if current.state == "running":  # a paused one cannot answer
            record = _note(wiring, current, check, _result(wiring, config, check, id)) or current


def _pause(check: Healthcheck, record: ContainerRecord) -> float:
    """Return the seconds until the next check."""
    is_starting = status_of(record) == "starting" and _age(record) < check.start_period / SECOND
    return (min(check.start_interval, check.interval) if is_starting else check.interval) / SECOND


def _age(record: ContainerRecord) -> float:
    return time.time() - parse_rfc3339(record.started or rfc3339())


def _result(wiring: Wiring, config: ContainerConfig, check: Healthcheck, id: str) -> dict[str, Any]:
    """Run the check once and return an entry of docker's ``Log``."""
    begin = rfc3339()
    argv = ["/bin/sh", "-c", *check.test[1:]] if check.test[0] == "CMD-SHELL" else list(check.test[1:])
    options = execution.exec_options(config.options, argv)
    code, output = _FAILED, ""
    try:
        with PrivateMounts() as mounts:
            done = probe(
                *(wiring.runtime, mounts, bundle_of(wiring.store, id), options),
                seconds=check.timeout / SECOND,
                most=_OUTPUT,
            )
        if done.code is None:
            output = f"Health check exceeded timeout ({check.timeout / SECOND:g}s)"
        else:
            code, output = done.code, done.output.decode(errors="replace")
    except BoxwrightError as error:
        output = error.message
    return {"Start": begin, "End": rfc3339(), "ExitCode": code, "Output": output}


def _note(
    wiring: Wiring, record: ContainerRecord, check: Healthcheck, result: Mapping[str, Any]
) -> ContainerRecord | None:
    """Keep a result; return the record with it, None when this run of the container has ended meanwhile."""
    containers = wiring.store.containers
    with containers.lock(record.id):
        current = containers.get(record.id)
        if current is None or current.started != record.started or not current.is_running:
            return None
        health = after(current.status.get("health") or {}, check, result, _age(current))
        return containers.update(record.id, status={"health": health})

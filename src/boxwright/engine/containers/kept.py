"""The container of a build step that failed, kept for a look inside."""

from __future__ import annotations

import os

from boxwright.build.failure import FailedStep, KeptContainer
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.names import random_name
from boxwright.host import faults
from boxwright.host.clock import rfc3339
from boxwright.runtime.options import ContainerOptions
from boxwright.store.containers import ContainerNameInUse, ContainerRecord
from boxwright.store.store import Store

_NAME_TRIES = 8


def keep(store: Store, failed: FailedStep) -> KeptContainer:
    """Make a container of a failed step, as if it had been run by hand: stopped, with what its command changed."""
    process = failed.process
    options = ContainerOptions(
        argv=process.argv,
        env=tuple(f"{name}={value}" for name, value in process.env.items()),
        cwd=process.cwd,
        user=process.user,
        hostname=process.id[:12],
    )
    run = failed.config.config
    config = ContainerConfig(
        options=options,
        entrypoint=run.entrypoint,
        cmd=process.argv,
        hostname=process.id[:12],
        labels=run.labels,
        network="bridge" if process.network == "default" else process.network,
        exposed=run.exposed_ports,
    )
    now = rfc3339()
    with store.containers.lock(process.id):
        for attempt in range(_NAME_TRIES):
            record = ContainerRecord(
                id=process.id,
                name=random_name(attempt),
                image=failed.image,
                image_name=failed.image.short if failed.image else "",
                created=now,
                state="creating",
                exit_code=failed.exit_code,
                started=now,
                finished=now,
                chain=failed.chain,
                config=config.to_json(),
            )
            try:
                store.containers.add(record)
            except ContainerNameInUse:
                if attempt == _NAME_TRIES - 1:
                    raise
            else:
                break
        directory = store.containers.directory(process.id)
        os.rename(failed.draft.fs, directory / "upper")
        faults.point("a failed step's files are a container's")
        (directory / "work").mkdir()
        store.containers.update(process.id, state="exited")
    return KeptContainer(record.id, record.name)

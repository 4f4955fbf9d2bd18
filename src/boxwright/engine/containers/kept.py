"""The container of a build step, kept for a look inside."""

from __future__ import annotations

import os

from boxwright.build.failure import EndedStep, KeptContainer
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.names import random_name
from boxwright.host import faults
from boxwright.host.clock import rfc3339
from boxwright.host.paths import Path
from boxwright.runtime.options import ContainerOptions
from boxwright.store.containers import ContainerNameInUse, ContainerRecord
from boxwright.store.store import Store

_NAME_TRIES = 8


def keep(store: Store, ended: EndedStep) -> KeptContainer:
    """Make a container of a step, as if it had been run by hand: stopped, with what its command changed."""
    process = ended.process
    options = ContainerOptions(
        argv=process.argv,
        env=tuple(f"{name}={value}" for name, value in process.env.items()),
        cwd=process.cwd,
        user=process.user,
        hostname=process.id[:12],
    )
    run = ended.config.config
    config = ContainerConfig(
        options=options,
        entrypoint=run.entrypoint,
        cmd=process.argv,
        hostname=process.id[:12],
        labels=run.labels,
        network="bridge" if process.network == "default" else process.network,
        exposed=run.exposed_ports,
        add_hosts=process.extra_hosts,
    )
    now = rfc3339()
    with store.containers.lock(process.id):
        for attempt in range(_NAME_TRIES):
            record = ContainerRecord(
                id=process.id,
                name=random_name(attempt),
                image=ended.image,
                image_name=ended.image.short if ended.image else "",
                created=now,
                state="creating",
                exit_code=ended.exit_code,
                started=now,
                finished=now,
                chain=ended.chain,
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
        if ended.exit_code:
            os.rename(ended.draft.fs, directory / "upper")
        else:
            _copy(ended, directory / "upper")
        faults.point("a step's files are a container's")
        (directory / "work").mkdir()
        if process.mounts:
            from boxwright.engine.containers.keptmounts import kept_mounts, shown

            mounts = kept_mounts(process.mounts, directory / "mounts")
            config = config._replace(options=options._replace(mounts=mounts), mounts=shown(mounts))
            store.containers.update(process.id, config=config.to_json())
        store.containers.update(process.id, state="exited")
    return KeptContainer(record.id, record.name)


def _copy(ended: EndedStep, target: Path) -> None:
    """Copy what a command changed, in overlay form, whiteouts and all: the original is about to become a layer."""
    from boxwright.layer.apply import apply_layer
    from boxwright.layer.diff import open_layer
    from boxwright.layer.union import UnionView

    with open_layer(ended.draft.fs) as tar:
        apply_layer(tar, target, lower=UnionView(ended.process.lowers))

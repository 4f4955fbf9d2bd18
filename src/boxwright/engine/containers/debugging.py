"""A shell in a stopped container, in the state in which its command left it."""

from __future__ import annotations

import os
import stat

from boxwright.engine.containers import lifecycle, streams
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.lifecycle import ContainerRunning
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import NotFoundError
from boxwright.layer.union import UnionView
from boxwright.store.containers import ContainerRecord

_SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "sh", "zsh"})
_USUAL = ("/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh", "/bin/ash")


class NoShell(NotFoundError):
    """There is no shell among a container's files."""

    def __init__(self, record: ContainerRecord) -> None:
        super().__init__(
            f"there is no shell in container {record.name}",
            hint=f"see its files: boxwright diff {record.name}, boxwright cp {record.name}:PATH .",
        )


def look_inside(wiring: Wiring, text: str) -> int:
    """Run a shell in a stopped container, on our own terminal, with the environment, directory and user of its command.

    Returns the shell's exit code. What is done in the shell stays; the container's command and its exit code are
    afterwards what they were before. Raises NoShell, ContainerRunning, ContainerNotFound, MainThreadOnly.
    """
    store = wiring.store
    record = lifecycle.find(wiring, text)
    if record.is_running:
        raise ContainerRunning(record, "look into")
    config = ContainerConfig.from_json(record.config)
    argv = (_shell(wiring, record, config.options.argv),)
    options = config.options._replace(argv=argv, tty=True, stdin=True)
    store.containers.update(record.id, config=config._replace(options=options).to_json())
    try:
        return streams.start_attached(wiring, record.id)
    finally:
        store.containers.update(record.id, config=record.config, exit_code=record.exit_code)


def _shell(wiring: Wiring, record: ContainerRecord, argv: tuple[str, ...]) -> str:
    """Return the shell that the command was run by, else one that is there."""
    snapshots = wiring.store.snapshots
    lowers = [snapshots.path(snapshot) for snapshot in snapshots.stack(record.chain)]
    view = UnionView([*lowers, wiring.store.containers.directory(record.id) / "upper"])
    own = [argv[0]] if argv and os.path.basename(argv[0]) in _SHELLS else []
    for path in (*own, *_USUAL):
        node = view.lookup(path) if path.startswith("/") else None
        if node is not None and node.is_file and node.stat.st_mode & stat.S_IXUSR:
            return path
    raise NoShell(record)

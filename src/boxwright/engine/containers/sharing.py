"""What a container has in common with another one: ``--network container:NAME``, ``--pid container:NAME``."""

from __future__ import annotations

from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.restarts import is_awaited
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import ConflictError, InvalidError
from boxwright.host.paths import Path
from boxwright.runtime import container
from boxwright.runtime.files import Files
from boxwright.runtime.options import ContainerOptions
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store

PREFIX = "container:"


class CannotJoin(ConflictError):
    """The container that something is to be shared with doesn't run."""

    def __init__(self, record: ContainerRecord, what: str) -> None:
        why = "is about to be started again" if is_awaited(record) else "is not running"
        super().__init__(
            f"cannot join the {what} of container {record.name}: it {why}",
            hint=f"start it first: boxwright start {record.name}",
        )


def with_id(store: Store, mode: str) -> str:
    """Return ``container:NAME`` with the container's ID for its name; another mode as it is.

    A name may mean another container by the time of a start. Raises ContainerNotFound, AmbiguousContainer, and
    InvalidError when there is no name.
    """
    if not mode.startswith(PREFIX):
        return mode
    name = mode.removeprefix(PREFIX)
    if not name:
        raise InvalidError(f"{mode!r} names no container", hint="it looks like container:web")
    return PREFIX + store.containers.find(name).id


def hostname_of(store: Store, network: str) -> str:
    """Return the host name of the container whose network `network` is, empty for another mode."""
    if not network.startswith(PREFIX):
        return ""
    return ContainerConfig.from_json(store.containers.find(network.removeprefix(PREFIX)).config).hostname


def joined(wiring: Wiring, config: ContainerConfig, options: ContainerOptions) -> ContainerOptions:
    """Return `options` with the namespaces of the containers that `config` names. Raises CannotJoin."""
    if config.network.startswith(PREFIX):
        options = options._replace(network=_namespace(wiring, config.network, "network", "net"))
    if options.pid.startswith(PREFIX):
        options = options._replace(pid=_namespace(wiring, options.pid, "processes", "pid"))
    return options


def files_of(store: Store, network: str) -> Files:
    """Return the files that say who is who on another container's network: they are the same for everyone on it."""
    directory = Path(bundle_of(store, network.removeprefix(PREFIX)).directory)
    return Files(*((directory / name).read_text() for name in ("hosts", "resolv.conf", "hostname")))


def _namespace(wiring: Wiring, mode: str, what: str, kind: str) -> str:
    record = lifecycle.find(wiring, mode.removeprefix(PREFIX))
    process = container.process_of(bundle_of(wiring.store, record.id)) if record.is_running else None
    if process is None:
        raise CannotJoin(record, what)
    return f"/proc/{process.pid}/ns/{kind}"

"""End and remove: each under the container's lock, each safe beside every other command and a kill -9.

The record follows reality, never the reverse. A container's end is noted by whoever comes first: the command that
waits for it, the one that its monitor starts, or any later command that looks (`settle`).
"""

from __future__ import annotations

import os

from boxwright.engine.containers import interrupted, restarts
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import attachment_of, bundle_of
from boxwright.engine.containers.removal import forget
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import ConflictError
from boxwright.host.clock import rfc3339
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime import container
from boxwright.runtime.bundle import Bundle
from boxwright.store.containers import ContainerNotFound, ContainerRecord
from boxwright.store.store import Store

STOP_SECONDS = 10.0
_LOST = 255  # docker's exit code for a container whose end nobody saw
_KILL = 9


class ContainerRunning(ConflictError):
    """Something is asked that only goes with a stopped container."""

    def __init__(self, record: ContainerRecord, action: str) -> None:
        super().__init__(
            f"cannot {action} container {record.name}: it is {record.state}",
            hint=f"stop it first: boxwright stop {record.name}" + (", or use -f" if action == "remove" else ""),
        )
        self.record = record


class SameName(ConflictError):
    """A container is to be renamed to the name that it has."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the container is called {name} already")
        self.name = name


class ContainerNotRunning(ConflictError):
    """Something is asked that only goes with a running container."""

    def __init__(self, record: ContainerRecord, action: str = "") -> None:
        what = f"cannot {action} container {record.name}: it" if action else f"container {record.name}"
        super().__init__(f"{what} is not running", hint=f"start it: boxwright start {record.name}")
        self.record = record


def find(wiring: Wiring, text: str) -> ContainerRecord:
    """Return the container that `text` means, as it is by now. Raises ContainerNotFound, AmbiguousContainer."""
    record = settle(wiring, wiring.store.containers.find(text))
    if record is None:
        raise ContainerNotFound(text)
    return record


def find_running(wiring: Wiring, text: str, action: str = "") -> ContainerRecord:
    """Return a running (or paused) container. Raises ContainerNotRunning, ContainerNotFound."""
    record = find(wiring, text)
    if not record.is_running:
        raise ContainerNotRunning(record, action)
    return record


def list_all(wiring: Wiring) -> list[ContainerRecord]:
    """Return all containers as they are by now, newest first."""
    settled = (settle(wiring, record) for record in wiring.store.containers.list())
    return [record for record in settled if record is not None]


def settle(wiring: Wiring, record: ContainerRecord) -> ContainerRecord | None:
    """Bring a record up to what is so: note the end of a container that has ended meanwhile, and put right what a
    command left unfinished that was killed while it made, started or froze the container.

    Returns None when it is gone, as one with ``--rm`` is then, and while it is still being made.
    """
    bundle = bundle_of(wiring.store, record.id)
    if interrupted.may_be(record, bundle):
        with wiring.store.containers.lock_at_once(record.id) as alone:
            if not alone:  # nobody was killed: somebody is at it
                return None if record.state == interrupted.CREATING else record
            mended = interrupted.mend(wiring, record.id)
        if mended is None:
            return None
        record = mended
    if not record.is_running or container.process_of(bundle):
        return record
    with wiring.store.containers.lock(record.id):
        return finish(wiring, record.id)


def ended(wiring: Wiring, id: str, *, private: PrivateMounts | None = None) -> int:
    """Wait for a container's end, note it, and return its exit code. Closes `private` as `finish` does."""
    bundle = bundle_of(wiring.store, id)
    try:
        code = container.wait(bundle)
    except container.ExitLost:
        code = None
    with wiring.store.containers.lock(id):
        record = finish(wiring, id, private=private)
    if code is None:
        code = record.exit_code if record is not None else _LOST
    return _LOST if code is None else code


def finish(
    wiring: Wiring, id: str, *, keep: bool = False, private: PrivateMounts | None = None
) -> ContainerRecord | None:
    """Note the end of a container whose process is gone, and take down what it had. Its lock is held.

    Idempotent. Removes a container with ``--rm`` unless `keep`, and returns None then. Closes `private`, which a caller
    may have begun ahead.
    """
    store = wiring.store
    record = store.containers.get(id)
    if record is None:
        return None
    bundle = bundle_of(store, id)
    if not record.is_running or container.process_of(bundle):
        return record
    try:
        code = container.wait(bundle, 0.0)
    except container.ExitLost:
        code = None
    with private or PrivateMounts() as mounts:
        container.remove(wiring.runtime, mounts, bundle)
    attachment = attachment_of(record)
    if attachment is not None:
        wiring.network.detach(attachment)
    config = ContainerConfig.from_json(record.config)
    if config.network == "bridge":
        store.networks.release_address("bridge", id)
    if config.auto_remove and not keep:
        forget(wiring.store, record, volumes=any(mount.volume for mount in config.mounts))
        return None
    finished = _when_ended(bundle)
    # An end that nobody saw was one of the monitor, too, which would have had it started again.
    again = None if code is None or keep else restarts.due(record, code, finished)
    out_of_memory = container.was_out_of_memory(bundle) or None
    return store.containers.update(
        id,
        state="exited",
        pid=None,
        exit_code=_LOST if code is None else code,
        finished=finished,
        status={"network": None, "ports": None, "oom": out_of_memory, "restart_at": again},
    )


def _when_ended(bundle: Bundle) -> str:
    try:
        return rfc3339(nanoseconds=os.stat(bundle.path("exit")).st_mtime_ns)
    except FileNotFoundError:
        return rfc3339()


def kill(wiring: Wiring, text: str, signal: str) -> None:
    """Send a signal to a container's first process. Raises ContainerNotRunning, UnknownSignal."""
    from boxwright.host.signals import signal_number

    number = signal_number(signal)
    record = find_running(wiring, text, "kill")
    if number in (_KILL, signal_number(ContainerConfig.from_json(record.config).stop_signal)):
        restarts.hold(wiring, record.id)
    with PrivateMounts() as private:
        wiring.runtime.kill(private, record.id, number)
        if number == _KILL and record.state == "paused":
            wiring.runtime.resume(private, record.id)  # a frozen process doesn't even die
    if number == _KILL:
        _await_end(wiring, record, STOP_SECONDS)


def stop(wiring: Wiring, text: str, *, timeout: float | None = None, signal: str | None = None) -> None:
    """Ask a container to end, and kill it after `timeout` seconds; one that does not run is fine.

    `timeout` is the container's own, else 10 seconds; below zero it waits for ever.
    """
    from boxwright.host.signals import signal_number

    record = find(wiring, text)
    if record.is_running or record.status.get("restart_at"):
        restarts.hold(wiring, record.id)
    if not record.is_running:
        return
    config = ContainerConfig.from_json(record.config)
    number = signal_number(signal or config.stop_signal)
    if timeout is None:
        timeout = STOP_SECONDS if config.stop_timeout is None else float(config.stop_timeout)
    with PrivateMounts() as private:
        try:
            if record.state == "paused":
                wiring.runtime.resume(private, record.id)
            wiring.runtime.kill(private, record.id, number)
            if not _await_end(wiring, record, None if timeout < 0 else timeout):
                wiring.runtime.kill(private, record.id, _KILL, everyone=True)
                _await_end(wiring, record, None)
        except ConflictError:
            settle(wiring, record)  # it ended by itself in between


def _await_end(wiring: Wiring, record: ContainerRecord, seconds: float | None) -> bool:
    bundle = bundle_of(wiring.store, record.id)
    try:
        if container.wait(bundle, seconds) is None:
            return False
    except container.ExitLost:
        pass  # it has ended, which is what was waited for
    settle(wiring, record)
    return True


def pause(wiring: Wiring, text: str) -> None:
    """Freeze all processes of a container. Raises ContainerNotRunning, ConflictError when it is paused."""
    record = find_running(wiring, text, "pause")
    with wiring.store.containers.lock(record.id), PrivateMounts() as private:
        if record.state == "paused":
            raise ConflictError(f"container {record.name} is already paused")
        # Noted first: one that is said to be paused and runs can be unpaused, the reverse could be helped by nothing.
        wiring.store.containers.update(record.id, state="paused")
        try:
            wiring.runtime.pause(private, record.id)
        except BaseException:
            wiring.store.containers.update(record.id, state="running")
            raise


def unpause(wiring: Wiring, text: str) -> None:
    """Let a paused container go on. Raises ConflictError when it isn't paused."""
    record = find_running(wiring, text, "unpause")
    with wiring.store.containers.lock(record.id), PrivateMounts() as private:
        if record.state != "paused":
            raise ConflictError(f"container {record.name} is not paused")
        wiring.runtime.resume(private, record.id)
        wiring.store.containers.update(record.id, state="running")


def wait(wiring: Wiring, text: str) -> int:
    """Wait until a container doesn't run, and return its exit code."""
    record = find(wiring, text)
    if record.is_running:
        return ended(wiring, record.id)
    return record.exit_code or 0


def rename(store: Store, text: str, name: str) -> None:
    """Rename a container. Raises ContainerNotFound, SameName, ContainerNameInUse, InvalidContainerName."""
    record = store.containers.find(text)
    name = name.removeprefix("/")
    if record.name == name:
        raise SameName(name)
    store.containers.update(record.id, name=name)


def remove(wiring: Wiring, text: str, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container with its writable layer, log and record; `force` kills it first.

    `volumes` removes its volumes without a name, too. Raises ContainerRunning, ContainerNotFound.
    """
    record = find(wiring, text)
    while True:
        if record.is_running:
            if not force:
                raise ContainerRunning(record, "remove")
            restarts.hold(wiring, record.id)
            with PrivateMounts() as private:
                container.remove(wiring.runtime, private, bundle_of(wiring.store, record.id))
            _await_end(wiring, record, STOP_SECONDS)
        with wiring.store.containers.lock(record.id):
            current = interrupted.mend(wiring, record.id)
            if current is None:
                return
            if not current.is_running:
                forget(wiring.store, current, volumes=volumes)
                return
        record = current  # it was started in between

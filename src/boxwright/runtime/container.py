"""A container that outlives the command: from its creation to its last trace.

    create → (attach the network, connect the streams) → start → … → wait → remove

Each step is its own call, since others have work between them; each is safe beside a `kill -9` of the caller, as
everything that counts is held by conmon or lies in the bundle's directory. Whoever is killed between `create` and
the end of `start` leaves a mark, by which the next one knows that there may be a container that waits for ever.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from boxwright.errors import ConflictError, UnavailableError
from boxwright.host import faults
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.pids import Process
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.oci_runtime import NotRunning, OciRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from boxwright.host.paths import Path
    from boxwright.runtime.bundle import Layers
    from boxwright.runtime.conmon import Monitoring
    from boxwright.runtime.files import Files
    from boxwright.runtime.options import ContainerOptions
    from boxwright.runtime.scaffolding import Scaffolding

_PATIENCE = 10.0  # seconds from the end of process 1 to conmon's report
_LOOK = 0.0005
_STARTING = "starting"


class AlreadyRunning(ConflictError):
    def __init__(self, container: str) -> None:
        super().__init__(f"container {container} is already running")
        self.container = container


class ExitLost(UnavailableError):
    """Nobody saw the container end: its monitor was killed, or the machine went down."""

    def __init__(self, container: str) -> None:
        super().__init__(f"nobody saw how container {container} ended")
        self.container = container


def create(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    layers: Layers,
    options: ContainerOptions,
    files: Files,
    how: Monitoring,
    *,
    cache: Path | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Process:
    """Create a container, and return its process 1, which waits for `start`.

    `mounts` is this container's own, and may be closed once this returns. `meanwhile` is called once the runtime is at
    work, for 15 ms of what the caller has to do anyway. The container's network namespace, unless the options name
    one, is /proc/PID/ns/net of that process. Raises OverlayFailed, InvalidError and its like for options that don't
    go, AlreadyRunning, ExecutableNotFound, NotExecutable, RuntimeFailed and ConmonFailed; nothing runs then.
    """
    # Looking at containers takes none of this.
    from boxwright.runtime import conmon
    from boxwright.runtime.preparation import mount_rootfs, write_config

    if (earlier := _recorded(bundle)) is not None:
        if earlier.is_alive():
            raise AlreadyRunning(bundle.id)
        runtime.delete(mounts, bundle.id, force=True)
    _write(bundle.path(_STARTING), "")
    faults.point("a start is marked")
    try:
        mounts.call(mount_rootfs, bundle, layers)
        built = mounts.call(write_config, bundle, options, files, annotate=runtime.kind == "crun", cache=cache)
        _remember(bundle, scaffolding_of(bundle).merged(built))
        faults.point("a container's configuration is written")
        pid = conmon.create(runtime, mounts, bundle, options.argv[0], how, meanwhile=meanwhile)
        try:
            faults.point("a container is created")
            process = Process.of(pid)
            if process is None:
                raise ExitLost(bundle.id)
            _write(bundle.path("init"), json.dumps(list(process)))
            faults.point("a container's process is noted")
        except BaseException:
            runtime.delete(mounts, bundle.id, force=True)
            raise
    except BaseException:
        _unlink(bundle.path(_STARTING))  # nothing runs, so there is nothing for others to put right
        raise
    return process


def start(runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle, program: str = "") -> None:
    """Let the program of a created container run. Raises RuntimeFailed and its like."""
    runtime.start(mounts, bundle.id, program)
    faults.point("a container's program runs")
    _unlink(bundle.path(_STARTING))


def is_being_started(bundle: Bundle) -> bool:
    """Tell whether somebody is between `create` and the end of `start`, or was killed there."""
    return os.path.exists(bundle.path(_STARTING))


def has_been_started(runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle) -> bool:
    """Tell whether a start whose command was killed had come so far that the program runs; if so, it is complete."""
    if process_of(bundle) is None or runtime.status(mounts, bundle.id) != "running":
        return False
    _unlink(bundle.path(_STARTING))
    return True


def process_of(bundle: Bundle) -> Process | None:
    """Return process 1 of a container while it lives (created, running or paused)."""
    process = _recorded(bundle)
    return process if process is not None and process.is_alive() else None


def require_process(bundle: Bundle) -> Process:
    """Return process 1 of a living container, or raise NotRunning."""
    process = process_of(bundle)
    if process is None:
        raise NotRunning(bundle.id)
    return process


def send_signal(bundle: Bundle, number: int) -> None:
    """Send a signal to process 1. Raises NotRunning."""
    from signal import pidfd_send_signal

    fd = require_process(bundle).open()
    if fd is None:
        raise NotRunning(bundle.id)
    try:
        pidfd_send_signal(fd, number)
    except ProcessLookupError:
        raise NotRunning(bundle.id) from None
    finally:
        os.close(fd)


def exit_code(bundle: Bundle) -> int | None:
    """Return how the container's last run ended, or None while it hasn't, or when nobody saw it."""
    try:
        with open(bundle.path("exit"), encoding="utf-8") as stream:
            return int(stream.read())
    except (FileNotFoundError, ValueError):
        return None


def was_out_of_memory(bundle: Bundle) -> bool:
    """Tell whether the kernel killed something in the container for want of memory."""
    return os.path.exists(bundle.path("oom"))


def wait(bundle: Bundle, seconds: float | None = None) -> int | None:
    """Wait for the container's end, and return its exit code; None when `seconds` have passed before.

    Raises ExitLost when there will never be one.
    """
    process = _recorded(bundle)
    if process is not None and not process.ends_within(seconds):
        return None
    deadline = time.monotonic() + _PATIENCE
    while (code := exit_code(bundle)) is None:
        # conmon reports when it has read all output to its end.
        if time.monotonic() > deadline or not _is_monitored(bundle):
            code = exit_code(bundle)
            if code is None:
                raise ExitLost(bundle.id)
            return code
        time.sleep(_LOOK)
    return code


def remove(runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle) -> None:
    """Have the runtime forget the container, killing it first if it lives. Idempotent; the bundle's files stay.

    Also takes down what a start came to whose command was killed.
    """
    if is_being_started(bundle):
        from boxwright.runtime import conmon

        conmon.await_creation(runtime, mounts, bundle)
    runtime.delete(mounts, bundle.id, force=True)
    faults.point("the runtime has forgotten a container")
    _unlink(bundle.path("init"))
    _unlink(bundle.path(_STARTING))


def scaffolding_of(bundle: Bundle) -> Scaffolding:
    """Return what this container's runs have built in its writable layer only to mount something on it."""
    from boxwright.runtime.scaffolding import Scaffolding

    try:
        with open(bundle.path("scaffolding.json"), encoding="utf-8", errors="surrogateescape") as stream:
            return Scaffolding.from_json(json.load(stream))
    except (FileNotFoundError, ValueError):
        return Scaffolding()


def clear_scaffolding(bundle: Bundle, upper: str) -> None:
    """Take that down, in a container that has stopped. Idempotent."""
    from boxwright.runtime import scaffolding

    scaffolding.clear(upper, scaffolding_of(bundle))
    _unlink(bundle.path("scaffolding.json"))


def _remember(bundle: Bundle, built: Scaffolding) -> None:
    _write(bundle.path("scaffolding.json"), json.dumps(built.to_json()))


def _recorded(bundle: Bundle) -> Process | None:
    try:
        with open(bundle.path("init"), encoding="utf-8") as stream:
            pid, started = json.load(stream)
            return Process(int(pid), int(started))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_monitored(bundle: Bundle) -> bool:
    try:
        with open(bundle.path("conmon.pid"), encoding="utf-8") as stream:
            return Process.of(int(stream.read())) is not None
    except (FileNotFoundError, ValueError):
        return False


def _write(path: str, text: str) -> None:
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
    os.rename(temporary, path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # that is what is wanted

"""``exec`` and ``top``."""

from __future__ import annotations

import os

from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.records import bundle_of
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import ConflictError, InvalidError, UnavailableError
from boxwright.host import process, terminal
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime import container, execution


def execute(
    wiring: Wiring,
    text: str,
    command: tuple[str, ...],
    *,
    env: tuple[str, ...] = (),
    user: str | None = None,
    working_dir: str | None = None,
    tty: bool = False,
    stdin: bool = False,
    detach: bool = False,
    privileged: bool = False,
) -> int:
    """Run a command in a running container with our own standard streams, and return its exit code.

    Detached, it is left on its own and 0 returned. Raises ContainerNotRunning, ConflictError for a paused container,
    ExecutableNotFound, NotExecutable, and MainThreadOnly for a terminal.
    """
    if tty and not detach:
        from boxwright.engine.containers.streams import require_main_thread

        require_main_thread("exec on a terminal")
    record = lifecycle.find_running(wiring, text)
    if record.state == "paused":
        raise ConflictError(f"container {record.name} is paused", hint=f"boxwright unpause {record.name}")
    if working_dir and not working_dir.startswith("/"):
        raise InvalidError(f"the working directory {working_dir!r} needs to be an absolute path")
    options = execution.exec_options(
        ContainerConfig.from_json(record.config).options,
        command,
        env=env,
        cwd=working_dir or "",
        user=user or "",
        tty=tty,
        privileged=privileged,
    )
    bundle = bundle_of(wiring.store, record.id)
    with PrivateMounts() as mounts:
        if detach:
            execution.exec_detached(wiring.runtime, mounts, bundle, options)
            return 0
        if tty:
            with terminal.raw(0):
                return execution.exec_terminal(
                    wiring.runtime, mounts, bundle, options, stdin=0 if stdin else None, stdout=1
                )
        return execution.exec_foreground(
            wiring.runtime, mounts, bundle, options, stdin=0 if stdin else None, stdout=1, stderr=2
        )


def top(wiring: Wiring, text: str, options: tuple[str, ...] = ()) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the host's ps(1) for a container's processes.

    `options` are ps's, ``-ef`` when empty; they must not leave the process ID out. Raises ContainerNotRunning.
    """
    record = lifecycle.find_running(wiring, text)
    init = container.require_process(bundle_of(wiring.store, record.id))
    shares_numbers = ContainerConfig.from_json(record.config).options.pid != ""
    wanted = {str(pid) for pid in _processes(init.pid, "cgroup" if shares_numbers else "ns/pid")}
    listing = process.run([process.require("ps", hint="install it: apt-get install procps"), *(options or ("-ef",))])
    first, *lines = listing.stdout.decode(errors="replace").splitlines()
    headings = first.split()
    if "PID" not in headings:
        raise UnavailableError("the process ID is missing from the output of ps", hint="leave it in: -o pid,cmd")
    column = headings.index("PID")
    rows = [line.split(None, len(headings) - 1) for line in lines]
    return headings, [row for row in rows if len(row) > column and row[column] in wanted]


def _processes(init: int, mark: str) -> list[int]:
    """Return the host's numbers of all processes that have in common with `init` what `mark` names in /proc/PID."""
    wanted = _mark(str(init), mark)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if _mark(name, mark) == wanted:
                found.append(int(name))
        except OSError:
            continue  # it ended while we looked
    return found


def _mark(pid: str, name: str) -> str:
    path = f"/proc/{pid}/{name}"
    if name.startswith("ns/"):
        return os.readlink(path)
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()

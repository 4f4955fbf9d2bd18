"""The mounts of a build's step, made for the time of one command.

What has to be mounted is mounted in the step's own mount namespace, where nobody else sees it and where it vanishes
with the process that made it. Secrets lie in a file system in memory there: no file on a disk ever holds one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from boxwright.build.runner import AgentMount, HostMount, MemoryMount, SecretMount, StepMount, UnionMount
from boxwright.engine.agents import AgentRelay
from boxwright.host import mounts, syscalls
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.paths import Path
from boxwright.runtime import scaffolding
from boxwright.runtime.bundle import Bundle
from boxwright.runtime.options import Mount


@contextmanager
def mounted(private: PrivateMounts, bundle: Bundle, wanted: Sequence[StepMount]) -> Iterator[tuple[Mount, ...]]:
    """Yield the mounts as the runtime takes them; all that is behind them is gone after the block."""
    with ExitStack() as stack:
        made = []
        for index, mount in enumerate(wanted):
            place = Path(bundle.path(f"mount-{index}"))
            match mount:
                case HostMount():
                    made.append(Mount("bind", mount.target, mount.source, mount.read_only))
                case MemoryMount():
                    made.append(Mount("tmpfs", mount.target, "", mount.read_only, size=mount.size, options=("exec",)))
                case UnionMount():
                    stack.callback(private.call, _unmount, place)
                    private.call(_mount_union, place, mount)
                    source = place if mount.path == "/" else Path(f"{place}{mount.path}")
                    made.append(Mount("bind", mount.target, source, mount.read_only))
                case SecretMount():
                    stack.callback(private.call, _unmount, place)
                    private.call(_write_secret, place, mount)
                    made.append(Mount("bind", mount.target, place / "value", read_only=True))
                case AgentMount():
                    os.mkdir(place, 0o700)
                    stack.callback(os.rmdir, place)
                    relay = stack.enter_context(AgentRelay(mount.agent, place / "socket"))
                    os.chown(relay.path, mount.uid, mount.gid)
                    os.chmod(relay.path, mount.mode)
                    made.append(Mount("bind", mount.target, relay.path))
        private.call(_make_points, made)
        yield tuple(made)


def _make_points(made: Sequence[Mount]) -> None:
    """Make what a mount inside of a read-only one is mounted on: the runtime comes too late for that."""
    for outer in made:
        if outer.kind != "bind" or not outer.read_only or not os.path.isdir(outer.source):
            continue
        for inner in made:
            if not inner.target.startswith(outer.target + "/"):
                continue
            # A link in there that leads nowhere in there is left to the runtime, which knows the container's root.
            missing = scaffolding.survey(outer.source, [inner.target.removeprefix(outer.target)]).missing
            if any(os.path.lexists(f"{outer.source}/{path}") for path in missing):
                continue
            directory = inner.kind == "tmpfs" or os.path.isdir(inner.source)
            for path in reversed(missing):
                if path == missing[0] and not directory:
                    os.close(os.open(f"{outer.source}/{path}", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
                else:
                    os.mkdir(f"{outer.source}/{path}", 0o755)


def _mount_union(place: Path, mount: UnionMount) -> None:
    os.mkdir(place, 0o700)
    mounts.overlay(place, mount.lowers, mount.upper, mount.work, volatile=True)


def _write_secret(place: Path, mount: SecretMount) -> None:
    value = mount.secret.read()
    os.mkdir(place, 0o700)
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    syscalls.mount("tmpfs", place, "tmpfs", flags, "mode=0700")
    fd = os.open(place / "value", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as stream:
        stream.write(value)
        os.fchown(fd, mount.uid, mount.gid)
        os.fchmod(fd, mount.mode)


def _unmount(place: Path) -> None:
    mounts.detach(place)
    try:
        os.rmdir(place)
    except FileNotFoundError:
        pass  # it was never made

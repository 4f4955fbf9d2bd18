"""Runs the commands of a build: the runtime and the network behind the builder's `Runner`.

A step is a container without a monitor, a log or a record. What it needs around it is kept from one step to the
next: a mount namespace, and a network namespace that is plugged into the bridge once.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from boxwright.build.runner import StepCancelled, StepProcess
from boxwright.engine.containers.files import container_files
from boxwright.engine.containers.ulimits import ulimit
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import InvalidError, UnavailableError
from boxwright.host import locks, mounts, trees
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.paths import Path
from boxwright.network.pool import Subnet
from boxwright.oci.platform import Platform
from boxwright.runtime import scaffolding
from boxwright.runtime.bundle import Bundle, Layers
from boxwright.runtime.failures import ExecutableNotFound, NotExecutable
from boxwright.runtime.foreground import run_foreground
from boxwright.runtime.options import MIB, ContainerOptions, Limits, Mount
from boxwright.runtime.preparation import mount_rootfs, write_config
from boxwright.store.scratch import make_locked

if TYPE_CHECKING:
    from boxwright.build.secrets import Secret
    from boxwright.network.borrowing import BorrowedAddress
    from boxwright.runtime.oci_runtime import OciRuntime

_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_CHUNK = 1 << 16
_DIRECTORY = "steps"
_SHARED_MEMORY = Path("/dev/shm")
_IN_MEMORY = ("tmpfs", "ramfs")
_STARTS_PER_CPU = 4
"""How many commands are made ready at once. They run side by side all the same, but forty threads that all want the
interpreter start the first command as late as the last."""


class StepRunner:
    """The engine's `boxwright.build.runner.Runner`. Thread-safe; as many steps as are asked for run side by side."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._lock = threading.Lock()
        self._idle: list[_Place] = []
        self._directory = wiring.run_directory / _DIRECTORY
        self._swept = False
        self._starts = _Turns(_STARTS_PER_CPU * len(os.sched_getaffinity(0)))

    def run(self, process: StepProcess) -> int:
        """See `boxwright.build.runner.Runner.run`. Raises CannotRun for a platform that nothing here runs."""
        if process.platform is not None:
            check_platform(process.platform)
        with _Turn(self._starts) as turn:

            def started() -> None:
                turn.end()
                if self._starts.are_idle:
                    process.running()

            place = self._take(process)
            try:
                code = place.run(process, started)
            except BaseException:
                place.close()  # in doubt nothing of it is used again
                raise
        if place.directory != self._directory:
            place.close()
            return code
        with self._lock:
            self._idle.append(place)
        return code

    def close(self) -> None:
        """Give everything back. Idempotent."""
        with self._lock:
            places, self._idle = self._idle, []
        for place in places:
            place.close()

    def _take(self, process: StepProcess) -> _Place:
        with self._lock:
            if not self._swept:
                self._swept = True
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                sweep(self._wiring)
            if process.secrets:
                # The runtime is told the environment in a file, and keeps a copy of it.
                memory = memory_directory(self._wiring)
                if memory != self._wiring.run_directory:
                    return _Place(self._wiring, memory / _DIRECTORY, runtime_in(self._wiring, memory))
            if self._idle:
                return self._idle.pop()
        return _Place(self._wiring, self._directory, self._wiring.runtime)


def check_platform(platform: Platform) -> None:
    """Raise CannotRun for a platform whose programs neither this machine nor an emulator on it runs."""
    host = Platform.of_machine(os.uname().machine)
    if platform.architecture == host.architecture:
        return
    from boxwright.host.emulation import can_run

    if not can_run(platform.architecture):
        raise CannotRun(platform, host)


class CannotRun(UnavailableError):
    """A command is for another kind of machine, and there is no emulator."""

    def __init__(self, platform: Platform, host: Platform) -> None:
        super().__init__(
            f"a command for {platform} cannot be run here: this machine is {host}",
            hint="let an emulator run it: apt-get install qemu-user-static binfmt-support",
        )
        self.platform = platform


class _Turns:
    """A number of turns, for which those who come later wait."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)
        self._lock = threading.Lock()
        self._wanted = 0

    @property
    def are_idle(self) -> bool:
        """Whether nobody has a turn or waits for one."""
        return self._wanted == 0

    def take(self) -> None:
        with self._lock:
            self._wanted += 1
        self._free.acquire()

    def give_back(self) -> None:
        with self._lock:
            self._wanted -= 1
        self._free.release()


class _Turn:
    """One of them, which ends with the block at the latest."""

    def __init__(self, turns: _Turns) -> None:
        self._turns: _Turns | None = turns
        turns.take()

    def end(self) -> None:
        """Let the next one have it. Idempotent."""
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.give_back()

    def __enter__(self) -> _Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class _Place:
    """Where one step at a time runs."""

    def __init__(self, wiring: Wiring, directory: Path, runtime: OciRuntime) -> None:
        self._wiring = wiring
        self._runtime = runtime
        self.directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)
        # The lock tells other builds that this one is alive. A container's ID has 64 digits, 12 of them made there.
        path, fd = make_locked(directory, os.urandom(26).hex())
        self.id = path.name
        self._bundle = Bundle(str(path), self.id)
        self._fds = [fd]
        self._mounts = PrivateMounts()
        self._netns: str | None = None
        self._address: BorrowedAddress | None = None

    def run(self, process: StepProcess, started: Callable[[], object]) -> int:
        bundle = self._bundle
        layers = Layers([str(path) for path in process.lowers], str(process.upper), str(process.work), volatile=True)
        self._mounts.call(mount_rootfs, bundle, layers)
        try:
            options = self._options(process)
            own_network = process.network != "host"
            files = container_files(
                own_network=own_network,
                hostname=process.hostname,
                gateway=Subnet.parse(self._wiring.network.settings.subnet).gateway if process.extra_hosts else "",
                extra=[(name, address) for name, _, address in (item.partition(":") for item in process.extra_hosts)],
            )
            with self._mounted(process) as own:
                built = self._mounts.call(
                    write_config,
                    bundle,
                    options._replace(mounts=own),
                    files,
                    annotate=self._runtime.kind == "crun",
                    cache=self._wiring.seccomp_cache,
                )
                code = self._execute(process, started)
        finally:
            self._mounts.call(mounts.detach, bundle.rootfs)
        scaffolding.clear(str(process.upper), built)
        if process.cancelled.is_set():
            raise StepCancelled
        return code

    def _mounted(self, process: StepProcess) -> AbstractContextManager[tuple[Mount, ...]]:
        if not process.mounts:
            return nullcontext(())
        from boxwright.engine.stepmounts import mounted

        return mounted(self._mounts, self._bundle, process.mounts)

    def _execute(self, process: StepProcess, started: Callable[[], object]) -> int:
        output = _Lines(process.stdout, process.stderr)
        try:
            return run_foreground(
                self._runtime,
                self._mounts,
                self._bundle,
                process.argv[0],
                stdout=output.stdout,
                stderr=output.stderr,
                is_cancelled=process.cancelled.is_set,
                started=started,
            )
        except (ExecutableNotFound, NotExecutable) as error:
            # The runtime has told it where the command's own words go.
            return _NOT_FOUND if isinstance(error, ExecutableNotFound) else _NOT_EXECUTABLE
        finally:
            output.finish()

    def _options(self, process: StepProcess) -> ContainerOptions:
        network = process.network
        if network == "host":
            namespace = "host"
        elif network == "none":
            namespace = ""
        else:
            namespace = self._attached()
        return ContainerOptions(
            argv=process.argv,
            env=(
                *(f"{name}={value}" for name, value in process.env.items()),
                *(
                    f"{name}={secret.read().decode(errors='surrogateescape')}"
                    for name, secret in process.secrets.items()
                ),
            ),
            cwd=process.cwd,
            user=process.user,
            hostname=process.hostname,
            tell_hostname=False,  # what a command makes is not to depend on where it runs
            network=namespace,
            shm_size=process.shm_size or 64 * MIB,
            ulimits=tuple(ulimit(text) for text in process.ulimits),
            privileged=process.privileged,
            limits=Limits(**process.limits._asdict()),
        )

    def _attached(self) -> str:
        """Return the path of a network namespace on the bridge, which is made for the first step that needs it."""
        if self._netns is None:
            from boxwright.host.netns import create_netns, namespace_path
            from boxwright.network.borrowing import borrow
            from boxwright.network.pool import NoFreeAddress, borrowing_pool

            network = self._wiring.network
            subnet = Subnet.parse(network.settings.subnet)
            pool = borrowing_pool(subnet)
            if pool is None:
                raise NoFreeAddress(subnet)
            self._address = borrow(pool, self._wiring.run_directory / "addresses")
            netns = create_netns()
            self._fds.append(netns)
            network.attach(self.id, netns, self._address.address)
            self._netns = namespace_path(netns)
        return self._netns

    def close(self) -> None:
        self._mounts.close()
        trees.remove_tree(self._bundle.directory)
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()
        if self._address is not None:
            self._address.give_back()


def sweep(wiring: Wiring) -> None:
    """End the steps whose builds were killed, and remove what they left. Idempotent."""
    for base in {wiring.run_directory, memory_directory(wiring, make=False)}:
        directory = base / _DIRECTORY
        if directory.exists():
            _sweep(directory, runtime_in(wiring, base))


def _sweep(directory: Path, runtime: OciRuntime) -> None:
    for path in directory.iterdir():
        fd = locks.try_lock_existing(path)
        if fd is None:
            continue
        try:
            with PrivateMounts() as private:
                runtime.delete(private, path.name, force=True)
            trees.remove_tree(path)
        except UnavailableError:
            continue  # the next build tries again
        finally:
            os.close(fd)


def memory_directory(wiring: Wiring, *, make: bool = True) -> Path:
    """Return a directory for what must never come to lie on a disk: the usual one, if that is in memory.

    Raises NoMemoryDirectory, and nothing unless `make` is set.
    """
    usual = wiring.run_directory
    if make:
        usual.mkdir(mode=0o700, parents=True, exist_ok=True)
    if usual.exists() and mounts.file_system(usual) in _IN_MEMORY:
        return usual
    directory = _SHARED_MEMORY / f"boxwright-{os.geteuid()}{os.fspath(usual).replace('/', '-')}"
    if make:
        if not _SHARED_MEMORY.is_dir() or mounts.file_system(_SHARED_MEMORY) not in _IN_MEMORY:
            raise NoMemoryDirectory(usual)
        directory.mkdir(mode=0o700, exist_ok=True)
        status = os.lstat(directory)
        # Everybody may make a directory there, and may have made this one first.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise NoMemoryDirectory(usual)
    return directory


def runtime_in(wiring: Wiring, base: Path) -> OciRuntime:
    """Return the runtime, with what it keeps in a directory below `base`."""
    return wiring.runtime._replace(state=str(base / "runtime"))


class NoMemoryDirectory(UnavailableError):
    """Nothing here is a file system in memory."""

    def __init__(self, usual: Path) -> None:
        super().__init__(
            f"a secret in a variable needs a file system in memory, and neither {usual} nor {_SHARED_MEMORY} is one",
            hint="mount a tmpfs on /run, or have the secret as a file: leave env= out",
        )


class _Lines:
    """Two pipes, and a thread that hands what is written to them over line by line."""

    def __init__(self, stdout: Callable[[str], None], stderr: Callable[[str], None]) -> None:
        self._ends: dict[int, Callable[[str], None]] = {}
        readers = []
        writers = []
        for sink in (stdout, stderr):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            readers.append(reader)
            writers.append(writer)
            self._ends[reader] = sink
        self.stdout, self.stderr = writers
        self._thread = threading.Thread(target=self._pump, name="step-output", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is handed over: whoever wrote to the pipes has ended."""
        os.close(self.stdout)
        os.close(self.stderr)
        self._thread.join()

    def _pump(self) -> None:
        import select

        poll = select.poll()
        rest = dict.fromkeys(self._ends, b"")
        for reader in self._ends:
            poll.register(reader, select.POLLIN)
        while rest:
            for reader, _ in poll.poll():
                data = os.read(reader, _CHUNK)
                sink = self._ends[reader]
                if not data:
                    last = rest.pop(reader)
                    if last:
                        sink(_text(last))
                    poll.unregister(reader)
                    os.close(reader)
                    continue
                *lines, rest[reader] = (rest[reader] + data).split(b"\n")
                for line in lines:
                    sink(_text(line))


def _text(line: bytes) -> str:
    # A progress bar writes over itself: what stands at the end is what was to be read.
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")


def _secret_variable(name: str, secret: Secret) -> str:
    value = secret.read()
    if b"\0" in value:
        raise InvalidError(
            f"secret {secret.id} holds a NUL byte, and no variable can", hint="have it as a file: leave env= out"
        )
    return f"{name}={value.decode(errors='surrogateescape')}"

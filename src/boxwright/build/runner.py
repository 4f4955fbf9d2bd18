"""How a build gets a command run: the port that the engine fills with a container runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

from boxwright.errors import CancelledError
from boxwright.host.paths import Path
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from threading import Event

    from boxwright.build.secrets import Secret
    from boxwright.oci.platform import Platform


class HostMount(NamedTuple):
    """A file or directory of the host."""

    target: str
    """Absolute, as those of all mounts."""
    source: Path
    read_only: bool


class UnionMount(NamedTuple):
    """A file or directory of other layers."""

    target: str
    lowers: tuple[Path, ...]
    """Lowest first; none is an empty directory."""
    path: str
    """Absolute in the layers, without links on its way."""
    read_only: bool
    upper: Path
    """An empty directory, for what is written; `work` is another one, as for a step itself."""
    work: Path


class MemoryMount(NamedTuple):
    """An empty directory in memory."""

    target: str
    size: int | None
    """Bytes; None for as much as the kernel gives."""
    read_only: bool


class SecretMount(NamedTuple):
    """A file that holds a secret, and is in memory alone."""

    target: str
    secret: Secret
    mode: int
    uid: int
    gid: int


class AgentMount(NamedTuple):
    """A socket that leads to an SSH agent."""

    target: str
    agent: str
    """The path of the agent's own socket."""
    mode: int
    uid: int
    gid: int


StepMount: TypeAlias = HostMount | UnionMount | MemoryMount | SecretMount | AgentMount


class StepLimits(NamedTuple):
    """What a command may use; zero is without limit, and sizes are in bytes."""

    memory: int = 0
    memory_swap: int = 0
    """Memory and swap together; -1 is without limit."""
    cpu_shares: int = 0
    cpu_period: int = 0
    """Microseconds."""
    cpu_quota: int = 0
    """Microseconds in each period."""
    cpuset_cpus: str = ""
    cpuset_mems: str = ""


class StepProcess(NamedTuple):
    """A command to run on top of layers."""

    id: str
    """64 hex digits: the name of the container that the command is in."""
    lowers: tuple[Path, ...]
    """The layers' directories, lowest first; none when the step begins on nothing."""
    upper: Path
    """An empty directory; what the command changes is there in overlay form when `run` returns."""
    work: Path
    """An empty directory on the same file system, for overlay's own use."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    """Absolute, and there."""
    user: str
    """``name``, ``uid``, ``name:group``, ``uid:gid`` or empty for root; names are looked up in the file system's own
    passwd and group files."""
    network: str
    """``default``, ``none`` or ``host``."""
    hostname: str
    extra_hosts: tuple[str, ...]
    """``name:address``."""
    shm_size: int | None
    ulimits: tuple[str, ...]
    stdout: Callable[[str], None]
    """Called with each line, without its end, from any thread, one call at a time."""
    stderr: Callable[[str], None]
    cancelled: Event
    mounts: tuple[StepMount, ...] = ()
    """None of them leaves a trace in `upper`."""
    secrets: Mapping[str, Secret] = {}
    """Variables of the environment that must not come to lie on a disk."""
    privileged: bool = False
    limits: StepLimits = StepLimits()
    platform: Platform | None = None
    """What the command is for."""
    running: Callable[[], object] = lambda: None
    """To be called once it runs and no other command is being started: a moment to do something else in."""


class Runner(Protocol):
    """Runs steps; several may run at once, from different threads."""

    def run(self, process: StepProcess) -> int:
        """Run the command to its end, with everything that it started, and return its exit code.

        Its standard input is empty.

        When it returns, nothing is mounted on `upper` and `work`, and the implementation's own scaffolding (mount
        points that it created, ``/etc/resolv.conf``, ``/etc/hosts``, ``/dev``, ``/proc``, ``/sys``) is out of
        `upper`, as far as the command did not make it itself. Output lines have all been handed over.

        126 and 127 mean, as in a shell, that the program is not executable or was not found. Raises StepCancelled
        once `cancelled` is set and the command is dead, InvalidError when `user` doesn't exist in the file system,
        and UnavailableError when no command can be run at all, or none for its platform.
        """


class StepCancelled(CancelledError):
    """The build was cancelled while a step ran."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")

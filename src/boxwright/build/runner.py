"""How a build gets a command run: the port that the engine fills with a container runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from boxwright.errors import CancelledError
from boxwright.host.paths import Path
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from threading import Event


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
        and UnavailableError when no command can be run at all.
        """


class StepCancelled(CancelledError):
    """The build was cancelled while a step ran."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")

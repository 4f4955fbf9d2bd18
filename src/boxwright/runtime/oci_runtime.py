"""crun and runc: programs with one command line (the OCI runtime's)."""

from __future__ import annotations

import os

from boxwright.errors import ConflictError
from boxwright.host import process, spawn
from boxwright.host.namespaces import PrivateMounts
from boxwright.runtime.failures import RuntimeFailed, failure
from boxwright.values import NamedTuple

# Nothing of the caller's environment reaches a runtime, and through it a container: no NOTIFY_SOCKET, no LISTEN_FDS.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class NotRunning(ConflictError):
    """There is no process to do it to."""

    def __init__(self, container: str) -> None:
        super().__init__(f"container {container} is not running", hint=f"start it: boxwright start {container}")
        self.container = container


class OciRuntime(NamedTuple):
    """`kind` is crun or runc, `state` the directory (in memory, best) where it keeps what runs."""

    kind: str
    path: str
    state: str

    @classmethod
    def find(cls, state: str, name: str | None = None) -> OciRuntime:
        """Return the runtime called `name` (also a path), or the fastest that is installed. Raises CommandNotFound."""
        if name:
            kind = "crun" if os.path.basename(name).startswith("crun") else "runc"
            return cls(kind, process.require(name), state)
        for kind in ("crun", "runc"):
            if path := process.find(kind):
                return cls(kind, path, state)
        return cls("crun", process.require("crun"), state)

    def command(self, *words: str, log: str | None = None) -> list[str]:
        """Return the command line; errors also go to the file `log`."""
        argv = [self.path, "--root", self.state]
        if log is not None:
            argv += ["--log", log]
        return [*argv, *words]

    def status(self, mounts: PrivateMounts, container: str) -> str | None:
        """Return created, running, paused or stopped, or None for a container that the runtime doesn't know."""
        import json

        code, output = mounts.call(spawn.capture, self.command("state", container), env=ENVIRONMENT)
        if code:
            return None
        try:
            return str(json.loads(output)["status"])
        except (ValueError, KeyError, TypeError):
            raise RuntimeFailed(self.kind, "tell the state of", output) from None

    def start(self, mounts: PrivateMounts, container: str, program: str = "") -> None:
        """Let the program of a created container run. Raises RuntimeFailed and its like."""
        self._run(mounts, "start", container, program=program)

    def kill(self, mounts: PrivateMounts, container: str, signal: int, *, everyone: bool = False) -> None:
        """Send a signal to process 1 of a container, or to all of them. Raises NotRunning."""
        words = ["--all"] if everyone else []
        self._run(mounts, "kill", *words, container, str(signal))

    def pause(self, mounts: PrivateMounts, container: str) -> None:
        self._run(mounts, "pause", container)

    def resume(self, mounts: PrivateMounts, container: str) -> None:
        """Let a paused container go on; one that isn't paused is fine. Raises RuntimeFailed."""
        try:
            self._run(mounts, "resume", container)
        except RuntimeFailed:  # runc's answer for one that runs
            if self.status(mounts, container) != "running":
                raise

    def delete(self, mounts: PrivateMounts, container: str, *, force: bool = False) -> None:
        """Forget a container that has stopped, or kill it first when `force`. Unknown is fine."""
        words = ["delete", "--force", container] if force else ["delete", container]
        code, output = mounts.call(spawn.capture, self.command(*words), env=ENVIRONMENT)
        # Whoever ran it may have been quicker, at any point of our attempt.
        if code and os.path.exists(f"{self.state}/{container}"):
            raise RuntimeFailed(self.kind, "delete", output)

    def update(self, mounts: PrivateMounts, container: str, resources: str) -> None:
        """Change the limits of a running container to the file `resources` (JSON of the spec's ``resources``)."""
        self._run(mounts, "update", "--resources", resources, container)

    def _run(self, mounts: PrivateMounts, action: str, *words: str, program: str = "") -> None:
        code, output = mounts.call(spawn.capture, self.command(action, *words), env=ENVIRONMENT)
        if code:
            if _is_gone(output):
                raise NotRunning(next(word for word in words if not word.startswith("-")))
            raise failure(self.kind, action, output, program) if program else RuntimeFailed(self.kind, action, output)


def _is_gone(output: str) -> bool:
    text = output.lower()
    return any(
        words in text for words in ("does not exist", "no such process", "not running", "/status`: no such file")
    )

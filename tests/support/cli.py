"""The real command as a subprocess, on a store of its own, and what it may leave behind: nothing."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings

PATIENCE = 30.0
"""Seconds until something that is bound to happen counts as not happening."""


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Boxwright:
    """One store, and the command that works on it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home
        """Where commands are started, and the user's home."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "PYTHONPATH")}
        self.env = {**kept, "HOME": str(home), "BOXWRIGHT_ROOT": str(root), "TZ": "UTC"}
        self.command = [sys.executable, "-m", "boxwright"]
        with Engine(Settings(root=root)) as engine:
            self.run_directory = engine.wiring.run_directory

    def __call__(
        self,
        *arguments: str | Path,
        input: bytes | str = b"",
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Result:
        """Run a command to its end, whatever that is."""
        data = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            input=data,
            capture_output=True,
            env={**self.env, **(env or {})},
            cwd=self.home,
            timeout=timeout,
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def ok(self, *arguments: str | Path, **settings: Any) -> str:
        """Run a command that has to go well, and return what it printed, without the last line end."""
        result = self(*arguments, **settings)
        assert result.code == 0, f"boxwright {' '.join(map(str, arguments))}: {result}"
        return result.out.removesuffix("\n")

    def fails(self, *arguments: str | Path, code: int = 1, **settings: Any) -> str:
        """Run a command that has to fail with `code`, and return its first error line after ``error: ``."""
        result = self(*arguments, **settings)
        assert result.code == code, f"boxwright {' '.join(map(str, arguments))}: {result}"
        assert "Traceback" not in result.err
        lines = [line.removeprefix("error: ") for line in result.err.splitlines() if line.startswith("error: ")]
        assert lines, f"boxwright {' '.join(map(str, arguments))} said nothing of an error: {result}"
        return lines[0]

    def popen(self, *arguments: str | Path, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen([*self.command, *map(str, arguments)], env=self.env, cwd=self.home, **settings)

    def terminal(self, *arguments: str | Path, rows: int = 24, columns: int = 80) -> Terminal:
        """Start a command on a terminal of its own."""
        return Terminal([*self.command, *map(str, arguments)], self.env, self.home, rows, columns)

    def inspect(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.ok("inspect", name))[0]
        return value

    def state(self, name: str) -> str:
        return self.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)

    def take_down(self) -> list[str]:
        """Remove all containers and the bridge, and return what is left all the same."""
        ids = self.ok("ps", "-aq", "--no-trunc").split()
        if ids:
            self.ok("rm", "-f", "-v", *ids)
        assert self.ok("network", "prune") == "the bridge is gone"
        # The monitor of a container that ended by itself may still be on its way out.
        deadline = time.monotonic() + PATIENCE
        while (left := self.traces(ids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(self.run_directory, ignore_errors=True)  # locks, which nobody holds any more
        return left

    def traces(self, containers: list[str]) -> list[str]:
        """Return what this store has on the machine: mounts, processes, interfaces, rules, what the runtime knows."""
        places = (str(self.root), str(self.run_directory))
        found = [f"mount: {line}" for line in _lines("/proc/self/mountinfo") if any(place in line for place in places)]
        found += [f"process: {line}" for line in self._processes()]
        bridge = f"bw-{self.run_directory.name}"
        interfaces = {bridge, *(f"bw-{id[:12]}" for id in containers)}
        found += [f"interface: {name}" for name in os.listdir("/sys/class/net") if name in interfaces]
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
        found += [f"rules: {line}" for line in tables.splitlines() if bridge in line]
        runtime = self.run_directory / "runtime"
        found += [f"runtime: {path.name}" for path in (runtime.iterdir() if runtime.exists() else ())]
        found += [f"container: {path.name}" for path in (self.root / "containers").iterdir()]
        return found

    def _processes(self) -> list[str]:
        """Return the command lines of processes that name this store, as conmon and the ends' messengers do."""
        found = []
        for name in os.listdir("/proc"):
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.root) in line or str(self.run_directory) in line:
                found.append(line.strip())
        return found


class Terminal:
    """A command on a pseudo-terminal, and the person in front of it."""

    def __init__(self, argv: list[str], env: Mapping[str, str], home: Path, rows: int, columns: int) -> None:
        self._master, slave = os.openpty()
        self.output = ""
        self._seen = 0
        _set_size(slave, rows, columns)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env={**env, "TERM": "xterm"},
                cwd=home,
                # The terminal becomes the one whose keys make signals.
                preexec_fn=lambda: os.login_tty(slave),
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        _set_size(self._master, rows, columns)
        self._process.send_signal(signal.SIGWINCH)  # what a terminal's own program would have sent

    def expect(self, pattern: str) -> re.Match[str]:
        """Read on until the output that wasn't matched yet has `pattern`, and return the match."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.compile(pattern).search(self.output, self._seen)
            if found:
                self._seen = found.end()
                return found
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{pattern!r} did not come: {self.output[self._seen :]!r}")

    def wait(self) -> int:
        """Read to the end of the output, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(timeout=PATIENCE)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(seconds, 0))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


def eventually(what: Callable[[], bool], message: str = "it did not come about") -> None:
    """Wait until `what` returns True."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


def _set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _lines(path: str) -> list[str]:
    return Path(path).read_text(errors="replace").splitlines()

"""A further program in a container that runs: exec."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from boxwright.host import cgroups, spawn, syscalls, terminal
from boxwright.host.namespaces import PrivateMounts
from boxwright.host.streams import read_some, write_all
from boxwright.runtime import capabilities
from boxwright.runtime.accounts import account_of
from boxwright.runtime.bundle import Bundle, write_private
from boxwright.runtime.container import require_process
from boxwright.runtime.failures import RuntimeFailed, failure
from boxwright.runtime.oci_runtime import ENVIRONMENT, OciRuntime
from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.programs import check_program, check_working_dir
from boxwright.runtime.spec import process
from boxwright.values import NamedTuple

_CHUNK = 65536
_ANSWER = 10.0  # seconds for a runtime to hand over a terminal


def exec_options(
    container: ContainerOptions,
    argv: Sequence[str],
    *,
    env: Sequence[str] = (),
    cwd: str = "",
    user: str = "",
    tty: bool = False,
    privileged: bool = False,
) -> ContainerOptions:
    """Return the options of a program in a container that was made with `container`: its own where nothing is said."""
    return container._replace(
        argv=tuple(argv),
        env=(*container.env, *env),
        cwd=cwd or container.cwd,
        user=user or container.user,
        groups=() if user else container.groups,
        tty=tty,
        privileged=privileged or container.privileged,
        init="",  # process 1 is there already
    )


def exec_foreground(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    options: ContainerOptions,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> int:
    """Run a program with these descriptors as its streams (None: /dev/null), and return its exit code.

    Signals of the terminal's keys reach it as they reach us. Raises NotRunning, UnknownUser, NoWorkingDir,
    ExecutableNotFound, NotExecutable and RuntimeFailed.
    """
    with _process_file(bundle, options) as file:
        argv = runtime.command("exec", "--process", file.path, bundle.id, log=file.log)
        pid = mounts.call(spawn.spawn, argv, env=ENVIRONMENT, stdin=stdin, stdout=stdout, stderr=stderr)
        while True:
            try:
                code = spawn.wait(pid)
                break
            except KeyboardInterrupt:
                continue  # the runtime got it too, and passes it on
        if code and (words := file.words()):
            raise failure(runtime.kind, "exec in", words, options.argv[0])
        return code


def exec_detached(runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle, options: ContainerOptions) -> None:
    """Start a program without streams, and leave it. Raises as `exec_foreground` does."""
    with _process_file(bundle, options._replace(tty=False)) as file:
        _await_start(runtime, _begin(runtime, mounts, bundle, file, ["--detach"]), options, file)


def started(
    runtime: OciRuntime, mounts: PrivateMounts, bundle: Bundle, options: ContainerOptions, *, output: int
) -> int:
    """Start a program whose streams out are the descriptor `output`, and return its process ID.

    It is our child when we are a subreaper, as the runtime, its parent, has ended. Raises as `exec_foreground` does.
    """
    with _process_file(bundle, options) as file:
        words = ["--detach", "--pid-file", file.pid]
        _await_start(runtime, _begin(runtime, mounts, bundle, file, words, output), options, file)
        with open(file.pid, encoding="utf-8") as stream:
            return int(stream.read())


def exec_terminal(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    options: ContainerOptions,
    *,
    stdin: int | None,
    stdout: int,
) -> int:
    """Run a program on a terminal of its own, connected to two descriptors, and return its exit code.

    Where they are a terminal too, its size is followed; putting it into raw mode is up to the caller. For the main
    thread. Raises as `exec_foreground` does.
    """
    # The runtime ends once the program runs: it becomes our child, and its exit code ours.
    syscalls.become_subreaper()
    size = terminal.size(stdout)
    options = options._replace(tty=True, console_size=size)
    with _process_file(bundle, options) as file, _ConsoleSocket(runtime) as console:
        words = ["--detach", "--tty", "--console-socket", console.path, "--pid-file", file.pid]
        starting = _begin(runtime, mounts, bundle, file, words)
        master = console.receive(starting)
        if master is not None and size is not None:
            # At once, not when the runtime has ended: a program that asks early must not see a terminal without size.
            terminal.resize(master, size)
        try:
            _await_start(runtime, starting, options, file)
        except BaseException:
            if master is not None:
                os.close(master)
            raise
        if master is None:
            raise RuntimeFailed(runtime.kind, "exec in", "it gave no terminal")
        with open(file.pid, encoding="utf-8") as stream:
            pid = int(stream.read())
        try:
            with terminal.followed(stdout, lambda size: terminal.resize(master, size)):
                _pump(master, pid, stdin, stdout)
        finally:
            os.close(master)
        return spawn.wait(pid)


def _begin(
    runtime: OciRuntime,
    mounts: PrivateMounts,
    bundle: Bundle,
    file: _ProcessFile,
    words: Sequence[str],
    output: int | None = None,
) -> int:
    """Have the runtime start a program and end itself; return its process ID."""
    argv = runtime.command("exec", *words, "--process", file.path, bundle.id, log=file.log)
    # Not captured: a program that stays would hold the pipe open.
    return mounts.call(spawn.spawn, argv, env=ENVIRONMENT, stdout=output, stderr=output)


def _await_start(runtime: OciRuntime, starting: int, options: ContainerOptions, file: _ProcessFile) -> None:
    """Wait until the runtime has ended. Raises ExecutableNotFound and its like when the program never ran."""
    if spawn.wait(starting):
        raise failure(runtime.kind, "exec in", file.words(), options.argv[0])


class _ProcessFile(NamedTuple):
    """What the runtime reads and writes for one exec."""

    path: str

    @property
    def log(self) -> str:
        return f"{self.path}.log"

    @property
    def pid(self) -> str:
        return f"{self.path}.pid"

    def words(self) -> str:
        """Return what the runtime had to say."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""


@contextmanager
def _process_file(bundle: Bundle, options: ContainerOptions) -> Iterator[_ProcessFile]:
    """Write the ``process`` object of the spec, for the block."""
    init = require_process(bundle)
    cgroups.hasten_moves()
    root = f"/proc/{init.pid}/root"
    # The runtime would find out, too, but it tells it to the person's own standard error.
    check_working_dir(root, options.cwd)
    check_program(root, options)
    account = account_of(root, options.user, options.groups)
    added = ("ALL",) if options.privileged else options.cap_add
    granted = capabilities.select(added, options.cap_drop, capabilities.available())
    file = _ProcessFile(bundle.path(f"exec-{os.urandom(6).hex()}"))
    try:
        write_private(file.path, json.dumps(process(options, account, granted)))
        yield file
    finally:
        for path in (file.path, file.log, file.pid):
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue


class _ConsoleSocket:
    """Where a runtime delivers the master side of a terminal it has made."""

    __slots__ = ("_server", "path")

    def __init__(self, runtime: OciRuntime) -> None:
        import socket  # here, since most programs need no terminal

        # Not in the bundle: its path may be too long for a socket's name.
        directory = f"{runtime.state}.consoles"
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.path = f"{directory}/{os.urandom(6).hex()}"
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> _ConsoleSocket:
        self._server.bind(self.path)
        self._server.listen(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        os.unlink(self.path)

    def receive(self, runtime: int) -> int | None:
        """Return the terminal's descriptor, or None when the process `runtime` ends without giving one."""
        import socket

        ended = os.pidfd_open(runtime)
        try:
            poll = select.poll()
            poll.register(self._server, select.POLLIN)
            poll.register(ended, select.POLLIN)
            ready = dict(poll.poll(int(_ANSWER * 1000)))
        finally:
            os.close(ended)
        if self._server.fileno() not in ready:
            return None
        connection, _ = self._server.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        if not descriptors:
            return None
        os.set_inheritable(descriptors[0], False)
        return descriptors[0]


def _pump(master: int, pid: int, stdin: int | None, stdout: int) -> None:
    """Pass bytes on until the program ends and its last words are out."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(master, select.POLLIN)
    poll.register(ended, select.POLLIN)
    if stdin is not None:
        poll.register(stdin, select.POLLIN)
    try:
        while True:
            ready = dict(poll.poll())
            if master in ready:
                data = read_some(master, _CHUNK)  # empty: nobody has the other side open any more
                if not data or not write_all(stdout, data):
                    return
            elif ended in ready:
                return
            if stdin is not None and stdin in ready:
                typed = read_some(stdin, _CHUNK)
                if typed:
                    write_all(master, typed)
                else:
                    poll.unregister(stdin)
                    write_all(master, b"\x04")  # what a terminal has for an end of input
    finally:
        os.close(ended)

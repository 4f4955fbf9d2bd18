"""An SSH agent of a build's own, for keys that were named as files: OpenSSH's, which knows every kind of key.

It ends with the build, however that ends: it lives as long as a program that reads from us, and is told to end when
there is nothing left to read.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from boxwright.errors import UnavailableError
from boxwright.host import process, spawn
from boxwright.host.trees import remove_tree

_INSTALL = "install it: apt-get install openssh-client; or start an agent, and forward it: --ssh default"
_PATH = "/usr/local/bin:/usr/bin:/bin"


class KeyNotAdded(UnavailableError):
    """An agent would not take a key."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(
            f"--ssh: {key} cannot be used as a key",
            detail=words.strip().splitlines()[-5:],
            hint="a key with a passphrase belongs into an agent of yours: ssh-add it, and use --ssh default",
        )
        self.key = key


@contextmanager
def agent_of(keys: Sequence[str]) -> Iterator[str]:
    """Yield the socket of an agent that has the keys in these files, and nobody else's.

    Raises CommandNotFound without OpenSSH, and KeyNotAdded.
    """
    program, adder = process.require("ssh-agent", hint=_INSTALL), process.require("ssh-add", hint=_INSTALL)
    # Not in the store: the name of a socket may not be long.
    directory = tempfile.mkdtemp(prefix="boxwright-ssh-")
    try:
        socket = f"{directory}/agent"
        with _running(program, socket):
            env = {"PATH": _PATH, "SSH_AUTH_SOCK": socket}
            for key in keys:
                # In a session of its own there is no terminal to ask for a passphrase.
                code, words = spawn.capture([adder, key], env=env, new_session=True)
                if code:
                    raise KeyNotAdded(key, words)
            yield socket
    finally:
        remove_tree(directory)


@contextmanager
def _running(program: str, socket: str) -> Iterator[None]:
    ours, theirs = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
    try:
        argv = [program, "-a", socket, "/bin/sh", "-c", "echo $SSH_AGENT_PID; exec cat"]
        pid = spawn.spawn(argv, env={"PATH": _PATH}, stdin=ours[0], stdout=theirs[1], new_session=True)
        os.close(theirs[1])
        with open(theirs[0], "rb", closefd=False) as stream:
            agent = stream.readline()  # it answers from now on
        try:
            yield
        finally:
            os.close(ours[1])
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(agent), signal.SIGTERM)
            spawn.wait(pid)
    finally:
        for fd in (ours[0], theirs[0]):
            os.close(fd)

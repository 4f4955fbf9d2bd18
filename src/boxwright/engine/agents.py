"""Forwarding of an SSH agent into a build step: a socket that answers what the agent answers.

The agent's own socket would not do: it is open to its owner alone, and OpenSSH's agent asks the kernel who calls. Nor
may a step do all that the owner may. It gets the list of keys and signatures, and nothing else: it can neither add
keys, remove them, nor lock the agent (draft-miller-ssh-agent, sections 5 and 6).
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from types import TracebackType
from typing import Self

from boxwright.host.paths import Path

_LONGEST = 256 * 1024  # bytes of one message, as in OpenSSH
_LIST_KEYS = 11
_SIGN = 13
_ALLOWED = frozenset({_LIST_KEYS, _SIGN})
_FAILURE = b"\0\0\0\1\5"


class AgentRelay:
    """Serves a socket at `path` for the block of a ``with``, in threads of its own."""

    def __init__(self, agent: str, path: Path) -> None:
        """`agent` is the path of the agent's socket; `path` doesn't exist yet."""
        self.path = path
        self._agent = agent
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        # A socket's name holds 107 bytes; that of its directory may be longer.
        directory = os.open(self.path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._server.bind(f"/proc/self/fd/{directory}/{self.path.name}")
        finally:
            os.close(directory)
        self._server.listen(16)
        threading.Thread(target=self._accept, name="ssh-agent-relay", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)
        self._server.shutdown(socket.SHUT_RDWR)
        os.unlink(self.path)

    def _accept(self) -> None:
        with self._server:
            while True:
                try:
                    client, _ = self._server.accept()
                except OSError:  # shut down
                    return
                with self._lock:
                    if self._closed:
                        client.close()
                        return
                    self._connections.add(client)
                threading.Thread(target=self._serve, args=(client,), name="ssh-agent-relay", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
                agent.connect(self._agent)
                while (request := _receive(client)) is not None:
                    answer: bytes | None = _FAILURE
                    if request[4] in _ALLOWED:
                        agent.sendall(request)
                        answer = _receive(agent)
                    if answer is None:
                        return
                    client.sendall(answer)
        except OSError:
            return  # one side is gone: the client sees the end of its connection
        finally:
            with self._lock:
                self._connections.discard(client)
                client.close()


def _receive(connection: socket.socket) -> bytes | None:
    """Return one whole message with its length in front; None at the end, and for what is no message."""
    head = _exactly(connection, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">I", head)
    if not 0 < length <= _LONGEST:
        return None
    body = _exactly(connection, length)
    return None if body is None else head + body


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        received = connection.recv(count - len(data))
        if not received:
            return None
        data += received
    return bytes(data)

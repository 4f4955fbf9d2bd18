"""The socket that a build step gets for an SSH agent: what passes through it, and what doesn't."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.engine.agents import AgentRelay
from boxwright.engine.keyagents import KeyNotAdded, agent_of
from boxwright.host.paths import Path as HostPath

ANSWER = b"an answer"


def message(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


class Agent:
    """Answers every message alike, and remembers it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[bytes] = []
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                while head := connection.recv(4, socket.MSG_WAITALL):
                    self.seen.append(connection.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL))
                    connection.sendall(message(ANSWER))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "agent.sock")
    thread = threading.Thread(target=agent.serve)
    thread.start()
    yield agent
    agent.server.shutdown(socket.SHUT_RDWR)
    agent.server.close()
    thread.join()


@pytest.fixture
def relay(agent: Agent, tmp_path: Path) -> Iterator[AgentRelay]:
    # Longer than the name of a socket may be.
    directory = tmp_path / ("x" * 100)
    directory.mkdir()
    with AgentRelay(str(agent.path), HostPath(directory / "socket")) as relay:
        yield relay


def connect(relay: AgentRelay) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(relay.path.parent, os.O_PATH)
    try:
        client.connect(f"/proc/self/fd/{directory}/socket")
    finally:
        os.close(directory)
    return client


@pytest.mark.parametrize(
    ("request_", "passes"),
    [
        (b"\x0b", True),  # the list of keys
        (b"\x0d" + b"k" * 100_000, True),  # a signature
        (b"\x11key", False),  # add a key
        (b"\x12key", False),  # remove one
        (b"\x13", False),  # remove all
        (b"\x16word", False),  # lock
        (b"\x1bextension", False),
    ],
)
def test_an_agent_lists_keys_and_signs_and_does_nothing_else(
    agent: Agent, relay: AgentRelay, request_: bytes, passes: bool
) -> None:
    with connect(relay) as client:
        for _ in range(2):
            client.sendall(message(request_))
            expected = message(ANSWER if passes else b"\x05")
            assert client.recv(len(expected), socket.MSG_WAITALL) == expected
    assert agent.seen == [request_] * 2 * passes


@pytest.mark.parametrize("garbage", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0"])
def test_what_is_no_message_ends_the_connection(agent: Agent, relay: AgentRelay, garbage: bytes) -> None:
    with connect(relay) as client:
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert agent.seen == []


def test_an_agent_that_is_gone_ends_the_connection(tmp_path: Path) -> None:
    with AgentRelay(str(tmp_path / "none"), HostPath(tmp_path / "socket")) as relay, connect(relay) as client:
        client.settimeout(10)
        assert client.recv(1) == b""


def test_the_socket_goes_with_its_relay_and_so_do_connections(agent: Agent, tmp_path: Path) -> None:
    with AgentRelay(str(agent.path), HostPath(tmp_path / "socket")) as relay:
        client = connect(relay)
        client.sendall(message(b"\x0b"))
        client.recv(4 + len(ANSWER), socket.MSG_WAITALL)
    with client:
        assert client.recv(1) == b""
    assert not (tmp_path / "socket").exists()


# -- keys in files


@pytest.fixture
def key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no OpenSSH")
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", path], check=True)
    return path


def test_a_key_in_a_file_is_held_by_an_agent_that_ends_with_the_block(key: Path, tmp_path: Path) -> None:
    with agent_of([str(key)]) as path, AgentRelay(path, HostPath(tmp_path / "socket")) as relay:
        env = {"SSH_AUTH_SOCK": relay.path, "PATH": os.environ["PATH"]}
        listed = subprocess.run(["ssh-add", "-L"], env=env, check=True, capture_output=True, text=True)
        assert listed.stdout == (tmp_path / "key.pub").read_text()
        removed = subprocess.run(["ssh-add", "-D"], env=env, capture_output=True)
        assert removed.returncode
    assert not os.path.exists(path)
    assert not os.path.exists(os.path.dirname(path))


def test_what_is_no_key_is_shown_with_the_words_of_the_agent(tmp_path: Path, key: Path) -> None:
    (tmp_path / "none").write_text("no key")
    (tmp_path / "none").chmod(0o600)
    with pytest.raises(KeyNotAdded) as caught, agent_of([str(key), str(tmp_path / "none")]):
        pass
    assert caught.value.key == str(tmp_path / "none")
    assert caught.value.detail


def test_a_key_with_a_passphrase_is_not_asked_for_one(tmp_path: Path, key: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "passphrase", "-f", key], check=True)
    with pytest.raises(KeyNotAdded), agent_of([str(key)]):
        pass

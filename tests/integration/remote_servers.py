"""Servers for tests of the registry client: Debian's docker-registry, small servers of our own, a line that breaks."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.host import process
from boxwright.remote.retry import RetryPolicy
from support.ports import free_port

QUICK = RetryPolicy(attempts=4, base=0.01)
"""The real policy with short waits."""


@contextmanager
def docker_registry(directory: Path, **http: object) -> Iterator[str]:
    """Run distribution on a free port of loopback until the block ends; yields its ``host:port``.

    `http` are further sections of its configuration, by name.
    """
    program = process.find("docker-registry")
    if program is None:
        pytest.skip("needs docker-registry")
    domain = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "registry")}},
        "http": {"addr": domain},
        **http,
    }
    path = directory / "registry.yml"
    path.write_text(json.dumps(config))  # JSON is YAML
    with open(directory / "registry.log", "wb") as log:
        server = subprocess.Popen([program, "serve", str(path)], stdout=log, stderr=log)
    try:
        _wait_for(domain, server, directory / "registry.log")
        yield domain
    finally:
        server.kill()
        server.wait()


def _wait_for(domain: str, server: subprocess.Popen[bytes], log: Path) -> None:
    host, _, port = domain.partition(":")
    for _ in range(500):
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"docker-registry did not start: {log.read_text()}")


class Asked(NamedTuple):
    method: str
    path: str
    headers: Message[str, str]
    body: bytes
    connection: int
    """Which of the server's connections it came by, from 1."""


class Reply(NamedTuple):
    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    cut: int | None = None
    """Close the connection after this many bytes of the body."""
    stall: bool = False
    """Say nothing until the client has gone."""


class SmallServer:
    """An HTTP server on loopback, on a thread, whose answers a function makes."""

    def __init__(
        self, answer: Callable[[Asked], Reply], *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.asked: list[Asked] = []
        connections = iter(range(1, 1 << 30))
        gone = self._gone = threading.Event()
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.number = next(connections)

            def _serve(self) -> None:
                request = Asked(self.command, self.path, self.headers, _body(self), self.number)
                asked.append(request)
                reply = answer(request)
                if reply.stall:
                    gone.wait(30)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
                if reply.cut is not None:
                    self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_CONNECT = _serve

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients that leave early are part of the tests

        self._server = Server((address, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.domain = f"{address}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> SmallServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._gone.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().strip() or b"0", 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


class BreakingLine:
    """A TCP relay to a server; each connection breaks after the next of `limits` bytes, then none does any more.

    `direction` says which bytes count: "up" to the server, "down" from it.
    """

    def __init__(self, target: str, *limits: int, direction: str = "down") -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self._limits = list(limits)
        self._direction = direction
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self.broken = 0
        self.passed_up = 0
        """Bytes that went to the server."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.domain = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                self._sockets += [client, server]
            pair = (client, server)
            up, down = (client, server, self._direction == "up"), (server, client, self._direction == "down")
            for source, sink, counted in (up, down):
                threading.Thread(target=self._relay, args=(source, sink, counted, pair), daemon=True).start()

    def _relay(
        self, source: socket.socket, sink: socket.socket, counted: bool, pair: tuple[socket.socket, ...]
    ) -> None:
        passed = 0
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
                passed += len(data)
                if sink is pair[1]:
                    with self._lock:
                        self.passed_up += len(data)
                if counted and self._is_over(passed):
                    break
        except OSError:
            pass  # the other direction closed it
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed
            end.close()

    def _is_over(self, passed: int) -> bool:
        with self._lock:
            if not self._limits or passed < self._limits[0]:
                return False
            del self._limits[0]
            self.broken += 1
            return True

    def __enter__(self) -> BreakingLine:
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        with self._lock:
            for end in self._sockets:
                end.close()


def certificate(directory: Path, name: str, *, address: str = "127.0.0.1") -> Path:
    """Make ``<name>.crt``, signed by itself, and ``<name>.key`` in `directory`; return the former's path."""
    if process.find("openssl") is None:
        pytest.skip("needs openssl")
    path = directory / f"{name}.crt"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    argv += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}"]
    argv += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    process.run(argv)
    return path

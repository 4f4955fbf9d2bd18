"""A receiver of webhooks on the loopback that does what a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Message(NamedTuple):
    """What came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[["Receiver", BaseHTTPRequestHandler, Message], None]


def answering(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer at once."""

    def answer(_: Receiver, handler: BaseHTTPRequestHandler, message: Message) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(receiver: Receiver, handler: BaseHTTPRequestHandler, message: Message) -> None:
    """Answer nothing."""
    receiver.closing.wait(60)


def drip(receiver: Receiver, handler: BaseHTTPRequestHandler, message: Message) -> None:
    """Answer a byte now and then, so that no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not receiver.closing.wait(0.02):
        handler.wfile.write(b"x")


def break_off(receiver: Receiver, handler: BaseHTTPRequestHandler, message: Message) -> None:
    """Close the connection instead of an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)


OK = answering(200, b"thanks")


class Receiver:
    """`answers` are used up in order; after them, and without them, everything is taken."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.messages: list[Message] = []
        self.closing = threading.Event()
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                message = Message(self.path, dict(self.headers.items()), body)
                with receiver._came:
                    receiver.messages.append(message)
                    answer = receiver.answers.pop(0) if receiver.answers else OK
                    receiver._came.notify_all()
                try:
                    answer(receiver, self, message)
                except OSError:
                    pass  # the sender had enough

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook?x=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Message]:
        """Return the messages when there are `count`."""
        end = time.monotonic() + seconds
        with self._came:
            while len(self.messages) < count:
                assert self._came.wait(end - time.monotonic()), f"{len(self.messages)} of {count} messages came"
            return list(self.messages)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving(*answers: Answer) -> Iterator[Receiver]:
    """A receiver for the block."""
    receiver = Receiver(*answers)
    try:
        yield receiver
    finally:
        receiver.close()

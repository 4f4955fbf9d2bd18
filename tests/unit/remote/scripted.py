"""A Transport without a network: a function answers, and every request is kept."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

import urllib3

from boxwright.remote.client import RegistryClient
from boxwright.remote.credentials import Credential, GivenCredential
from boxwright.remote.retry import RetryPolicy
from boxwright.remote.transport import Request, Response

IMPATIENT = RetryPolicy(attempts=4, base=0.0)
"""The real policy without its waits."""


class Answer(NamedTuple):
    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    breaks: bool = False
    """Whether the connection breaks at the end of the body."""


class _Breaking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise ConnectionResetError("broken on purpose")
        return data


class Sent(NamedTuple):
    """A request as it arrived; its body read to the end."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    verify: bool

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


class ScriptedTransport:
    def __init__(self, answer: Callable[[Sent], Answer | Exception]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.sent: list[Sent] = []

    def send(self, request: Request) -> Response:
        body = request.body
        content = b"".join(bytes(chunk) for chunk in body()) if callable(body) else body or b""
        sent = Sent(request.method, request.url, request.headers, content, request.verify)
        with self._lock:
            self.sent.append(sent)
        answer = self._answer(sent)
        if isinstance(answer, Exception):
            raise answer
        stream = (_Breaking if answer.breaks else io.BytesIO)(answer.body if request.method != "HEAD" else b"")
        raw = urllib3.HTTPResponse(
            stream, dict(answer.headers), answer.status, preload_content=False, decode_content=False
        )
        return Response(raw, request.method, request.url)

    def close(self) -> None:
        pass

    @property
    def lines(self) -> list[str]:
        """What was asked, as ``METHOD /path?query``, without the pings."""
        short = [f"{sent.method} /{sent.url.partition('://')[2].partition('/')[2]}" for sent in self.sent]
        return [line for line in short if line != "GET /v2/"]


def client(
    answer: Callable[[Sent], Answer | Exception],
    credential: Credential | None = None,
    *,
    domain: str = "registry.test",
    insecure: bool = False,
) -> tuple[RegistryClient, ScriptedTransport]:
    """Return a client of a registry that `answer` plays; a ping is answered with 200 where `answer` gives 404."""
    transport = ScriptedTransport(answer)
    keychain = GivenCredential(domain, credential) if credential else None
    made = RegistryClient(domain, credentials=keychain, insecure=insecure, transport=transport, policy=IMPATIENT)
    return made, transport

"""An OpenID provider on the loopback: discovery, keys, the device authorization grant, tokens as tests want them."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT = "boxwright"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ALGORITHMS = ["RS256", "ES256"]


@cache
def rsa_key(number: int) -> RSAKey:
    """A key, made once for all tests: to make one takes long."""
    return RSAKey.generate_key(2048, {"use": "sig", "kid": f"rsa-{number}"}, private=True)


@cache
def ec_key(number: int) -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "kid": f"ec-{number}"}, private=True)


class OIDCProvider:
    """A provider whose `broken` says how it fails: "" (not at all), "down", "hangs", "nonsense", "large", "status",
    "redirect" or "another" (it says that it is somebody else).
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.key: RSAKey | ECKey = ec_key(1)
        self.published: list[RSAKey | ECKey] = [self.key]
        self.broken = ""
        self.asked: list[str] = []
        """The paths, as they came."""
        self.forms: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """What the token endpoint answers before it gives a token."""
        self.device: dict[str, Any] = {"interval": 0}
        """What the device authorization endpoint answers beside what it must."""
        self.user = "ada"
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realm"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def rotate(self, key: RSAKey | ECKey, *, keep: bool = True) -> None:
        """Sign with another key from now on."""
        self.published = [*self.published, key] if keep else [key]
        self.key = key

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.published]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock())
        claims = {"iss": self.issuer, "sub": f"id-of-{self.user}", "aud": CLIENT, "exp": now + 300, "iat": now}
        claims |= {"preferred_username": self.user, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self, *, key: RSAKey | ECKey | None = None, header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """Return an ID token; `changes` are claims, None leaves one out."""
        key = key or self.key
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changes), key, algorithms=ALGORITHMS)

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": "https://other.example.com" if self.broken == "another" else self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint": f"{self.issuer}/token",
            "device_authorization_endpoint": f"{self.issuer}/device",
        }

    def _answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match path.removeprefix("/realm"):
            case "/.well-known/openid-configuration":
                return 200, self._discovery()
            case "/keys":
                return 200, self.jwks()
            case "/device":
                where = f"{self.issuer}/activate"
                return 200, {
                    "device_code": "secret-device-code",
                    "user_code": "WDJB-MJHT",
                    "verification_uri": where,
                    "verification_uri_complete": f"{where}?user_code=WDJB-MJHT",
                    "expires_in": 600,
                    **self.device,
                }
            case "/token" if self.answers:
                return self.answers.pop(0)
            case "/token" if form.get("grant_type") == DEVICE_GRANT and form.get("device_code") == "secret-device-code":
                return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.token()}
        return 404, {"error": "not_found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider.asked.append(self.path)
                form: dict[str, str] = {}
                if self.command == "POST":
                    raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                    form = {name: values[0] for name, values in parse_qs(raw).items()}
                    provider.forms.append(form)
                if provider.broken == "down":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if provider.broken == "hangs":
                    provider.closing.wait(60)
                    return
                status, document = provider._answer(self.path, form)
                body = json.dumps(document).encode()
                if provider.broken == "nonsense":
                    body = b"<html>"
                if provider.broken == "large":
                    body = b"{" + b" " * (1 << 20)
                status = {"status": 500, "redirect": 302}.get(provider.broken, status)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", f"{provider.issuer}/keys")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True  # the client had enough

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def oidc_provider(**settings: Any) -> Iterator[OIDCProvider]:
    """Run a provider for the block."""
    provider = OIDCProvider(**settings)
    try:
        yield provider
    finally:
        provider.close()


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    """Return a token without a signature."""
    return ".".join([_encoded({"alg": "none", **header}), _encoded(claims), ""])


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

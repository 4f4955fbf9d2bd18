"""A registry on a unix socket behind nginx, which speaks TLS, as the page on production sets them up."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from support.certificates import CertificateAuthority, Signed
from support.nginx import running_nginx
from support.registry_kit import digest_of
from support.registry_process import serving

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-a-registry-in-production.md"


@contextmanager
def nginx(folder: Path, signed: Signed, registry: Path) -> Iterator[int]:
    """Run nginx as the page has it, on a free port, for the block; yields the port."""
    (written,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)

    def configure(port: int) -> str:
        text = written
        for theirs, ours in (
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("/etc/ssl/registry.crt", str(signed.certificate)),
            ("/etc/ssl/registry.key", str(signed.key)),
            ("/run/boxwright/registry.sock", str(registry)),
        ):
            assert theirs in text, theirs
            text = text.replace(theirs, ours)
        return text

    with running_nginx(folder, configure) as port:
        yield port


def test_pushes_pass_and_clients_are_known_by_their_address(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "ca")
    path = tmp_path / "registry.sock"
    settings = {"addr": f"unix:{path}", "trusted-proxies": ["unix"]}
    data = os.urandom(12 << 20)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with serving(tmp_path / "reg", server=settings, log={"access": True, "level": "info"}) as server:
        with (
            nginx(tmp_path / "nginx", authority.sign("hub"), path) as port,
            closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)) as connection,
        ):

            def call(method: str, target: str, body: object = None, **headers: str) -> tuple[int, str, bytes]:
                connection.request(method, target, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.headers.get("Location", ""), answer.read()

            for pieces in ([data], iter([data[:5], data[5:]])):  # announced, and of unknown length
                status, location, _ = call("POST", "/v2/a/blobs/uploads/", **{"X-Forwarded-For": "6.6.6.6"})
                assert (status, location[:4]) == (202, "/v2/")
                body = data if isinstance(pieces, list) else pieces
                assert call("PATCH", location, body)[0] == 202
                assert call("PUT", f"{location}?digest={digest_of(data)}")[0] == 201
            status, _, received = call("GET", f"/v2/a/blobs/{digest_of(data)}")
            assert (status, received) == (200, data)
        server.send_signal(signal.SIGTERM)
        log = server.wait()[1]
    assert "client=127.0.0.1" in log
    assert "6.6.6.6" not in log

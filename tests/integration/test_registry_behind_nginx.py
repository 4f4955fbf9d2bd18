"""A registry on a unix socket behind nginx, which speaks TLS, as the page on production sets them up."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from boxwright.host import process
from support.certificates import CertificateAuthority, Signed
from support.registry_kit import digest_of
from support.registry_process import serving
from support.requirements import missing

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-a-registry-in-production.md"

_AROUND = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


@contextmanager
def nginx(folder: Path, signed: Signed, registry: Path) -> Iterator[int]:
    """Run nginx as the page has it, on a free port, for the block; yields the port."""
    program = process.find("nginx")
    if program is None:
        missing("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (written,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for theirs, ours in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/ssl/registry.crt", str(signed.certificate)),
        ("/etc/ssl/registry.key", str(signed.key)),
        ("/run/boxwright/registry.sock", str(registry)),
    ):
        assert theirs in written, theirs
        written = written.replace(theirs, ours)
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND.format(folder=folder, servers=written))
    running = subprocess.Popen([program, "-e", folder / "error.log", "-c", configuration])
    try:
        deadline = time.monotonic() + 30
        while running.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()


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
                connection.request(method, target, body, headers)  # type: ignore[arg-type]
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

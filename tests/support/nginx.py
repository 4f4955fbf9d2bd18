"""nginx before servers: with a configuration of a test's own, or spreading calls over several."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from boxwright.host import process
from support.requirements import missing

_AROUND = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""
_BALANCER = """
    upstream servers {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://servers;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_buffering off;
        }}
    }}
"""


@contextmanager
def running_nginx(folder: Path, configure: Callable[[int], str]) -> Iterator[int]:
    """Run nginx on a free port for the block; yields the port. `configure` returns what is inside of ``http`` then."""
    program = process.find("nginx")
    if program is None:
        missing("nginx is not installed")
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND.format(folder=folder, http=configure(port)))
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


@contextmanager
def balancing(folder: Path, addresses: Sequence[str]) -> Iterator[str]:
    """Spread calls over servers for the block; yields the address."""
    servers = "".join(f"server {address} max_fails=1 fail_timeout=1s;\n" for address in addresses)
    with running_nginx(folder, lambda port: _BALANCER.format(port=port, servers=servers)) as port:
        yield f"127.0.0.1:{port}"

"""The server as a process: what it says, how it ends, TLS, what it refuses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from boxwright.host import process
from boxwright.hub.registry.server import serve
from boxwright.hub.registry.settings import ServerSettings
from boxwright.hub.registry.sockets import AddressInUse, InvalidAddress, parse_address
from boxwright.hub.settings import HubSettings
from support.registry_kit import SmallImage, digest_of
from support.registry_process import PlainClient, serving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "reg") as server:
        port = server.address.rpartition(":")[2]
        assert server.line == f"serving on http://127.0.0.1:{port} (root {tmp_path / 'reg'})"
        with PlainClient(server.address) as client:
            assert client.call("GET", "/v2/")[0] == 200
            server.send_signal(number)
            assert server.wait() == (0, "")


def test_a_transfer_ends_before_the_server_does(tmp_path: Path) -> None:
    data = os.urandom(32 << 20)
    with serving(tmp_path) as server:
        with PlainClient(server.address) as client:
            target = f"/v2/a/blobs/uploads/?digest={digest_of(data)}"
            assert client.call("POST", target, data)[0] == 201
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"GET /v2/a/blobs/{digest_of(data)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = connection.recv(65536)
            server.send_signal(signal.SIGTERM)
            while chunk := connection.recv(1 << 20):
                received += chunk
        assert received.partition(b"\r\n\r\n")[2] == data
        assert server.wait()[0] == 0


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressInUse) as raised:
            serve(HubSettings(ServerSettings(address=address)), root=tmp_path)
    assert raised.value.address == address
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:5000", ("::1", 5000)),
        (":5000", ("", 5000)),
        ("::1:5000", None),
        ("localhost", None),
        ("localhost:x", None),
        ("localhost:65536", None),
        ("", None),
    ],
)
def test_addresses(text: str, expected: tuple[str, int] | None) -> None:
    if expected is None:
        with pytest.raises(InvalidAddress):
            parse_address(text)
    else:
        assert parse_address(text) == expected


def test_it_serves_on_ipv6(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    with serving(tmp_path, server={"addr": "[::1]:0"}) as server:
        assert server.line.startswith("serving on http://[::1]:")
        with PlainClient(server.address) as client:
            assert client.call("GET", "/v2/")[0] == 200


def test_tls(tmp_path: Path) -> None:
    import http.client
    import ssl

    if process.find("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    process.run(["openssl", "req", *request, *names, "-keyout", str(key), "-out", str(certificate)])
    data = os.urandom(6 << 20)
    with serving(tmp_path / "reg", tls={"cert": str(certificate), "key": str(key)}) as server:
        assert server.line.startswith("serving on https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection(server.address, context=context, timeout=60)
        connection.request("POST", f"/v2/a/blobs/uploads/?digest={digest_of(data)}", data)
        response = connection.getresponse()
        response.read()
        assert response.status == 201
        connection.request("GET", response.headers["Location"], headers={"Range": "bytes=1-"})
        assert connection.getresponse().read() == data[1:]
        connection.close()


def test_importing_the_hub_loads_no_server() -> None:
    program = (
        "import sys, boxwright.hub, boxwright.hub.registry.server\n"
        "print([name for name in ('aiohttp', 'sqlite3', 'bcrypt') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.modules['aiohttp'] = None\n"
        "from boxwright.errors import UnavailableError\n"
        "from boxwright.hub.registry.server import serve\n"
        "from boxwright.hub.settings import HubSettings\n"
        "try:\n"
        "    serve(HubSettings(), root=Path(sys.argv[1]))\n"
        "except UnavailableError as error:\n"
        "    print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'boxwright[hub]'\n"


def test_a_server_of_an_earlier_run_left_everything(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.push("a/b", "v1", SmallImage.of(), acknowledged)
    with serving(tmp_path) as server, PlainClient(server.address) as client:
        client.verify(acknowledged)

"""The client over real sockets: TLS, proxies, connections that break, stall and are kept."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.client import RegistryClient
from boxwright.remote.failure import RegistryRefused
from boxwright.remote.session import PlainHttpRegistry
from boxwright.remote.tls import UnusableCertificate
from boxwright.remote.transport import BodyTooLarge, ConnectionFailed, PooledTransport, Request
from integration.remote_servers import QUICK, Asked, BreakingLine, Reply, SmallServer, certificate
from support.ports import free_port

_DATA = bytes(range(256)) * 16384
_BLOB = Descriptor("", Digest.of(_DATA), len(_DATA))


@contextmanager
def _client(domain: str, **options: object) -> Iterator[RegistryClient]:
    insecure = bool(options.pop("insecure", True))
    transport = PooledTransport(**{"environment": {}, **options})
    with RegistryClient(domain, insecure=insecure, transport=transport, policy=QUICK) as client:
        yield client


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, path.with_suffix(".key"))
    return context


def _blob(asked: Asked) -> Reply:
    if "/blobs/" not in asked.path:
        return Reply()
    start = int(re.findall(r"\d+", asked.headers.get("Range") or "0")[0])
    headers = {"Content-Range": f"bytes {start}-{len(_DATA) - 1}/{len(_DATA)}"} if start else {}
    return Reply(206 if start else 200, headers, _DATA[start:])


# ---- connections


def test_a_connection_is_used_again() -> None:
    with SmallServer(lambda asked: Reply()) as server, _client(server.domain) as client:
        for _ in range(3):
            client.stat_blob("a", _BLOB.digest)
        # The first one was the attempt with TLS, which ended before it was a request.
        assert len({asked.connection for asked in server.asked}) == 1


def test_a_download_goes_on_over_lines_that_break() -> None:
    with (
        SmallServer(_blob) as server,
        BreakingLine(server.domain, 1_000_000, 2_000_000) as line,
        _client(line.domain) as client,
        client.open_blob("a", _BLOB) as stream,
    ):
        assert stream.read_all() == _DATA
    assert line.broken == 2
    ranges = [asked.headers.get("Range") for asked in server.asked if "/blobs/" in asked.path]
    assert len(ranges) == 3
    assert ranges[0] is None
    assert all(ranges[1:])


def test_an_answer_cut_short_is_no_whole_one() -> None:
    with SmallServer(lambda asked: Reply(200, {}, b"x" * 1000, cut=100)) as server:
        transport = PooledTransport(environment={})
        with pytest.raises(ConnectionFailed, match="the answer broke off") as caught:
            transport.send(Request("GET", f"http://{server.domain}/")).body(10_000)
        transport.close()
    assert caught.value.transient


def test_silence_is_not_waited_for_for_ever() -> None:
    with SmallServer(lambda asked: Reply(stall=True)) as server:
        transport = PooledTransport(environment={}, idle_seconds=0.2)
        with pytest.raises(ConnectionFailed, match="it has fallen silent"):
            transport.send(Request("GET", f"http://{server.domain}/"))
        transport.close()


@pytest.mark.parametrize("length", [{}, {"Content-Length": str(1 << 30)}], ids=["chunked", "whole"])
def test_a_server_that_stops_reading_is_not_waited_for_for_ever(length: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = PooledTransport(environment={}, idle_seconds=0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(ConnectionFailed) as caught:
            transport.send(Request("PUT", url, length, lambda: iter([bytes(1 << 20)] * 1024)))
        transport.close()
    assert caught.value.reason == "timeout"
    assert caught.value.message.endswith("it takes nothing any more")


def test_nobody_there() -> None:
    with _client(f"127.0.0.1:{free_port()}") as client, pytest.raises(ConnectionFailed, match="connection refused"):
        client.ping()


def test_a_name_that_nobody_knows() -> None:
    with (
        _client("registry.invalid", insecure=False) as client,
        pytest.raises(ConnectionFailed, match=r"cannot reach registry\.invalid: its name cannot be resolved"),
    ):
        client.ping()


def test_a_body_has_a_limit() -> None:
    with SmallServer(lambda asked: Reply(200, {}, b"x" * 1000)) as server:
        transport = PooledTransport(environment={})
        with pytest.raises(BodyTooLarge, match="is larger than 999 bytes"):
            transport.send(Request("GET", f"http://{server.domain}/")).body(999)
        transport.close()


def test_an_error_while_a_body_is_sent_is_read() -> None:
    """A registry may refuse before it has read everything."""

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply(202, {"Location": "/v2/a/blobs/uploads/1"})
        return Reply(413) if asked.method == "PUT" else Reply()

    class Source:
        digest: Digest | None = _BLOB.digest
        size: int | None = _BLOB.size

        def open(self, offset: int) -> Iterator[bytes]:
            yield _DATA[offset:]

    with (
        SmallServer(answer) as server,
        _client(server.domain) as client,
        pytest.raises(RegistryRefused, match="too large for the registry"),
    ):
        client.upload("a").send(Source())


def test_bytes_come_as_they_are_whatever_the_encoding_says() -> None:
    with SmallServer(lambda asked: Reply(200, {"Content-Encoding": "gzip"}, b"not gzip")) as server:
        transport = PooledTransport(environment={})
        assert transport.send(Request("GET", f"http://{server.domain}/")).body(100) == b"not gzip"
        transport.close()
    assert server.asked[0].headers["Accept-Encoding"] == "identity"
    assert server.asked[0].headers["User-Agent"].startswith("boxwright/")


# ---- TLS


def test_plain_http_away_from_loopback_is_told_with_the_way_out() -> None:
    address = _own_address()
    with SmallServer(lambda asked: Reply(), address=address) as server:
        with _client(server.domain, insecure=False) as client, pytest.raises(PlainHttpRegistry) as caught:
            client.ping()
        assert caught.value.message == f"cannot reach {server.domain}: it answers plain HTTP, TLS was expected"
        assert caught.value.hint is not None
        assert caught.value.hint.startswith(f"allow it: --insecure-registry {server.domain}")
        with _client(server.domain, insecure=True) as client:
            client.ping()
    assert all("Authorization" not in asked.headers for asked in server.asked)


def test_an_unknown_certificate_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with SmallServer(lambda asked: Reply(), tls=_context(certificate(tmp_path, "registry"))) as server:
        with (
            _client(server.domain, insecure=False) as client,
            pytest.raises(ConnectionFailed, match="its certificate is not trusted: self-signed certificate") as caught,
        ):
            client.ping()
        assert caught.value.hint == f"put its authority into /etc/docker/certs.d/{server.domain}/ca.crt"
        with _client(server.domain, insecure=True) as client:
            client.ping()
            assert client.session.endpoint().scheme == "https"


def test_a_certificate_in_dockers_directory_is_trusted(tmp_path: Path) -> None:
    path = certificate(tmp_path, "registry")
    with SmallServer(lambda asked: Reply(), tls=_context(path)) as server:
        trusted = tmp_path / "certs.d" / server.domain
        trusted.mkdir(parents=True)
        shutil.copy(path, trusted / "ca.crt")
        with _client(server.domain, insecure=False, certificate_directories=[tmp_path / "certs.d"]) as client:
            client.ping()


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    path = certificate(tmp_path, "registry", address="127.9.9.9")
    with SmallServer(lambda asked: Reply(), tls=_context(path)) as server:
        trusted = tmp_path / "certs.d" / server.domain
        trusted.mkdir(parents=True)
        shutil.copy(path, trusted / "ca.crt")
        with (
            _client(server.domain, insecure=False, certificate_directories=[tmp_path / "certs.d"]) as client,
            pytest.raises(ConnectionFailed, match="certificate is not trusted"),
        ):
            client.ping()


def test_the_clients_certificate_is_shown(tmp_path: Path) -> None:
    server_path, client_path = certificate(tmp_path, "registry"), certificate(tmp_path, "client")
    context = _context(server_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client_path)
    with SmallServer(lambda asked: Reply(), tls=context) as server:
        directory = tmp_path / "certs.d" / server.domain
        directory.mkdir(parents=True)
        shutil.copy(server_path, directory / "ca.crt")
        with (
            _client(server.domain, insecure=False, certificate_directories=[tmp_path / "certs.d"]) as client,
            pytest.raises(ConnectionFailed),
        ):
            client.ping()
        shutil.copy(client_path, directory / "client.cert")
        shutil.copy(client_path.with_suffix(".key"), directory / "client.key")
        with _client(server.domain, insecure=False, certificate_directories=[tmp_path / "certs.d"]) as client:
            client.ping()


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "h.test:5000"
    directory.mkdir()
    (directory / "ca.crt").write_text("nonsense")
    with (
        _client("h.test:5000", insecure=False, certificate_directories=[tmp_path]) as client,
        pytest.raises(UnusableCertificate, match=r"h\.test:5000/ca\.crt"),
    ):
        client.ping()


# ---- proxies


def test_a_proxy_is_asked_with_its_password() -> None:
    with SmallServer(lambda asked: Reply()) as proxy:
        environment = {"http_proxy": f"http://ada:love%20lace@{proxy.domain}", "https_proxy": f"http://{proxy.domain}"}
        transport = PooledTransport(environment=environment)
        assert transport.send(Request("GET", "http://registry.test/v2/")).body(10) == b""
        transport.close()
    assert proxy.asked[0].path == "http://registry.test/v2/"
    assert proxy.asked[0].headers["Proxy-Authorization"] == "Basic YWRhOmxvdmUgbGFjZQ=="


def test_a_proxy_that_refuses_is_named_as_the_culprit() -> None:
    with SmallServer(lambda asked: Reply(403)) as proxy:
        transport = PooledTransport(environment={"https_proxy": f"http://{proxy.domain}"})
        with pytest.raises(ConnectionFailed, match="the proxy cannot be reached, or refuses"):
            transport.send(Request("GET", "https://registry.test/v2/"))
        transport.close()
    assert proxy.asked[0].method == "CONNECT"


def test_loopback_is_reached_without_the_proxy() -> None:
    with SmallServer(lambda asked: Reply()) as server:
        transport = PooledTransport(environment={"http_proxy": "http://127.0.0.1:1"})
        assert transport.send(Request("GET", f"http://{server.domain}/")).status == 200
        transport.close()


def _own_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("needs a network interface besides loopback")
        address = str(probe.getsockname()[0])
    if address.startswith("127."):
        pytest.skip("needs a network interface besides loopback")
    return address


class _Socks:
    """A SOCKS proxy that brings every connection to one server, and notes who was meant."""

    def __init__(self, target: str, *, password: bytes = b"", refusal: int = 0) -> None:
        self._target = target
        self._password = password
        self._refusal = refusal
        self.wanted: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.domain = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream:
                self._serve(client, stream)

    def _serve(self, client: socket.socket, stream: BinaryIO) -> None:
        _, count = stream.read(2)
        offered = stream.read(count)
        method = 2 if self._password else 0
        client.sendall(bytes([5, method if method in offered else 255]))
        if method not in offered:
            return
        if self._password:
            stream.read(1)
            said = b":".join(stream.read(stream.read(1)[0]) for _ in range(2))
            client.sendall(bytes([1, said != self._password]))
            if said != self._password:
                return
        _, _, _, kind = stream.read(4)
        host = stream.read({1: 4, 4: 16}.get(kind) or stream.read(1)[0])
        self.wanted.append(host + stream.read(2))
        client.sendall(bytes([5, self._refusal, 0, 3, 4]) + b"here" + bytes(2))
        if self._refusal:
            return
        name, _, port = self._target.partition(":")
        with socket.create_connection((name, int(port))) as server:
            pair = ((server, client), (client, server))
            pumps = [threading.Thread(target=_pump, args=ends, daemon=True) for ends in pair]
            for pump in pumps:
                pump.start()
            pumps[0].join()

    def __enter__(self) -> _Socks:
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass  # the other end has gone


@pytest.mark.parametrize("password", [b"", b"ada:love lace"])
@pytest.mark.parametrize(("host", "wanted"), [("registry.test", b"registry.test"), ("192.0.2.7", b"\xc0\x00\x02\x07")])
def test_a_socks_proxy_makes_the_connection(host: str, wanted: bytes, password: bytes) -> None:
    with SmallServer(lambda asked: Reply(body=b"hello")) as server, _Socks(server.domain, password=password) as proxy:
        who = "ada:love%20lace@" if password else ""
        transport = PooledTransport(environment={"all_proxy": f"socks5://{who}{proxy.domain}"})
        assert transport.send(Request("GET", f"http://{host}/v2/")).body(10) == b"hello"
        transport.close()
    assert proxy.wanted == [wanted + b"\x00\x50"]
    assert server.asked[0].headers["Host"] == host


@pytest.mark.parametrize(
    ("options", "who"), [({"refusal": 5}, ""), ({"password": b"a:b"}, ""), ({"password": b"a:b"}, "a:c@")]
)
def test_a_socks_proxy_that_refuses_is_named_as_the_culprit(options: dict[str, Any], who: str) -> None:
    with _Socks("127.0.0.1:1", **options) as proxy:
        transport = PooledTransport(environment={"https_proxy": f"socks5h://{who}{proxy.domain}"})
        with pytest.raises(ConnectionFailed, match="the proxy cannot be reached, or refuses"):
            transport.send(Request("GET", "https://registry.test/v2/"))
        transport.close()


def test_tls_goes_through_a_socks_proxy(tmp_path: Path) -> None:
    tls = _context(certificate(tmp_path, "server"))
    with SmallServer(lambda asked: Reply(body=b"hello"), tls=tls) as server, _Socks(server.domain) as proxy:
        transport = PooledTransport(environment={"https_proxy": f"socks5://{proxy.domain}"})
        assert transport.send(Request("GET", "https://registry.test/v2/", verify=False)).body(10) == b"hello"
        transport.close()
    assert proxy.wanted == [b"registry.test\x01\xbb"]

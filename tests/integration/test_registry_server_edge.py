"""The server's edge: TLS and whom it proves, proxies, the unix socket, limits on connections, how it drains."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from support.certificates import CertificateAuthority, Signed
from support.registry_kit import digest_of
from support.registry_process import PlainClient, ServerProcess, serving


def trusting(authority: CertificateAuthority, client: Signed | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


def status(server: ServerProcess, context: ssl.SSLContext, path: str = "/v2/") -> int:
    with closing(http.client.HTTPSConnection(server.address, context=context, timeout=60)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- TLS


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "ca")


@contextmanager
def secured(root: Path, signed: Signed, **tls: object) -> Iterator[ServerProcess]:
    files = {"cert": str(signed.certificate), "key": str(signed.key)}
    with serving(root, tls={**files, **tls}) as server:
        yield server


def serial(server: ServerProcess, authority: CertificateAuthority) -> str:
    host, _, port = server.address.rpartition(":")
    plain = socket.create_connection((host, int(port)))
    with plain, trusting(authority).wrap_socket(plain, server_hostname=host) as tls:
        return str((tls.getpeercert() or {})["serialNumber"])


def test_a_renewed_certificate_is_taken_up_and_drops_no_connection(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    signed = authority.sign("first")
    with secured(tmp_path / "reg", signed) as server:
        before = serial(server, authority)
        with closing(http.client.HTTPSConnection(server.address, context=trusting(authority), timeout=60)) as kept:
            kept.request("GET", "/v2/")
            kept.getresponse().read()
            renewed = authority.sign("second")
            os.replace(renewed.key, signed.key)
            os.replace(renewed.certificate, signed.certificate)
            server.send_signal(signal.SIGHUP)
            until(lambda: serial(server, authority) != before)
            kept.request("GET", "/v2/")
            assert kept.getresponse().status == 200


def test_files_that_are_half_renewed_change_nothing(tmp_path: Path, authority: CertificateAuthority) -> None:
    from boxwright.hub.edge.tls import Certificates, TLSSettings

    signed, renewed = authority.sign("first"), authority.sign("second")
    certificates = Certificates(TLSSettings(signed.certificate, signed.key))
    before = certificates.context
    assert not certificates.refresh()
    os.replace(renewed.key, signed.key)
    assert not certificates.refresh()
    assert certificates.context is before
    os.replace(renewed.certificate, signed.certificate)
    assert certificates.refresh()
    assert certificates.context is not before
    assert not certificates.refresh()


def test_tls_below_1_2_is_refused(tmp_path: Path, authority: CertificateAuthority) -> None:
    with secured(tmp_path / "reg", authority.sign("server")) as server:
        context = trusting(authority)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            status(server, context)
        assert status(server, trusting(authority)) == 200


def test_plain_http_on_a_port_of_tls_is_told_so(tmp_path: Path, authority: CertificateAuthority) -> None:
    with secured(tmp_path / "reg", authority.sign("server")) as server, PlainClient(server.address) as client:
        code, body = client.call("GET", "/v2/")
        assert code == 400
        assert "HTTPS" in json.loads(body)["errors"][0]["message"]


def test_a_client_that_never_begins_holds_nobody_up(tmp_path: Path, authority: CertificateAuthority) -> None:
    with secured(tmp_path / "reg", authority.sign("server")) as server:
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))):
            assert status(server, trusting(authority)) == 200
            server.send_signal(signal.SIGTERM)
            assert server.wait()[0] == 0


def test_clients_need_a_certificate(tmp_path: Path, authority: CertificateAuthority) -> None:
    stranger = CertificateAuthority(tmp_path / "other").sign("eve")
    with secured(tmp_path / "reg", authority.sign("server"), **{"client-ca": str(authority.certificate)}) as server:
        assert status(server, trusting(authority, authority.sign("ada"))) == 200
        for context in (trusting(authority), trusting(authority, stranger)):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                status(server, context)


def test_a_certificate_or_a_password(tmp_path: Path, authority: CertificateAuthority) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    users = tmp_path / "users"
    users.write_text(f"bob:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    signed = authority.sign("server")
    tls = {"cert": str(signed.certificate), "key": str(signed.key), "client-ca": str(authority.certificate)}
    with serving(tmp_path / "reg", tls={**tls, "client": "optional"}, auth={"htpasswd": str(users)}) as server:
        ada = trusting(authority, authority.sign("ada"))
        assert status(server, ada) == 200
        assert status(server, trusting(authority)) == 401
        connection = http.client.HTTPSConnection(server.address, context=ada, timeout=60)
        connection.request("POST", "/v2/a/blobs/uploads/")
        location = connection.getresponse().headers["Location"]
        connection.close()
        # The upload is ada's: bob does not see it.
        assert status(server, ada, location) == 204
        other = http.client.HTTPSConnection(server.address, context=trusting(authority), timeout=60)
        other.request("GET", location, headers={"Authorization": "Basic Ym9iOnNlY3JldA=="})
        assert other.getresponse().status == 404
        other.close()


@pytest.mark.parametrize("case", ["no file", "another key", "no certificate", "an encrypted key", "no authority"])
def test_tls_that_cannot_be(tmp_path: Path, authority: CertificateAuthority, case: str) -> None:
    from boxwright.hub.edge.tls import Certificates, InvalidTLS, TLSSettings

    signed = authority.sign("server")
    settings = TLSSettings(signed.certificate, signed.key)
    if case == "no file":
        settings = settings._replace(certificate=tmp_path / "none.pem")
    elif case == "another key":
        settings = settings._replace(key=authority.sign("other").key)
    elif case == "no certificate":
        settings = settings._replace(certificate=None)
    elif case == "an encrypted key":
        from boxwright.host import process

        locked = tmp_path / "locked.key"
        process.run(
            ["openssl", "pkey", "-in", str(signed.key), "-out", str(locked), "-aes256", "-passout", "pass:secret"]
        )
        settings = settings._replace(key=locked)
    else:
        settings = settings._replace(client_ca=tmp_path / "none.pem")
    with pytest.raises(InvalidTLS):
        Certificates(settings)


# -- proxies


def test_locations_are_relative_unless_there_is_a_public_url(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as server, PlainClient(server.address) as client:
        client.call(
            "POST", "/v2/a/blobs/uploads/", Host="elsewhere", X_Forwarded_Host="evil", X_Forwarded_Proto="https"
        )
        assert client.location.startswith("/v2/a/blobs/uploads/")
    public = {"public-url": "https://hub.example"}
    with serving(tmp_path / "two", server=public) as server, PlainClient(server.address) as client:
        client.call("POST", "/v2/a/blobs/uploads/")
        assert client.location.startswith("https://hub.example/v2/a/blobs/uploads/")


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "registry.sock"
    address = f"unix:{path}"
    for _ in range(2):  # the second one finds what the first one left when it was killed
        with serving(tmp_path / "reg", server={"addr": address}) as server:
            assert server.line.startswith(f"serving on http://unix:{path} ")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
                assert client.recv(100).split(b"\r\n")[0].endswith(b" 200 OK")
        assert path.exists()
    with serving(tmp_path / "reg", server={"addr": address}) as server:
        server.send_signal(signal.SIGTERM)
        assert server.wait()[0] == 0
    assert not path.exists()


# -- limits


def test_more_connections_than_one_client_may_have(tmp_path: Path) -> None:
    with serving(tmp_path / "reg", limits={"connections-per-client": 3}) as server, ExitStack() as stack:
        clients = [stack.enter_context(PlainClient(server.address)) for _ in range(4)]
        assert [client.call("GET", "/v2/")[0] for client in clients] == [200, 200, 200, 429]
        clients[0].close()

        def free() -> bool:
            with PlainClient(server.address) as client:
                return client.call("GET", "/v2/")[0] == 200

        until(free)


def test_more_connections_than_there_may_be(tmp_path: Path) -> None:
    limits = {"connections": 2}
    with serving(tmp_path / "reg", limits=limits) as server, ExitStack() as stack:
        clients = [stack.enter_context(PlainClient(server.address)) for _ in range(3)]
        assert [client.call("GET", "/v2/")[0] for client in clients] == [200, 200, 503]


def test_a_proxy_stands_for_many_clients(tmp_path: Path) -> None:
    limits = {"connections-per-client": 1}
    proxies = {"trusted-proxies": ["127.0.0.1"]}
    with serving(tmp_path / "reg", limits=limits, server=proxies) as server, ExitStack() as stack:
        clients = [stack.enter_context(PlainClient(server.address)) for _ in range(3)]
        assert [client.call("GET", "/v2/")[0] for client in clients] == [200, 200, 200]


# -- the end


def test_a_push_under_way_is_drained_and_nothing_new_is_taken(tmp_path: Path) -> None:
    data = os.urandom(8 << 20)
    half = len(data) // 2
    with serving(tmp_path / "reg") as server, PlainClient(server.address) as client:
        assert client.call("POST", "/v2/a/blobs/uploads/")[0] == 202
        location = client.location
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as pushing:
            head = f"PUT {location}?digest={digest_of(data)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            pushing.sendall(head.encode() + data[:half])
            until(lambda: client.call("GET", location)[0] == 204 and client.range != "0-0")
            server.send_signal(signal.SIGTERM)

            def refused() -> bool:
                try:
                    with socket.create_connection((host, int(port)), timeout=5):
                        return False
                except ConnectionRefusedError:
                    return True

            until(refused)
            sender = threading.Thread(target=pushing.sendall, args=(data[half:],))
            sender.start()
            assert pushing.recv(100).startswith(b"HTTP/1.1 201")
            sender.join()
        assert server.wait() == (0, "")

"""A server as its operator sees it: with several processes, behind a proxy, without its database."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from support.registry_kit import SmallImage
from support.registry_process import PlainClient, serving

REQUESTS = 'boxwright_registry_requests_total{method="GET",route="ping",status="200"}'


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def numbers(address: str) -> dict[str, float]:
    with PlainClient(address) as client:
        status, text = client.call("GET", "/metrics")
    assert status == 200
    lines = [line for line in text.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_several_processes_count_together(tmp_path: Path) -> None:
    apart = free_address()
    with serving(tmp_path, server={"processes": 3}, metrics={"addr": apart}) as server:
        for _ in range(24):
            with PlainClient(server.address) as client:  # a connection each, so that every process gets some
                assert client.call("GET", "/v2/")[0] == 200
        with PlainClient(server.address) as client:
            assert client.call("GET", "/metrics")[0] == 404
            assert client.call("POST", "/v2/a/blobs/uploads/")[0] == 202
        told = [numbers(apart) for _ in range(6)]
        assert [one[REQUESTS] for one in told] == [24.0] * 6
        assert {one["boxwright_registry_open_uploads"] for one in told} == {1.0}
        assert {one["boxwright_registry_requests_in_flight"] for one in told} == {0.0}
        assert told[0]['boxwright_registry_database_seconds_count{kind="write"}'] > 0


def test_only_a_proxy_that_is_trusted_gives_a_request_its_id(tmp_path: Path) -> None:
    log = {"format": "json", "level": "info"}
    with serving(tmp_path, log=log, server={"trusted-proxies": ["127.0.0.1"]}) as server:
        with PlainClient(server.address) as client:
            client.call("GET", "/v2/", X_Request_Id="from-the-proxy", X_Forwarded_For="192.0.2.7")
            client.call("GET", "/v2/", X_Request_Id="no id at all")
        server.send_signal(signal.SIGTERM)
        _, stderr = server.wait()
    first, second = (json.loads(line) for line in stderr.splitlines() if "boxwright.access" in line)
    assert (first["request"], first["client"]) == ("from-the-proxy", "192.0.2.7")
    assert second["request"] != "no id at all"


def test_it_is_not_ready_while_its_storage_is_away(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with serving(root) as server, PlainClient(server.address) as client:
        client.push("a", "1", SmallImage.of(), [])
        assert client.call("GET", "/readyz")[0] == 200
        blobs = root / "blobs"
        blobs.rename(tmp_path / "away")
        blobs.write_text("in the way")
        status, answer = until_not_ready(client)
        assert status == 503
        assert not json.loads(answer)["checks"]["storage"]["ok"]
        assert json.loads(answer)["checks"]["database"]["ok"]
        assert client.call("GET", "/healthz")[0] == 200


def until_not_ready(client: PlainClient) -> tuple[int, bytes]:
    """Ask until the answer of a second ago is not given any more."""
    for _ in range(50):
        status, answer = client.call("GET", "/readyz")
        if status != 200:
            return status, answer
        time.sleep(0.1)
    pytest.fail("it stays ready")

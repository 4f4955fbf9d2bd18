"""Ports, names and addresses, asked from the host."""

from __future__ import annotations

import json
import socket

import pytest

from support.cli import Boxwright, eventually
from support.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.usefixtures("no_containers")]

_SERVE = ("sh", "-c", "mkdir -p /www && echo hello from $HOSTNAME > /www/index.html && exec httpd -f -p 80 -h /www")


def serve(boxwright: Boxwright, *options: str) -> str:
    return boxwright.ok("run", "-d", "-h", "web", *options, "busybox", *_SERVE)


def get(address: str, port: int) -> str:
    """Return the page, or an empty text when nobody listens yet."""
    try:
        with socket.create_connection((address, port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while data := connection.recv(4096):
                answer += data
    except OSError:
        return ""
    return answer.decode().rpartition("\r\n\r\n")[2].strip()


def host_address() -> str:
    """Return an address of this machine that is no loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no route")
        return str(probe.getsockname()[0])


def port_of(boxwright: Boxwright, id: str, port: str = "80") -> int:
    return int(boxwright.ok("port", id, port).splitlines()[0].rpartition(":")[2])


def test_a_port_that_nobody_chose(boxwright: Boxwright) -> None:
    id = serve(boxwright, "-p", "80")
    port = port_of(boxwright, id)
    assert 32768 <= port <= 60999
    for address in ("127.0.0.1", "::1", host_address()):
        eventually(lambda address=address: get(address, port) == "hello from web", f"no answer at {address}")
    assert boxwright.ok("port", id).splitlines() == [f"80/tcp -> 0.0.0.0:{port}", f"80/tcp -> [::]:{port}"]
    assert boxwright.ok("port", id, "80/tcp").splitlines() == [f"0.0.0.0:{port}", f"[::]:{port}"]
    assert boxwright.ok("ps", "--format", "{{.Ports}}") == f"0.0.0.0:{port}->80/tcp, [::]:{port}->80/tcp"
    shown = boxwright.inspect(id)["NetworkSettings"]
    assert shown["Ports"]["80/tcp"][0] == {"HostIp": "0.0.0.0", "HostPort": str(port)}
    assert boxwright.fails("port", id, "81").startswith("no public port 81/tcp published for ")


def test_a_port_on_one_address(boxwright: Boxwright) -> None:
    port = free_port()
    id = serve(boxwright, "-p", f"127.0.0.1:{port}:80")
    eventually(lambda: get("127.0.0.1", port) == "hello from web")
    assert get("::1", port) == ""
    assert get(host_address(), port) == ""
    assert boxwright.ok("port", id) == f"80/tcp -> 127.0.0.1:{port}"


def test_all_exposed_ports(boxwright: Boxwright) -> None:
    id = serve(boxwright, "-P", "--expose", "80", "--expose", "53/udp")
    assert [line.split(" ")[0] for line in boxwright.ok("port", id).splitlines()] == ["53/udp"] * 2 + ["80/tcp"] * 2
    port = port_of(boxwright, id)
    eventually(lambda: get("127.0.0.1", port) == "hello from web")


def test_a_port_that_is_in_use_is_named_before_anything_runs(boxwright: Boxwright) -> None:
    port = free_port()
    first = serve(boxwright, "-p", f"{port}:80", "--name", "first")
    result = boxwright("run", "--name", "second", "-p", f"{port}:80", "busybox", "touch", "/ran")
    assert result.code == 125
    assert f'port {port} on 0.0.0.0 is already in use, by container "first" ({first[:12]})' in result.err
    assert f"{port + 1}:80" in result.err or "another port" in result.err
    assert boxwright.ok("ps", "-a", "--filter", "name=second", "--format", "{{.State}}") == "created"
    assert boxwright.ok("diff", "second") == ""
    boxwright.ok("rm", "-f", "first")
    boxwright.ok("start", "second")  # now it may have it
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert f"port {taken}" in boxwright.fails("run", "-p", f"{taken}:80", "busybox", code=125)


def test_a_stopped_container_gives_its_port_back(boxwright: Boxwright) -> None:
    port = free_port()
    first = serve(boxwright, "-p", f"{port}:80")
    boxwright.ok("kill", first)
    assert boxwright.ok("port", first) == ""
    second = serve(boxwright, "-p", f"{port}:80")
    eventually(lambda: get("127.0.0.1", port) == "hello from web")
    assert "in use" in boxwright.fails("start", first)
    boxwright.ok("rm", "-f", second)
    boxwright.ok("start", first)
    assert port_of(boxwright, first) == port


def test_containers_reach_each_other_and_know_themselves(boxwright: Boxwright) -> None:
    server = serve(boxwright)
    address = boxwright.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", server)
    fetch = ("wget", "-qO-", f"http://{address}/")
    eventually(lambda: boxwright("run", "--rm", "busybox", *fetch).out == "hello from web\n")
    assert f"{address}\tweb" in boxwright.ok("exec", server, "cat", "/etc/hosts")
    assert f"inet {address}/" in boxwright.ok("exec", server, "ip", "addr")
    gateway = boxwright.ok("inspect", "-f", "{{.NetworkSettings.Gateway}}", server)
    named = boxwright.ok("run", "--rm", "--add-host", "up:host-gateway", "busybox", "grep", "up", "/etc/hosts")
    assert named == f"{gateway}\tup"


@pytest.mark.parametrize("mode", ["bridge", "default"])
def test_the_usual_network(boxwright: Boxwright, mode: str) -> None:
    out = boxwright.ok("run", "--rm", "--network", mode, "busybox", "ls", "/sys/class/net")
    assert out.split() == ["eth0", "lo"]


def test_no_network(boxwright: Boxwright) -> None:
    assert boxwright.ok("run", "--rm", "--network=none", "busybox", "ls", "/sys/class/net") == "lo"


def test_the_hosts_network(boxwright: Boxwright) -> None:
    out = boxwright.ok("run", "--rm", "--net=host", "busybox", "sh", "-c", "hostname; readlink /proc/self/ns/net")
    import os

    assert out.splitlines() == [os.uname().nodename, os.readlink("/proc/self/ns/net")]


def test_networks_are_shown(boxwright: Boxwright) -> None:
    id = serve(boxwright)
    assert boxwright.ok("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}") == (
        "bridge bridge local\nhost host local\nnone null local"
    )
    assert boxwright.ok("network", "ls", "-f", "driver=null", "--format", "{{.Name}} {{.IPv6}}") == "none false"
    assert boxwright.ok("network", "inspect", "-f", "{{.Name}} {{.Driver}}", "host") == "host host"
    network = json.loads(boxwright.ok("network", "inspect", "bridge"))[0]
    address = boxwright.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", id)
    assert network["Containers"][id]["IPv4Address"].partition("/")[0] == address
    assert boxwright.ok("inspect", "-f", "{{.Name}}", "bridge") == "bridge"
    assert boxwright.ok("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge")
    assert boxwright.ok("network", "prune") == "the bridge is in use"
    assert boxwright.fails("network", "inspect", "nowhere") == "no such network: nowhere"

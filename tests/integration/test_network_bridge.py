from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxwright.errors import ConflictError
from boxwright.host import netns
from boxwright.network.bridge import BridgeSettings, BridgeTaken, UnusableAddress, free_subnet
from boxwright.network.listeners import NoFreePort, NotOurAddress, PortInUse
from boxwright.network.network import Attachment, Network, NetworkFailed
from boxwright.network.ports import parse_publishes
from boxwright.network.userland import is_proxy
from support.network_lab import HOST_ADDRESS, OUTSIDE_ADDRESS, UPLINK_MTU, Lab, Place, ask_tcp, ask_udp
from support.ports import free_port

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

SETTINGS = BridgeSettings("boxwright0", "172.30.0.0/16")
GATEWAY = "172.30.0.1"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def network(lab: Lab, tmp_path: Path) -> Iterator[Network]:
    with Network(SETTINGS, run_directory=tmp_path) as made:
        yield made


@pytest.fixture
def first_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


def identify(number: int) -> str:
    return f"{number:012x}" + "f" * 52


class Box:
    """A place that is attached to the network."""

    def __init__(self, place: Place, attachment: Attachment) -> None:
        self.place = place
        self.attachment = attachment
        self.address = attachment.address

    def host_port(self, index: int = 0) -> int:
        return self.attachment.ports[index].host_port


@pytest.fixture
def attach(lab: Lab, network: Network) -> Iterator[Callable[..., Box]]:
    attached: list[Attachment] = []

    def make(*publishes: str, pid: int | None = None) -> Box:
        number = len(attached) + 2
        place = lab.place(f"box{number}")
        specs = parse_publishes(publishes)
        made = network.attach(identify(number), place.netns, f"172.30.0.{number}", specs, pid=pid)
        attached.append(made)
        return Box(place, made)

    yield make
    for made in attached:
        network.detach(made)


def tcp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM)


def udp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    pytest.fail("it did not happen")


# ---- the bridge --------------------------------------------------------------------------------------------------


def test_the_bridge_is_made_once_and_found_complete_afterwards(network: Network) -> None:
    assert network.ensure_bridge()
    assert not network.ensure_bridge()


def test_the_bridge_takes_the_mtu_of_the_uplink(lab: Lab, network: Network, attach: Callable[..., Box]) -> None:
    box = attach()
    assert f"mtu {UPLINK_MTU}" in lab.run("ip", "link", "show", SETTINGS.name)
    assert f"mtu {UPLINK_MTU}" in box.place.run("ip", "link", "show", "eth0")


def test_a_namespace_gets_an_address_a_route_and_loopback(attach: Callable[..., Box]) -> None:
    box = attach()
    assert "172.30.0.2/16" in box.place.run("ip", "-4", "addr", "show", "eth0")
    assert f"default via {GATEWAY} dev eth0" in box.place.run("ip", "route")
    assert "127.0.0.1/8" in box.place.run("ip", "-4", "addr", "show", "lo")
    assert box.attachment.mac in box.place.run("ip", "link", "show", "eth0")
    assert box.attachment.mac == "02:42:ac:1e:00:02"


@pytest.mark.parametrize("address", ["172.30.0.0", "172.30.255.255", "172.31.0.2", "::1", "nonsense"])
def test_an_address_that_no_container_can_have_is_refused(lab: Lab, network: Network, address: str) -> None:
    place = lab.place("box")
    network.ensure_bridge()
    before = lab.links()
    with pytest.raises(UnusableAddress):
        network.attach(identify(5), place.netns, address, parse_publishes(["80"]))
    assert lab.links() == before


def test_every_user_inside_may_listen_on_any_port_and_ping(attach: Callable[..., Box]) -> None:
    box = attach()
    assert box.place.run("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start").split() == ["0"]
    assert box.place.run("cat", "/proc/sys/net/ipv4/ping_group_range").split() == ["0", "2147483647"]


def test_no_link_asks_around_for_ipv6(lab: Lab, attach: Callable[..., Box]) -> None:
    box = attach()
    assert "inet6" not in box.place.run("ip", "addr", "show", "eth0")
    assert "inet6" not in lab.run("ip", "addr", "show", SETTINGS.name)
    assert "inet6" not in lab.run("ip", "addr", "show", box.attachment.interface)


def test_the_cable_is_in_hairpin_mode(lab: Lab, attach: Callable[..., Box]) -> None:
    box = attach()
    assert "hairpin on" in lab.run("ip", "-d", "link", "show", box.attachment.interface)


def test_a_namespace_can_be_named_by_its_path(lab: Lab, network: Network) -> None:
    place = lab.place("box")
    network.attach(identify(9), netns.namespace_path(place.netns), "172.30.0.9")
    assert "172.30.0.9/16" in place.run("ip", "-4", "addr", "show", "eth0")


def test_a_subnet_is_chosen_beside_the_routes_that_are_there(lab: Lab) -> None:
    assert free_subnet() == "172.30.0.0/16"
    lab.run("ip", "route", "add", "172.30.7.0/24", "via", OUTSIDE_ADDRESS)
    lab.run("ip", "route", "add", "172.31.0.0/16", "via", OUTSIDE_ADDRESS)
    assert free_subnet() == "172.18.0.0/16"


def test_an_unused_bridge_of_another_subnet_is_replaced(lab: Lab, network: Network, tmp_path: Path) -> None:
    network.ensure_bridge()
    other = Network(BridgeSettings("boxwright0", "172.31.0.0/16"), run_directory=tmp_path)
    assert other.ensure_bridge()
    assert "172.31.0.1/16" in lab.run("ip", "addr", "show", SETTINGS.name)
    assert "172.30" not in lab.run("ip", "addr", "show", SETTINGS.name)
    assert "172.30" not in lab.rules()


def test_a_bridge_in_use_keeps_its_subnet(attach: Callable[..., Box], tmp_path: Path) -> None:
    attach()
    with pytest.raises(BridgeTaken, match=r"172\.30\.0\.1/16"):
        Network(BridgeSettings("boxwright0", "172.31.0.0/16"), run_directory=tmp_path).ensure_bridge()


def test_a_bridge_that_lost_its_address_or_is_down_is_mended(lab: Lab, network: Network) -> None:
    network.ensure_bridge()
    lab.run("ip", "link", "set", SETTINGS.name, "down")
    lab.run("ip", "addr", "flush", "dev", SETTINGS.name)
    assert network.ensure_bridge()
    assert "172.30.0.1/16" in lab.run("ip", "addr", "show", "up", SETTINGS.name)


def test_nothing_is_left_when_the_bridge_is_removed(lab: Lab, network: Network) -> None:
    before = lab.links()
    network.ensure_bridge()
    network.remove_bridge()
    network.remove_bridge()
    assert lab.links() == before
    assert lab.rules().strip() == ""


def test_the_last_life_of_a_container_is_no_obstacle(lab: Lab, network: Network) -> None:
    first, second = lab.place("first"), lab.place("second")
    network.attach(identify(5), first.netns, "172.30.0.5")
    network.attach(identify(5), second.netns, "172.30.0.5")
    second.serve_tcp(80)
    assert ask_tcp(tcp(), "172.30.0.5", 80).startswith("second")


def test_a_namespace_that_has_an_eth0_already_is_left_as_it_was(lab: Lab, network: Network) -> None:
    place = lab.place("box")
    network.attach(identify(5), place.netns, "172.30.0.5")
    before = lab.links()
    with pytest.raises(NetworkFailed, match="File exists"):
        network.attach(identify(6), place.netns, "172.30.0.6", parse_publishes(["0:80"]))
    assert lab.links() == before


# ---- connections -------------------------------------------------------------------------------------------------


def test_containers_reach_each_other(attach: Callable[..., Box]) -> None:
    one, two = attach(), attach()
    one.place.serve_tcp(80)
    assert ask_tcp(two.place.open_socket(), one.address, 80) == f"box2 {two.address} hello"


def test_containers_reach_the_outside_under_the_address_of_the_host(lab: Lab, attach: Callable[..., Box]) -> None:
    lab.outside.serve_tcp(80)
    lab.outside.serve_udp(53)
    box = attach()
    assert ask_tcp(box.place.open_socket(), OUTSIDE_ADDRESS, 80) == f"outside {HOST_ADDRESS} hello"
    assert (
        ask_udp(box.place.open_socket(kind=socket.SOCK_DGRAM), OUTSIDE_ADDRESS, 53)[0]
        == f"outside {HOST_ADDRESS} hello"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", HOST_ADDRESS, GATEWAY])
def test_a_published_port_is_reached_from_the_host(attach: Callable[..., Box], address: str) -> None:
    box = attach("80", "80/udp")
    box.place.serve_tcp(80)
    box.place.serve_udp(80)
    assert ask_tcp(tcp(), address, box.host_port(0)).startswith("box2 ")
    assert ask_udp(udp(), address, box.host_port(2))[0].startswith("box2 ")


def test_a_published_port_is_reached_by_ipv6(attach: Callable[..., Box]) -> None:
    box = attach("80", "80/udp")
    box.place.serve_tcp(80)
    box.place.serve_udp(80)
    assert ask_tcp(tcp(socket.AF_INET6), "::1", box.host_port(0)) == f"box2 {GATEWAY} hello"
    assert ask_udp(udp(socket.AF_INET6), "::1", box.host_port(2)) == (f"box2 {GATEWAY} hello", "::1")


def test_a_published_port_is_reached_from_outside_and_sees_its_client(lab: Lab, attach: Callable[..., Box]) -> None:
    box = attach("80", "80/udp")
    box.place.serve_tcp(80)
    box.place.serve_udp(80)
    assert ask_tcp(lab.outside.open_socket(), HOST_ADDRESS, box.host_port(0)) == f"box2 {OUTSIDE_ADDRESS} hello"
    answer = ask_udp(lab.outside.open_socket(kind=socket.SOCK_DGRAM), HOST_ADDRESS, box.host_port(2))
    assert answer == (f"box2 {OUTSIDE_ADDRESS} hello", HOST_ADDRESS)


@pytest.mark.parametrize("address", [HOST_ADDRESS, GATEWAY])
def test_a_container_reaches_its_own_published_port(attach: Callable[..., Box], address: str) -> None:
    box = attach("80", "80/udp")
    box.place.serve_tcp(80)
    box.place.serve_udp(80)
    assert ask_tcp(box.place.open_socket(), address, box.host_port(0)).startswith("box2 ")
    assert ask_udp(box.place.open_socket(kind=socket.SOCK_DGRAM), address, box.host_port(2))[0].startswith("box2 ")


def test_a_container_reaches_the_published_port_of_another(attach: Callable[..., Box]) -> None:
    one, two = attach("80"), attach()
    one.place.serve_tcp(80)
    assert ask_tcp(two.place.open_socket(), HOST_ADDRESS, one.host_port()).startswith("box2 ")


def test_a_sender_who_never_pauses_reaches_a_port_that_is_published_meanwhile(
    lab: Lab, network: Network, attach: Callable[..., Box]
) -> None:
    attach()
    with lab.outside.open_socket(kind=socket.SOCK_DGRAM) as client:
        client.sendto(b"nobody is there", (HOST_ADDRESS, 5353))
        box = attach("5353:53/udp")
        box.place.serve_udp(53)
        client.sendto(b"hello", (HOST_ADDRESS, 5353))
        assert client.recv(100).decode() == f"box3 {OUTSIDE_ADDRESS} hello"
        network.detach(box.attachment)
        other = attach("5353:53/udp")
        other.place.serve_udp(53)
        client.sendto(b"hello", (HOST_ADDRESS, 5353))
        assert client.recv(100).decode() == f"box4 {OUTSIDE_ADDRESS} hello"


def test_a_port_of_one_address_is_published_there_only(lab: Lab, attach: Callable[..., Box]) -> None:
    box = attach("127.0.0.1::80")
    box.place.serve_tcp(80)
    assert ask_tcp(tcp(), "127.0.0.1", box.host_port()).startswith("box2 ")
    for client in (tcp(), lab.outside.open_socket()):
        with pytest.raises(ConnectionRefusedError):
            ask_tcp(client, HOST_ADDRESS, box.host_port())


def test_an_ipv6_address_alone_can_have_a_port(attach: Callable[..., Box]) -> None:
    box = attach("[::1]::80")
    box.place.serve_tcp(80)
    assert [binding.host_address for binding in box.attachment.ports] == ["::1"]
    assert ask_tcp(tcp(socket.AF_INET6), "::1", box.host_port()).startswith("box2 ")
    with pytest.raises(ConnectionRefusedError):
        ask_tcp(tcp(), "127.0.0.1", box.host_port())


def test_two_addresses_can_lead_one_port_to_two_containers(attach: Callable[..., Box]) -> None:
    one = attach("127.0.0.1::80")
    two = attach(f"{HOST_ADDRESS}:{one.host_port()}:80")
    one.place.serve_tcp(80)
    two.place.serve_tcp(80)
    assert ask_tcp(tcp(), "127.0.0.1", one.host_port()).startswith("box2 ")
    assert ask_tcp(tcp(), HOST_ADDRESS, one.host_port()).startswith("box3 ")


def test_the_outside_reaches_nothing_that_is_not_published(lab: Lab, attach: Callable[..., Box]) -> None:
    box = attach("80")
    box.place.serve_tcp(80)
    box.place.serve_tcp(81)
    lab.outside.run("ip", "route", "add", SETTINGS.subnet, "via", HOST_ADDRESS)
    for port in (80, 81):
        client = lab.outside.open_socket()
        client.settimeout(0.3)
        with client, pytest.raises(TimeoutError):
            client.connect((box.address, port))


def test_a_container_does_not_reach_what_listens_on_the_hosts_loopback(attach: Callable[..., Box]) -> None:
    box = attach()
    with tcp() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        box.place.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        box.place.run("ip", "route", "add", "127.0.0.1/32", "via", GATEWAY)
        box.place.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet")
        client = box.place.open_socket()
        client.settimeout(0.3)
        client.bind((box.address, 0))
        with client, pytest.raises(OSError):
            client.connect(("127.0.0.1", listener.getsockname()[1]))


def test_megabytes_go_through_the_proxy_both_ways(attach: Callable[..., Box]) -> None:
    box = attach("80")
    box.place.serve_tcp(80)
    data = os.urandom(4 << 20).hex().encode()
    answer = ask_tcp(tcp(socket.AF_INET6), "::1", box.host_port(), data)
    assert answer.encode() == f"box2 {GATEWAY} ".encode() + data


def test_the_proxy_rests_while_a_client_does_not_read(attach: Callable[..., Box]) -> None:
    box = attach("80")
    pid = box.attachment.proxy_pid
    assert pid is not None
    with box.place.open_socket() as listener, tcp(socket.AF_INET6) as client:
        listener.bind((box.address, 80))
        listener.listen()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("::1", box.host_port()))
        client.shutdown(socket.SHUT_WR)
        server, _ = listener.accept()
        with server:
            assert server.recv(1) == b""
            sent = 0
            server.setblocking(False)
            for _ in range(50):
                try:
                    sent += server.send(bytes(1 << 16))
                except BlockingIOError:
                    time.sleep(0.01)
        before = processor_ticks(pid)
        time.sleep(0.3)
        assert processor_ticks(pid) - before < 10
        received = 0
        while chunk := client.recv(1 << 16):
            received += len(chunk)
        assert received == sent


def processor_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_the_proxy_resets_a_connection_that_nobody_takes(attach: Callable[..., Box]) -> None:
    box = attach("80")
    with pytest.raises(ConnectionError):
        ask_tcp(tcp(socket.AF_INET6), "::1", box.host_port())


# ---- ports -------------------------------------------------------------------------------------------------------


def test_an_exact_port_is_bound_at_every_address(attach: Callable[..., Box]) -> None:
    with tcp() as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    box = attach(f"{port}:80")
    assert [tuple(binding) for binding in box.attachment.ports] == [
        ("0.0.0.0", port, 80, "tcp"),
        ("::", port, 80, "tcp"),
    ]


def test_a_free_port_is_the_same_for_both_families(attach: Callable[..., Box]) -> None:
    box = attach("80")
    first, second = box.attachment.ports
    assert first.host_port == second.host_port
    assert 32768 <= first.host_port <= 60999


def test_a_port_in_use_fails_before_anything_is_done(lab: Lab, attach: Callable[..., Box]) -> None:
    with tcp() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        before = lab.links()
        with pytest.raises(PortInUse) as caught:
            attach(f"{port}:80")
    assert (caught.value.address, caught.value.port) == ("0.0.0.0", port)
    with open("/proc/self/comm", encoding="utf-8") as stream:
        us = f"{stream.read().strip()} (process {os.getpid()})"
    assert caught.value.holder == us
    assert str(caught.value) == f"port {port} on 0.0.0.0 is already in use, by {us}"
    assert caught.value.hint == f"stop it, or publish another port: -p {port + 1}:80"
    assert isinstance(caught.value, ConflictError)
    assert lab.links() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0.0.0.0::80", "{}:80"),
        ("127.0.0.1::80", "{}:80"),
        ("80", "127.0.0.1:{}:80"),
        ("80", "{}:80"),
        ("80/udp", "{}:80/udp"),
    ],
)
def test_a_port_in_use_by_a_container_names_it(
    lab: Lab, attach: Callable[..., Box], tmp_path: Path, first: str, second: str
) -> None:
    box = attach(first)
    other = Network(SETTINGS, run_directory=tmp_path, describe_container=lambda container: f'"web" ({container[:4]})')
    with pytest.raises(PortInUse, match=r'by "web" \(0000\)$'):
        other.attach(identify(9), lab.place("x").netns, "172.30.0.9", parse_publishes([second.format(box.host_port())]))


def test_the_first_free_port_of_a_range_is_taken(attach: Callable[..., Box]) -> None:
    with tcp() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        assert attach(f"{port}-{port + 5}:80").host_port() in range(port + 1, port + 6)


def test_a_range_without_a_free_port_is_refused(attach: Callable[..., Box]) -> None:
    with pytest.raises(NoFreePort, match="no port of 1000 to 1001 is free for port 82/tcp"):
        attach("1000:80", "1001:81", "1000-1001:82")


def test_two_publishings_of_one_container_that_collide_are_told_so(attach: Callable[..., Box]) -> None:
    with pytest.raises(PortInUse, match="by another published port of this container"):
        attach("1000:80", "127.0.0.1:1000:81")


def test_a_foreign_address_is_refused(attach: Callable[..., Box]) -> None:
    with pytest.raises(NotOurAddress, match=r"203\.0\.113\.9"):
        attach("203.0.113.9:8080:80")


def test_a_hundred_ports_are_published_at_once(attach: Callable[..., Box]) -> None:
    box = attach("20000-20399:1000-1399")
    box.place.serve_tcp(1000)
    box.place.serve_tcp(1399)
    assert ask_tcp(tcp(), "127.0.0.1", 20000).startswith("box2 ")
    assert ask_tcp(tcp(), HOST_ADDRESS, 20399).startswith("box2 ")
    assert ask_tcp(tcp(socket.AF_INET6), "::1", 20399).startswith("box2 ")


# ---- life and death ----------------------------------------------------------------------------------------------


def test_detaching_frees_the_port_at_once_and_twice_is_no_error(
    lab: Lab, network: Network, attach: Callable[..., Box]
) -> None:
    port = free_port()
    box = attach(f"{port}:80")
    network.detach(box.attachment)
    network.detach(box.attachment)
    again = attach(f"{port}:80")
    again.place.serve_tcp(80)
    assert ask_tcp(tcp(), "127.0.0.1", again.host_port()).startswith("box3 ")


def test_detaching_late_leaves_the_next_holder_of_the_port_alone(network: Network, attach: Callable[..., Box]) -> None:
    port = free_port()
    old = attach(f"{port}:80")
    network.detach(old.attachment)
    new = attach(f"{port}:80")
    network.detach(old.attachment)
    new.place.serve_tcp(80)
    assert ask_tcp(tcp(), "127.0.0.1", new.host_port()).startswith("box3 ")
    assert ask_tcp(tcp(socket.AF_INET6), "::1", new.host_port()).startswith("box3 ")


def test_ports_end_with_the_first_process(
    lab: Lab, network: Network, attach: Callable[..., Box], first_process: subprocess.Popen[bytes]
) -> None:
    box = attach("80", "127.0.0.1:1234:81", pid=first_process.pid)
    pid = box.attachment.proxy_pid
    assert pid is not None
    network.close()
    box.place.serve_tcp(80)
    assert ask_tcp(tcp(socket.AF_INET6), "::1", box.host_port()).startswith("box2 ")
    assert "172.30.0.2" in lab.rules()
    with watching(pid) as wait:
        first_process.kill()
        wait()
    assert "172.30.0.2 " not in lab.rules()


def test_ports_end_with_the_command_that_named_no_process(
    lab: Lab, network: Network, attach: Callable[..., Box]
) -> None:
    box = attach("80")
    assert box.attachment.proxy_pid is not None
    with watching(box.attachment.proxy_pid) as wait:
        network.close()
        wait()
    assert "172.30.0.2 " not in lab.rules()


def test_following_a_process_that_has_ended_ends_the_ports(
    network: Network, attach: Callable[..., Box], first_process: subprocess.Popen[bytes]
) -> None:
    box = attach("80")
    assert box.attachment.proxy_pid is not None
    first_process.kill()
    first_process.wait()
    with watching(box.attachment.proxy_pid) as wait:
        network.follow(box.attachment.container, first_process.pid)
        wait()


@contextmanager
def watching(pid: int) -> Iterator[Callable[[], None]]:
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)

    def wait() -> None:
        assert poll.poll(20_000), "it did not end"

    try:
        yield wait
    finally:
        os.close(process)


_KILLED = """
import os, signal, sys
from pathlib import Path
from boxwright.host import netns
from boxwright.network.bridge import BridgeSettings
from boxwright.network.network import Network
from boxwright.network.ports import parse_publishes
network = Network(BridgeSettings("boxwright0", "172.30.0.0/16"), run_directory=Path(sys.argv[1]))
made = network.attach("c" * 64, netns.create_netns(), "172.30.0.77", parse_publishes(["8080:80"]))
print(made.proxy_pid, made.interface, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_command_leaves_nothing_behind(lab: Lab, network: Network, tmp_path: Path) -> None:
    network.ensure_bridge()
    before, rules = lab.links(), lab.rules()
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout.split()[0])
    wait_until(lambda: not is_proxy(pid, "c" * 64))
    wait_until(lambda: lab.links() == before)
    assert lab.rules() == rules


def test_reconciling_deletes_what_a_killed_proxy_left(lab: Lab, network: Network, attach: Callable[..., Box]) -> None:
    gone, live = attach("80", "127.0.0.1::80"), attach("80")
    assert gone.attachment.proxy_pid is not None
    os.kill(gone.attachment.proxy_pid, signal.SIGKILL)
    os.waitpid(gone.attachment.proxy_pid, 0)
    assert "172.30.0.2 " in lab.rules()
    network.reconcile(lambda: {live.attachment.container})
    assert "172.30.0.2 " not in lab.rules()
    assert "172.30.0.3 " in lab.rules()


def test_a_stale_rule_is_replaced_by_whoever_holds_the_port(network: Network, attach: Callable[..., Box]) -> None:
    gone = attach("80")
    assert gone.attachment.proxy_pid is not None
    os.kill(gone.attachment.proxy_pid, signal.SIGKILL)
    os.waitpid(gone.attachment.proxy_pid, 0)
    box = attach(f"{gone.host_port()}:80", "81")
    box.place.serve_tcp(80)
    assert ask_tcp(tcp(), HOST_ADDRESS, box.host_port()).startswith("box3 ")


def test_a_flushed_machine_gets_its_rules_back(lab: Lab, network: Network, attach: Callable[..., Box]) -> None:
    box = attach("80", "80/udp")
    box.place.serve_tcp(80)
    box.place.serve_udp(80)
    lab.run("nft", "flush", "ruleset")
    # Until then the proxy passes on what the kernel does not.
    assert ask_tcp(tcp(), HOST_ADDRESS, box.host_port()) == f"box2 {GATEWAY} hello"
    assert ask_udp(udp(), "127.9.9.9", box.host_port(2)) == (f"box2 {GATEWAY} hello", "127.9.9.9")
    network.restore([box.attachment])
    assert ask_tcp(lab.outside.open_socket(), HOST_ADDRESS, box.host_port()) == f"box2 {OUTSIDE_ADDRESS} hello"


def test_an_older_table_is_replaced_and_its_ports_are_kept(
    lab: Lab, network: Network, attach: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxwright.network.ruleset._VERSION", 0)
    box = attach("80")
    box.place.serve_tcp(80)
    monkeypatch.undo()
    assert network.ensure_bridge()
    assert "version_0" not in lab.rules()
    assert ask_tcp(lab.outside.open_socket(), HOST_ADDRESS, box.host_port()) == f"box2 {OUTSIDE_ADDRESS} hello"


def test_twenty_at_once_make_one_bridge(lab: Lab, tmp_path: Path) -> None:
    places = [lab.place(f"box{number}") for number in range(20)]
    host = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    made: list[tuple[Network, Attachment]] = []
    errors: list[Exception] = []

    def work(number: int) -> None:
        network = Network(SETTINGS, run_directory=tmp_path)
        try:
            attachment = network.attach(
                identify(number), places[number].netns, f"172.30.1.{number}", parse_publishes(["80"])
            )
        except Exception as error:
            errors.append(error)
        else:
            made.append((network, attachment))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(host)
    assert not errors
    assert lab.run("nft", "list", "tables").splitlines() == [f"table inet {SETTINGS.name}"]
    for network, attachment in made:
        place = places[int(attachment.container[:12], 16)]
        place.serve_tcp(80)
        assert ask_tcp(tcp(), "127.0.0.1", attachment.ports[0].host_port).startswith(place.name + " ")
        network.detach(attachment)


# ---- other people's rules ----------------------------------------------------------------------------------------


def close_forwarding(lab: Lab, iptables: str) -> None:
    if not os.path.exists(f"/usr/sbin/{iptables}"):
        pytest.skip(f"{iptables} is not installed")
    try:
        lab.run(iptables, "-P", "FORWARD", "DROP")
    except subprocess.CalledProcessError:
        pytest.skip(f"{iptables} does not work on this kernel")


@pytest.mark.parametrize("iptables", ["iptables-nft", "iptables-legacy"])
def test_a_machine_that_forwards_nothing_forwards_for_the_bridge(
    lab: Lab, network: Network, attach: Callable[..., Box], iptables: str
) -> None:
    close_forwarding(lab, iptables)
    lab.outside.serve_tcp(80)
    box = attach("80")
    box.place.serve_tcp(80)
    other = attach()
    assert ask_tcp(box.place.open_socket(), OUTSIDE_ADDRESS, 80) == f"outside {HOST_ADDRESS} hello"
    assert ask_tcp(box.place.open_socket(), HOST_ADDRESS, box.host_port()).startswith("box2 ")
    assert ask_tcp(other.place.open_socket(), box.address, 80).startswith("box2 ")
    assert ask_tcp(lab.outside.open_socket(), HOST_ADDRESS, box.host_port()).startswith("box2 ")
    assert not network.ensure_bridge()
    listed = lab.run(iptables, "-S", "FORWARD").splitlines()
    assert listed[0] == "-P FORWARD DROP"
    assert [rule.split()[2:4] for rule in sorted(listed[1:])] == [["-i", SETTINGS.name], ["-o", SETTINGS.name]]
    network.detach(box.attachment)
    network.remove_bridge()
    assert lab.run(iptables, "-S", "FORWARD").splitlines() == ["-P FORWARD DROP"]


def test_a_policy_that_changes_later_is_noticed(lab: Lab, network: Network, attach: Callable[..., Box]) -> None:
    lab.outside.serve_tcp(80)
    attach()
    close_forwarding(lab, "iptables-nft")
    box = attach()
    assert ask_tcp(box.place.open_socket(), OUTSIDE_ADDRESS, 80) == f"outside {HOST_ADDRESS} hello"

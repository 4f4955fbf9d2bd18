"""A machine made of network namespaces: a host with an uplink, the world outside, and boxes that play containers.

The calling thread is moved into the "host", so that whatever the code under test does, the real machine's network is
never touched, and everything is gone when the descriptors are closed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import Self

from boxwright.host import netns, rtnetlink, syscalls
from boxwright.host.netlink import Netlink

HOST_ADDRESS = "192.0.2.2"
OUTSIDE_ADDRESS = "192.0.2.1"
UPLINK_MTU = 1400
_OWN = "/proc/thread-self/ns/net"


class Place:
    """A network namespace, with servers in it that say who they are and whom they hear."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.netns = netns.create_netns()
        self._servers: list[tuple[socket.socket, threading.Thread]] = []

    def open_socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        made = netns.inside(self.netns, lambda: socket.socket(family, kind))
        made.settimeout(10)
        return made

    def run(self, *argv: str) -> str:
        return netns.inside(
            self.netns, lambda: subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
        )

    def serve_tcp(self, port: int, address: str = "0.0.0.0") -> None:
        listener = self.open_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        self._start(listener, self._answer_connections)

    def serve_udp(self, port: int) -> None:
        bound = self.open_socket(kind=socket.SOCK_DGRAM)
        bound.bind(("0.0.0.0", port))
        self._start(bound, self._answer_datagrams)

    def close(self) -> None:
        for server, thread in self._servers:
            try:
                server.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # UDP: unconnected, but the reader is woken all the same
            thread.join()
            server.close()
        os.close(self.netns)

    def _start(self, server: socket.socket, answer: Callable[[socket.socket], None]) -> None:
        server.settimeout(None)
        thread = threading.Thread(target=answer, args=(server,), daemon=True)
        thread.start()
        self._servers.append((server, thread))

    def _answer_connections(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, (peer, _) = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                data = b""
                while chunk := connection.recv(65536):
                    data += chunk
                connection.sendall(f"{self.name} {peer} ".encode() + data)

    def _answer_datagrams(self, bound: socket.socket) -> None:
        while True:
            try:
                data, peer = bound.recvfrom(65536)
            except OSError:
                return
            if peer is None or not data:
                return
            bound.sendto(f"{self.name} {peer[0]} ".encode() + data, peer)


class Lab:
    """The host, in which the calling thread is until `close`, and what is around it."""

    def __init__(self) -> None:
        self._before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        self.outside = Place("outside")
        self._places = [self.outside]
        self.netns = netns.create_netns()
        syscalls.setns(self.netns, syscalls.CLONE_NEWNET)
        with Netlink() as netlink:
            netlink.execute(
                rtnetlink.set_up(index=rtnetlink.LOOPBACK),
                rtnetlink.create_veth("uplink0", UPLINK_MTU, "world0", b"\2\0\0\0\0\1", self.outside.netns),
            )
            self._configure(netlink, "uplink0", HOST_ADDRESS)
            netlink.execute(rtnetlink.add_default_route(self._index(netlink, "uplink0"), OUTSIDE_ADDRESS))
        netns.inside(self.outside.netns, self._configure_outside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        syscalls.setns(self._before, syscalls.CLONE_NEWNET)
        os.close(self._before)
        for place in self._places:
            place.close()
        os.close(self.netns)

    def place(self, name: str) -> Place:
        made = Place(name)
        self._places.append(made)
        return made

    def run(self, *argv: str) -> str:
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout

    def links(self) -> list[str]:
        return [line.split(": ")[1].split("@")[0] for line in self.run("ip", "-o", "link").splitlines()]

    def rules(self) -> str:
        return self.run("nft", "list", "ruleset")

    def _configure_outside(self) -> None:
        with Netlink() as netlink:
            netlink.execute(rtnetlink.set_up(index=rtnetlink.LOOPBACK))
            self._configure(netlink, "world0", OUTSIDE_ADDRESS)

    def _configure(self, netlink: Netlink, name: str, address: str) -> None:
        index = self._index(netlink, name)
        netlink.execute(rtnetlink.set_up(index=index), rtnetlink.add_address(index, address, 24))

    def _index(self, netlink: Netlink, name: str) -> int:
        link = rtnetlink.find_link(netlink, name)
        assert link is not None
        return link.ifindex


def ask_tcp(made: socket.socket, address: str, port: int, data: bytes = b"hello") -> str:
    """Send data over a new socket, and return all that is answered."""
    with made:
        made.settimeout(10)
        made.connect((address, port))
        made.sendall(data)
        made.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := made.recv(65536):
            answer += chunk
        return answer.decode()


def ask_udp(made: socket.socket, address: str, port: int, data: bytes = b"hello") -> tuple[str, str]:
    """Send a datagram, and return the answer and the address that it came from."""
    with made:
        made.settimeout(10)
        made.sendto(data, (address, port))
        answer, peer = made.recvfrom(65536)
        return answer.decode(), peer[0]

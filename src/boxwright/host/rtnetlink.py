"""Links, addresses and routes of a network namespace, as requests for `netlink.Netlink`."""

from __future__ import annotations

import errno
import os
import socket
import struct

from boxwright.host.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Netlink,
    Request,
    as_text,
    attribute,
    attributes,
    nest,
    number,
    text,
)
from boxwright.values import NamedTuple

_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_RTM_GETLINK = 18
_RTM_SETLINK = 19
_RTM_NEWADDR = 20
_RTM_GETADDR = 22
_RTM_NEWROUTE = 24
_RTM_GETROUTE = 26

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_MASTER = 10
_IFLA_PROTINFO = 12
_IFLA_LINKINFO = 18
_IFLA_AF_SPEC = 26
_IFLA_NET_NS_FD = 28
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_VETH_INFO_PEER = 1
_IFLA_BRPORT_MODE = 4
_IFLA_INET_CONF = 1
_IFLA_INET6_ADDR_GEN_MODE = 8
_ADDR_GEN_NONE = 1
_IPV4_DEVCONF_ROUTE_LOCALNET = 26

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_BROADCAST = 4

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RT_TABLE_MAIN = 254
_RTPROT_BOOT = 3
_RTN_UNICAST = 1

_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, changed flags
_ADDRESS = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst length, src length, tos, table, protocol, scope, type, flags

_IFF_UP = 1
LOOPBACK = 1
"""The index of ``lo``, the same in every network namespace."""


class Link(NamedTuple):
    name: str
    ifindex: int
    is_up: bool
    mtu: int
    mac: bytes
    master: int  # the index of the bridge that it is a port of, or 0


class Route(NamedTuple):
    destination: int  # the network as a number; 0 for the default route
    prefix_length: int
    interface: int  # its index, or 0 for a route that has none or several


def create_bridge(name: str, mac: bytes, mtu: int) -> Request:
    info = nest(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "bridge"))
    parts = text(_IFLA_IFNAME, name) + attribute(_IFLA_ADDRESS, mac) + number(_IFLA_MTU, mtu) + info
    return Request(f"creating the bridge {name}", _RTM_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + parts, _NEW)


def create_veth(name: str, mtu: int, peer: str, peer_mac: bytes, peer_namespace: int) -> Request:
    """A pair of links: `name` here, and `peer` in the network namespace of the descriptor `peer_namespace`."""
    there = _LINK.pack(0, 0, 0, 0, 0) + b"".join(
        (
            text(_IFLA_IFNAME, peer),
            attribute(_IFLA_ADDRESS, peer_mac),
            number(_IFLA_MTU, mtu),
            number(_IFLA_NET_NS_FD, peer_namespace),
        )
    )
    data = nest(_IFLA_INFO_DATA, attribute(_VETH_INFO_PEER, there))
    info = nest(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, "veth"), data)
    parts = text(_IFLA_IFNAME, name) + number(_IFLA_MTU, mtu) + info
    return Request(f"creating the link {name}", _RTM_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + parts, _NEW)


def set_up(
    *, name: str = "", index: int = 0, master: int = 0, route_localnet: bool = False, no_ipv6: bool = False
) -> Request:
    """Bring up the link of that name or index.

    `master` makes it a port of the bridge with that index. `route_localnet` lets packets for and from 127.0.0.0/8
    pass through it. `no_ipv6` keeps it from taking a link-local IPv6 address, and from asking around for it.
    """
    parts = [text(_IFLA_IFNAME, name)] if name else []
    if master:
        parts.append(number(_IFLA_MASTER, master))
    families = []
    if route_localnet:
        families.append(nest(socket.AF_INET, nest(_IFLA_INET_CONF, number(_IPV4_DEVCONF_ROUTE_LOCALNET, 1))))
    if no_ipv6 and has_ipv6():
        families.append(nest(socket.AF_INET6, attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes((_ADDR_GEN_NONE,)))))
    if families:
        parts.append(nest(_IFLA_AF_SPEC, *families))
    payload = _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP) + b"".join(parts)
    return Request(f"bringing up the link {name or index}", _RTM_NEWLINK, payload)


def set_hairpin(index: int) -> Request:
    """Let the bridge send a frame back through the port where it came in."""
    mode = nest(_IFLA_PROTINFO, attribute(_IFLA_BRPORT_MODE, b"\1"))
    payload = _LINK.pack(socket.AF_BRIDGE, 0, index, 0, 0) + mode
    return Request(f"setting hairpin mode of link {index}", _RTM_SETLINK, payload)


def delete_link(name: str) -> Request:
    """Delete a link, and its peer; a missing one is no error."""
    payload = _LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_IFNAME, name)
    return Request(f"deleting the link {name}", _RTM_DELLINK, payload, accept=(errno.ENODEV,))


def add_address(index: int, address: str, prefix_length: int) -> Request:
    """Give a link an IPv4 address; that it has it is no error."""
    packed = socket.inet_aton(address)
    ones = (1 << 32 - prefix_length) - 1
    broadcast = (int.from_bytes(packed, "big") | ones).to_bytes(4, "big")
    payload = _ADDRESS.pack(socket.AF_INET, prefix_length, 0, 0, index) + b"".join(
        (attribute(_IFA_LOCAL, packed), attribute(_IFA_ADDRESS, packed), attribute(_IFA_BROADCAST, broadcast))
    )
    return Request(f"adding the address {address}", _RTM_NEWADDR, payload, _NEW, accept=(errno.EEXIST,))


def add_default_route(index: int, gateway: str) -> Request:
    payload = _ROUTE.pack(socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, 0, _RTN_UNICAST, 0)
    payload += attribute(_RTA_GATEWAY, socket.inet_aton(gateway)) + number(_RTA_OIF, index)
    return Request(f"adding the route by {gateway}", _RTM_NEWROUTE, payload, NLM_F_CREATE | NLM_F_REPLACE)


def find_link(netlink: Netlink, name: str) -> Link | None:
    return _get_link(netlink, Request(f"looking up the link {name}", _RTM_GETLINK, _NO_LINK + text(_IFLA_IFNAME, name)))


def get_link(netlink: Netlink, index: int) -> Link | None:
    payload = _LINK.pack(0, 0, index, 0, 0)
    return _get_link(netlink, Request(f"looking up the link {index}", _RTM_GETLINK, payload))


def has_ports(netlink: Netlink, bridge: int) -> bool:
    """Tell whether any link is a port of the bridge with this index."""
    links = netlink.dump(Request("listing the links", _RTM_GETLINK, _NO_LINK))
    return any(_parse_link(link).master == bridge for link in links)


def list_addresses(netlink: Netlink, index: int) -> list[tuple[str, int]]:
    """Return the IPv4 addresses of a link, each with its prefix length."""
    request = Request("listing the addresses", _RTM_GETADDR, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, index))
    found = []
    for payload in netlink.dump(request):
        _, prefix_length, _, _, interface = _ADDRESS.unpack_from(payload)
        local = attributes(payload[_ADDRESS.size :]).get(_IFA_LOCAL)
        if interface == index and local:  # an old kernel does not filter
            found.append((socket.inet_ntoa(local), prefix_length))
    return found


def list_routes(netlink: Netlink) -> list[Route]:
    """Return the IPv4 routes of the main table, in the kernel's order."""
    question = _ROUTE.pack(socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, 0, 0, 0, 0)
    found = []
    for payload in netlink.dump(Request("listing the routes", _RTM_GETROUTE, question)):
        _, length, _, _, table, _, _, _, _ = _ROUTE.unpack_from(payload)
        if table != _RT_TABLE_MAIN:
            continue
        parts = attributes(payload[_ROUTE.size :])
        interface = struct.unpack("=I", parts.get(_RTA_OIF, bytes(4)))[0]
        found.append(Route(int.from_bytes(parts.get(_RTA_DST, b""), "big"), length, interface))
    return found


def has_ipv6() -> bool:
    return os.path.exists("/proc/sys/net/ipv6/conf")


def _get_link(netlink: Netlink, request: Request) -> Link | None:
    payload = netlink.get(request._replace(accept=(errno.ENODEV,)))
    return None if payload is None else _parse_link(payload)


def _parse_link(payload: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(payload)
    parts = attributes(payload[_LINK.size :])
    return Link(
        as_text(parts.get(_IFLA_IFNAME, b"")),
        index,
        bool(flags & _IFF_UP),
        struct.unpack("=I", parts.get(_IFLA_MTU, bytes(4)))[0],
        parts.get(_IFLA_ADDRESS, b""),
        struct.unpack("=I", parts.get(_IFLA_MASTER, bytes(4)))[0],
    )


_NEW = NLM_F_CREATE | NLM_F_EXCL
_NO_LINK = _LINK.pack(0, 0, 0, 0, 0)

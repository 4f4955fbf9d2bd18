"""Flows that the kernel keeps track of, and how to make it forget some."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection

from boxwright.host.netlink import NETLINK_NETFILTER, Netlink, Request, attribute, attributes, nest, number

_GET = 1 << 8 | 1
_DELETE = 1 << 8 | 2

_TUPLE = 1  # of the first packet, as it came in
_FILTER = 25
_TUPLE_IP = 1
_TUPLE_PROTOCOL = 2
_PROTOCOL_NUMBER = 1
_DESTINATION_PORT = 3
_FILTER_TUPLE = 1
_FILTER_PROTOCOL = 1 << 3

_UDP = 17
_FAMILY = struct.pack(">BBH", socket.AF_INET, 0, 0)
_NO_CONNTRACK = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT)


def forget_udp(ports: Collection[int]) -> None:
    """Forget the IPv4 UDP flows to any of these ports of this machine's network namespace.

    A rule of NAT is asked for the first datagram of a flow only. Whoever has been sending to a port since before it was
    published, and never pauses, would never get through. Raises NetlinkError.
    """
    with Netlink(NETLINK_NETFILTER) as netlink:
        netlink.execute(*(_deletion(flow) for flow in _udp_flows(netlink, ports)))


def _udp_flows(netlink: Netlink, ports: Collection[int]) -> list[bytes]:
    """Return the first tuples of the flows to these ports. The kernel walks through its whole table: about 10 ms."""
    udp = attribute(_PROTOCOL_NUMBER, bytes((_UDP,)))
    # The part with the addresses must be there; only what the filter names is compared. Before 5.8, nothing is.
    example = nest(_TUPLE, nest(_TUPLE_IP), nest(_TUPLE_PROTOCOL, udp))
    chosen = nest(_FILTER, number(_FILTER_TUPLE, _FILTER_PROTOCOL))
    request = Request("listing flows", _GET, _FAMILY + example + chosen, accept=_NO_CONNTRACK)
    found = []
    for answer in netlink.dump(request):
        first = attributes(answer[4:]).get(_TUPLE, b"")
        parts = attributes(attributes(first).get(_TUPLE_PROTOCOL, b""))
        port = int.from_bytes(parts.get(_DESTINATION_PORT, b""), "big")
        if parts.get(_PROTOCOL_NUMBER) == bytes((_UDP,)) and port in ports:
            found.append(first)
    return found


def _deletion(flow: bytes) -> Request:
    return Request("forgetting a flow", _DELETE, _FAMILY + nest(_TUPLE, flow), accept=(errno.ENOENT,))

"""The bridge, and the cables that are plugged into it."""

from __future__ import annotations

import errno

from boxwright.errors import ConflictError, InvalidError, UnavailableError
from boxwright.host import netns, rtnetlink
from boxwright.host.netlink import Netlink, NetlinkError
from boxwright.host.rtnetlink import Link
from boxwright.network.pool import Subnet, choose_subnet, mac_address
from boxwright.values import NamedTuple

CONTAINER_INTERFACE = "eth0"
_NAME_LIMIT = 15  # characters of an interface's name in Linux
_DEFAULT_MTU = 1500
_SYSCTLS = (("ip_unprivileged_port_start", "0"), ("ping_group_range", "0 2147483647"))


class BridgeSettings(NamedTuple):
    """What a bridge is; the same values for as long as it exists."""

    name: str  # of the interface, and of the table with its rules
    subnet: str  # as in 172.30.0.0/16; the first address is the bridge's own


class InvalidBridgeName(InvalidError):
    """A name that Linux does not accept for an interface."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"invalid bridge name {name[:40]!r}", hint="use at most 15 letters, digits, hyphens and underscores"
        )
        self.name = name


class BridgeTaken(ConflictError):
    """The bridge's name belongs to another kind of link, or to a bridge in use with another subnet."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"cannot use the bridge {name}: {reason}", hint="stop the containers that use it, or set another bridge"
        )
        self.name = name


class UnusableAddress(InvalidError):
    """An address that no container on the bridge can have: one outside of its subnet."""

    def __init__(self, address: str, settings: BridgeSettings) -> None:
        super().__init__(
            f"no container on {settings.name} can have the address {address[:50]}",
            hint=f"choose one of {settings.subnet}",
        )
        self.address = address


class Cable(NamedTuple):
    """A pair of links: one end a port of the bridge, the other inside a network namespace."""

    interface: str  # the end at the bridge
    mac: str  # of the end inside


def check_name(name: str) -> None:
    """Raise InvalidBridgeName unless `name` can be an interface's name everywhere, rules and scripts included."""
    plain = name.replace("-", "").replace("_", "")
    if not (0 < len(name) <= _NAME_LIMIT and plain.isascii() and plain.isalnum() and name[0].isalpha()):
        raise InvalidBridgeName(name)


def free_subnet() -> str:
    """Return a private subnet that none of this machine's routes leads into. Raises NoFreeSubnet."""
    with Netlink() as netlink:
        return str(choose_subnet((route.destination, route.prefix_length) for route in rtnetlink.list_routes(netlink)))


def exists(settings: BridgeSettings) -> bool:
    """Tell whether the bridge is there with its address."""
    with Netlink() as netlink:
        return is_ready(netlink, settings)


def is_free(subnet: str) -> bool:
    """Tell whether none of this machine's routes leads into a subnet."""
    wanted = Subnet.parse(subnet)
    with Netlink() as netlink:
        return not any(
            wanted.overlaps(route.destination, route.prefix_length)
            for route in rtnetlink.list_routes(netlink)
            if route.prefix_length
        )


def is_ready(netlink: Netlink, settings: BridgeSettings) -> bool:
    """Tell whether the bridge is there, up and with its address alone."""
    link = rtnetlink.find_link(netlink, settings.name)
    return (
        link is not None and link.is_up and rtnetlink.list_addresses(netlink, link.ifindex) == [_own_address(settings)]
    )


def set_up(netlink: Netlink, settings: BridgeSettings) -> None:
    """Make the bridge be there, up and with its address. Idempotent, but not for two processes at once.

    A bridge of another subnet that no container uses is replaced; one that is in use raises BridgeTaken.
    """
    own = _own_address(settings)
    link = rtnetlink.find_link(netlink, settings.name)
    if link is not None:
        others = [address for address in rtnetlink.list_addresses(netlink, link.ifindex) if address != own]
        if others:
            if rtnetlink.has_ports(netlink, link.ifindex):
                raise BridgeTaken(settings.name, "its address is {}/{}".format(*others[0]))
            remove(netlink, settings)
            link = None
    if link is None:
        netlink.execute(rtnetlink.create_bridge(settings.name, mac_address(own[0]), _uplink_mtu(netlink)))
        link = _require_link(netlink, settings.name)
    netlink.execute(
        rtnetlink.set_up(index=link.ifindex, route_localnet=True, no_ipv6=True),
        rtnetlink.add_address(link.ifindex, *own),
    )


def remove(netlink: Netlink, settings: BridgeSettings) -> None:
    """Take the bridge away; cables that are plugged in stay behind, loose. Idempotent."""
    netlink.execute(rtnetlink.delete_link(settings.name))


def plug(netlink: Netlink, settings: BridgeSettings, owner: str, namespace: int, address: str) -> Cable:
    """Connect the network namespace of a descriptor to the bridge, and configure its end as ``eth0`` with `address`.

    `owner` is the container's ID: the interface's name comes from it, and a cable that is left of it is replaced.
    The cable goes with the namespace. Nothing is left when it raises. Raises UnusableAddress.
    """
    subnet = Subnet.parse(settings.subnet)
    if subnet.host(address) is None:
        raise UnusableAddress(address, settings)
    bridge = _require_link(netlink, settings.name)
    name = interface_name(owner)
    mac = mac_address(address)
    create = rtnetlink.create_veth(name, bridge.mtu, CONTAINER_INTERFACE, mac, namespace)
    try:
        netlink.execute(create)
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
        # The last life of the same container: the kernel takes its time to clear a namespace away.
        netlink.execute(rtnetlink.delete_link(name))
        netlink.execute(create)
    try:
        netns.inside(namespace, lambda: _configure(address, subnet))
        port = _require_link(netlink, name)
        netlink.execute(
            rtnetlink.set_up(index=port.ifindex, master=bridge.ifindex, no_ipv6=True),
            rtnetlink.set_hairpin(port.ifindex),
        )
    except BaseException:
        netlink.execute(rtnetlink.delete_link(name))
        raise
    return Cable(name, ":".join(f"{byte:02x}" for byte in mac))


def unplug(netlink: Netlink, cable: Cable) -> None:
    """Take a cable away, both ends. Idempotent."""
    netlink.execute(rtnetlink.delete_link(cable.interface))


def interface_name(owner: str) -> str:
    """Return the name of the bridge's end of the cable to a container, by the first 12 characters of its ID."""
    return f"bw-{owner[:12]}"


def _configure(address: str, subnet: Subnet) -> None:
    with Netlink() as netlink:
        inner = _require_link(netlink, CONTAINER_INTERFACE)
        netlink.execute(
            rtnetlink.set_up(index=rtnetlink.LOOPBACK),
            rtnetlink.set_up(index=inner.ifindex, no_ipv6=True),
            rtnetlink.add_address(inner.ifindex, address, subnet.prefix_length),
            rtnetlink.add_default_route(inner.ifindex, subnet.gateway),
        )
    _allow_harmless_things()


def _allow_harmless_things() -> None:
    """Let every user inside listen on any port and send pings: in a network of its own that bothers nobody."""
    for name, value in _SYSCTLS:
        try:
            with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as stream:
                stream.write(value)
        except OSError:
            pass  # /proc/sys is read-only in here, as inside another container: it takes root inside, then


def _require_link(netlink: Netlink, name: str) -> Link:
    link = rtnetlink.find_link(netlink, name)
    if link is None:
        raise UnavailableError(f"the link {name} went away while the network was being set up")
    return link


def _own_address(settings: BridgeSettings) -> tuple[str, int]:
    subnet = Subnet.parse(settings.subnet)
    return subnet.gateway, subnet.prefix_length


def _uplink_mtu(netlink: Netlink) -> int:
    """Return the MTU of the link with the default route: a larger one inside would lose packets on the way out."""
    for route in rtnetlink.list_routes(netlink):
        if route.prefix_length == 0 and route.interface:
            link = rtnetlink.get_link(netlink, route.interface)
            if link is not None:
                return link.mtu
    return _DEFAULT_MTU

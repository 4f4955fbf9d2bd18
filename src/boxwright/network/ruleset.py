"""The rules of one bridge: a table of nftables that changes only when boxwright does, and what others' rules need.

table inet boxwright0
    map at_address, map anywhere    published ports: the only things that come and go (see `portmap`)
    prerouting, output ─ publish    what is sent to a published port of this machine goes to the container
    postrouting                     what leaves the subnet has this machine's address
    guard                           127.0.0.0/8 is this machine's own, though the bridge may carry it
    forward                         from outside, only published ports can be reached
"""

from __future__ import annotations

from boxwright.errors import DeniedError
from boxwright.host import nftables, process, spawn
from boxwright.host.nftables import INET, IPV4, Nftables
from boxwright.network.bridge import BridgeSettings

AT_ADDRESS = "at_address"
ANYWHERE = "anywhere"
MAPS = (AT_ADDRESS, ANYWHERE)

_VERSION = 1
"""Counts the changes of the rules below; a table of another version is replaced."""

_FORWARDING = "/proc/sys/net/ipv4/ip_forward"
_LEGACY_TABLES = "/proc/net/ip_tables_names"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # for modprobe


class ForwardingDenied(DeniedError):
    """This machine does not pass packets on, and will not be told to."""

    def __init__(self) -> None:
        super().__init__("not allowed to switch IPv4 forwarding on", hint="run: sysctl -w net.ipv4.ip_forward=1")


def is_current(nft: Nftables, settings: BridgeSettings) -> bool:
    """Tell whether the table is there and of this version: one question to the kernel."""
    return nft.has_chain(INET, settings.name, _stamp(settings))


def install(nft: Nftables, settings: BridgeSettings) -> None:
    """Put the table in the place of the one that is there, if any; published ports are kept.

    The caller keeps others from publishing meanwhile. Raises CommandNotFound (nft) and CommandFailed.
    """
    published = [(name, nft.elements(INET, settings.name, name)) for name in MAPS]
    nftables.run_script(script(settings))
    nft.change_elements(INET, settings.name, add=published)


def script(settings: BridgeSettings) -> str:
    """Return the script for ``nft -f`` that replaces the table at one stroke."""
    name, subnet = settings.name, settings.subnet
    here = "fib daddr type local meta nfproto ipv4 meta l4proto { tcp, udp } jump publish"
    return f"""\
table inet {name} {{ }}
delete table inet {name}
table inet {name} {{
    chain {_stamp(settings)} {{ }}

    map {AT_ADDRESS} {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
    map {ANYWHERE} {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}

    chain publish {{
        dnat ip to ip daddr . meta l4proto . th dport map @{AT_ADDRESS}
        dnat ip to meta l4proto . th dport map @{ANYWHERE}
    }}
    chain prerouting {{
        type nat hook prerouting priority -100; policy accept;
        {here}
    }}
    chain output {{
        type nat hook output priority -100; policy accept;
        {here}
    }}
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        ip saddr {subnet} oifname != "{name}" masquerade
        ip saddr {{ 127.0.0.0/8, {subnet} }} oifname "{name}" ct status dnat masquerade
    }}
    chain guard {{
        type filter hook prerouting priority -300; policy accept;
        iifname "{name}" ip daddr 127.0.0.0/8 drop
    }}
    chain forward {{
        type filter hook forward priority 0; policy accept;
        oifname "{name}" iifname != "{name}" ct state new ct status & dnat == 0 drop
    }}
}}
"""


def remove(nft: Nftables, settings: BridgeSettings) -> None:
    """Take away the table and what `accept_forwarding` added. Idempotent."""
    nft.delete_table(INET, settings.name)
    ours = [rule.handle for rule in nft.rules(IPV4, "filter", "FORWARD") if rule.comment == settings.name]
    nft.delete_rules(IPV4, "filter", "FORWARD", ours)
    if _legacy_is_loaded():
        while accepted := _legacy_directions(settings.name):
            for direction in accepted:
                _legacy("-D", direction, settings.name)


def forwarding_is_open(nft: Nftables, settings: BridgeSettings) -> bool:
    """Tell whether packets of the bridge are passed on, as far as this machine's settings and iptables go."""
    if not _forwards():
        return False
    if nft.drops_by_default(IPV4, "filter", "FORWARD"):
        ours = [rule for rule in nft.rules(IPV4, "filter", "FORWARD") if rule.comment == settings.name]
        if len(ours) < 2:
            return False
    return not _legacy_is_loaded() or len(_legacy_directions(settings.name)) == 2


def open_forwarding(nft: Nftables, settings: BridgeSettings) -> None:
    """Have this machine pass the bridge's packets on. Idempotent. Raises ForwardingDenied.

    dockerd and ufw give iptables' chain FORWARD the policy DROP. A verdict of ours to accept is no answer to that,
    since every table on the way has to accept; so that chain gets two rules for the bridge at its head.
    """
    if not _forwards():
        try:
            with open(_FORWARDING, "w", encoding="utf-8") as stream:
                stream.write("1\n")
        except OSError:
            raise ForwardingDenied from None
    if nft.drops_by_default(IPV4, "filter", "FORWARD"):
        ours = [rule.handle for rule in nft.rules(IPV4, "filter", "FORWARD") if rule.comment == settings.name]
        nft.delete_rules(IPV4, "filter", "FORWARD", ours)
        rule = 'insert rule ip filter FORWARD {1} "{0}" counter accept comment "{0}"\n'
        nftables.run_script("".join(rule.format(settings.name, end) for end in ("iifname", "oifname")))
    if _legacy_is_loaded():
        for direction in {"-i", "-o"} - _legacy_directions(settings.name):
            _legacy("-I", direction, settings.name)


def _stamp(settings: BridgeSettings) -> str:
    return f"version_{_VERSION}_{settings.subnet.replace('/', '_')}"


def _forwards() -> bool:
    with open(_FORWARDING, encoding="utf-8") as stream:
        return stream.read().strip() != "0"


def _legacy_is_loaded() -> bool:
    """Tell whether the kernel also runs rules of the old iptables, which nftables knows nothing about."""
    try:
        with open(_LEGACY_TABLES, encoding="utf-8") as stream:
            return "filter" in stream.read().split() and process.find("iptables-legacy") is not None
    except OSError:
        return False


def _legacy_directions(bridge: str) -> set[str]:
    """Return for which of ``-i`` and ``-o`` there is a rule of ours: one program, as it runs for every container."""
    rules = _run_legacy("-S", "FORWARD")[1].splitlines()
    return {direction for direction in ("-i", "-o") if f"-A FORWARD {direction} {bridge} -j ACCEPT" in rules}


def _legacy(action: str, direction: str, bridge: str) -> bool:
    return _run_legacy(action, "FORWARD", direction, bridge, "-j", "ACCEPT")[0] == 0


def _run_legacy(*words: str) -> tuple[int, str]:
    return spawn.capture((process.require("iptables-legacy"), "--wait", *words), env={"PATH": _PATH})

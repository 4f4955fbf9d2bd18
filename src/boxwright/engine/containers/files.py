"""The hosts, resolv.conf and hostname files of a container, from the host's own."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.host.paths import Path
from boxwright.runtime.files import Files, hosts, resolv_conf

_STUB = "nameserver 127.0.0.53"
HOST_GATEWAY = "host-gateway"


def container_files(
    *,
    own_network: bool,
    hostname: str,
    domainname: str = "",
    address: str = "",
    gateway: str = "",
    extra: Sequence[tuple[str, str]] = (),
    dns: Sequence[str] = (),
    dns_search: Sequence[str] = (),
    dns_options: Sequence[str] = (),
) -> Files:
    """Return the three files of a container.

    `address` is its own, if it has one; `extra` are (name, address) lines for hosts, where the address
    ``host-gateway`` means `gateway`; `dns` replaces the host's name servers, and so do the others what they name.
    """
    host = _text("/etc/resolv.conf")
    if _STUB in host:
        # systemd-resolved's own answerer is out of a container's reach; the servers that it asks are here.
        host = _text("/run/systemd/resolve/resolv.conf") or host
    if own_network:
        named = [(name, gateway if where == HOST_GATEWAY and gateway else where) for name, where in extra]
        table = hosts([(address, _names(hostname, domainname))] if address else [], named)
    else:
        named = [(name, "127.0.0.1" if where == HOST_GATEWAY else where) for name, where in extra]
        table = _text("/etc/hosts") + "".join(f"{where}\t{name}\n" for name, where in named)
    return Files(
        hosts=table,
        resolv_conf=resolv_conf(host, servers=dns, search=dns_search, options=dns_options, own_network=own_network),
        hostname=hostname + "\n",
    )


def _names(hostname: str, domainname: str) -> list[str]:
    return [f"{hostname}.{domainname}", hostname] if domainname else [hostname]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""

"""The texts of the three files that every container gets from outside: hosts, resolv.conf, hostname. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from boxwright.values import NamedTuple

_LOCAL_HOSTS = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
)
# For a host whose only name server is on its own loopback, where no container gets to.
_PUBLIC_SERVERS = ("8.8.8.8", "8.8.4.4")


class Files(NamedTuple):
    """What a container sees as /etc/hosts, /etc/resolv.conf and /etc/hostname; None leaves the image's own file."""

    hosts: str | None = None
    resolv_conf: str | None = None
    hostname: str | None = None

    def items(self) -> list[tuple[str, str, str]]:
        """Return (name in the bundle, path in the container, content) of those that are set."""
        texts = (("hosts", self.hosts), ("resolv.conf", self.resolv_conf), ("hostname", self.hostname))
        return [(name, f"/etc/{name}", text) for name, text in texts if text is not None]


def hosts(addresses: Iterable[tuple[str, Sequence[str]]] = (), extra: Iterable[tuple[str, str]] = ()) -> str:
    """Return a hosts file: loopback, the container's own `addresses` with their names, `extra` (name, address)."""
    lines = [*_LOCAL_HOSTS]
    lines += [f"{address}\t{' '.join(names)}" for address, names in addresses]
    lines += [f"{address}\t{name}" for name, address in extra]
    return "\n".join(lines) + "\n"


def resolv_conf(
    host: str,
    *,
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    own_network: bool = True,
) -> str:
    """Return a resolv.conf: the host's, with what is given in place of the host's lines of that kind.

    In a network of its own the host's loopback isn't reachable, so servers there are left out; with none left, public
    ones take over. A search list of "." means: none.
    """
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in host.splitlines():
        words = line.partition("#")[0].partition(";")[0].split()
        if len(words) < 2:
            continue
        keyword = "search" if words[0] == "domain" else words[0]
        if keyword == "nameserver":
            found[keyword].append(words[1])
        elif keyword in found:
            found[keyword] = words[1:]  # the last line counts
    chosen = list(servers) or [each for each in found["nameserver"] if not (own_network and _is_loopback(each))]
    if not chosen and own_network:
        chosen = list(_PUBLIC_SERVERS)
    domains = list(search) or found["search"]
    lines = [f"nameserver {server}" for server in chosen]
    if domains and domains != ["."]:
        lines.append("search " + " ".join(domains))
    if settings := list(options) or found["options"]:
        lines.append("options " + " ".join(settings))
    return "\n".join(lines) + "\n"


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address.partition("%")[0] == "::1"

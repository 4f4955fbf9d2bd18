"""A bridge, the containers that are attached to it, and their published ports: what the other rooms use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from boxwright.errors import UnavailableError, UnsupportedError
from boxwright.host import faults, locks
from boxwright.host.netlink import Netlink, NetlinkError
from boxwright.host.nftables import Nftables
from boxwright.host.paths import Path
from boxwright.network import bridge, ruleset
from boxwright.network.bridge import BridgeSettings
from boxwright.network.pool import Subnet
from boxwright.network.ports import PortBinding, PortSpec
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.network import userland
    from boxwright.network.listeners import Listener

RUN_DIRECTORY = Path("/run/boxwright")
_TRUSTED_SECONDS = 1.0


class BridgeNeedsRoot(UnsupportedError):
    """Only root can have a bridge."""

    def __init__(self) -> None:
        super().__init__("a bridged network needs root", hint="use --network host or --network none, or run it as root")


class NetworkFailed(UnavailableError):
    """The kernel refused something on the way. ``code`` is its errno."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot set up the network: {error.strerror or error}")
        self.code = error.errno


class Attachment(NamedTuple):
    """A network namespace on a bridge. Plain values, to be stored and handed to `Network.detach` by anybody."""

    container: str
    bridge: str
    interface: str  # the bridge's end of the cable
    address: str
    prefix_length: int
    gateway: str
    mac: str
    ports: tuple[PortBinding, ...] = ()
    proxy_pid: int | None = None  # whoever holds the ports


class Network:
    """One bridge of this machine.

    Any number of processes may use one bridge at a time, each with its own object, and several threads may use one
    object. `describe_container` turns an ID into a person's words for it, such as ``container "web"
    (a41c09d2e7f1)``, for errors about ports that are in use.
    """

    __slots__ = ("_describe", "_lock", "_open_until", "_proxies", "_run", "_subnet", "settings")

    def __init__(
        self,
        settings: BridgeSettings,
        *,
        run_directory: Path = RUN_DIRECTORY,
        describe_container: Callable[[str], str] | None = None,
    ) -> None:
        bridge.check_name(settings.name)
        self.settings = settings
        self._subnet = Subnet.parse(settings.subnet)
        self._run = run_directory
        self._lock = run_directory / f"network-{settings.name}.lock"
        self._describe = describe_container or (lambda container: f"container {container[:12]}")
        self._proxies: dict[str, userland.Proxy] = {}
        self._open_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the proxies that were not told whom to follow: they end, and with them their ports."""
        for proxy in self._proxies.values():
            proxy.release()
        self._proxies.clear()

    def ensure_bridge(self) -> bool:
        """Make the bridge, its rules and forwarding be there; return whether anything had to be done.

        Cheap when all is well, and safe beside any number of others. Raises BridgeNeedsRoot, BridgeTaken,
        ForwardingDenied, NetworkFailed and CommandNotFound (the nft program).
        """
        self._check_root()
        self._open_until = 0.0
        with self._kernel() as (netlink, nft):
            return self._ensure(netlink, nft)

    def attach(
        self, container: str, netns: int | str, address: str, ports: Sequence[PortSpec] = (), *, pid: int | None = None
    ) -> Attachment:
        """Connect a network namespace (a descriptor or a path) to the bridge, and publish ports.

        `container` is its ID, in hexadecimal, distinct in its first twelve characters; `address` is its own in the
        bridge's subnet, of nobody else. The bridge is made when it is missing.

        With `ports`, a proxy is started, which holds them for as long as the process `pid` lives. Without `pid`,
        `follow` has to be called before this object is closed. The ports are taken before anything else is done, so
        PortInUse leaves everything as it was; so does every other error.
        """
        self._check_root()
        with self._kernel() as (netlink, nft), _opened(netns) as namespace:
            taken = self._listen(nft, ports) if ports else []
            try:
                self._ensure(netlink, nft)
                cable = bridge.plug(netlink, self.settings, container, namespace, address)
                faults.point("a namespace is plugged in")
                try:
                    proxy = self._publish(nft, container, address, taken) if taken else None
                except BaseException:
                    bridge.unplug(netlink, cable)
                    raise
            finally:
                for listener in taken:  # the proxy has its own
                    listener.socket.close()
        if proxy is not None:
            self._proxies[container] = proxy
            if pid is not None:
                self.follow(container, pid)
        return Attachment(
            container,
            self.settings.name,
            cable.interface,
            address,
            self._subnet.prefix_length,
            self._subnet.gateway,
            cable.mac,
            tuple(listener.binding for listener in taken),
            None if proxy is None else proxy.pid,
        )

    def follow(self, container: str, pid: int) -> None:
        """Keep the container's ports published for exactly as long as the process `pid` lives.

        That is the container's first process. Does nothing for a container without published ports.
        """
        proxy = self._proxies.pop(container, None)
        if proxy is not None:
            proxy.follow(pid)

    def detach(self, attachment: Attachment) -> None:
        """Withdraw what was published, and free its ports. Idempotent; any process may do it.

        The cable goes by itself, with the namespace.
        """
        proxy = self._proxies.pop(attachment.container, None)
        if proxy is not None:
            proxy.release()
        if attachment.proxy_pid is None:
            return
        from boxwright.network import portmap, userland

        if userland.stop(attachment.proxy_pid, attachment.container):
            return
        with self._kernel() as (_, nft), self._locked():
            portmap.withdraw(nft, self.settings.name, attachment.container)

    def reconcile(self, live: Callable[[], Collection[str]]) -> None:
        """Delete what was published for containers that `live` does not name.

        Needed only after the proxy itself was killed. `live` is called when no other process can publish, and must
        name every container whose address is leased: lease first, attach then.
        """
        from boxwright.network import portmap

        self._check_root()
        with self._kernel() as (_, nft), self._locked():
            portmap.retain(nft, self.settings.name, live())

    def restore(self, attachments: Sequence[Attachment]) -> None:
        """Publish again what was published, after somebody flushed the machine's rules. Idempotent."""
        from boxwright.network import portmap, userland

        self._check_root()
        with self._kernel() as (netlink, nft):
            self._ensure(netlink, nft)
            with self._locked():
                for attachment in attachments:
                    if attachment.proxy_pid and userland.is_proxy(attachment.proxy_pid, attachment.container):
                        wanted = portmap.elements(attachment.container, attachment.address, attachment.ports)
                        portmap.publish(nft, self.settings.name, wanted)

    def remove_bridge(self) -> None:
        """Take away the bridge, its rules and those in iptables' chain FORWARD. Idempotent.

        Containers that are still attached lose their network.
        """
        self._check_root()
        with self._kernel() as (netlink, nft), self._locked():
            ruleset.remove(nft, self.settings)
            bridge.remove(netlink, self.settings)

    def _ensure(self, netlink: Netlink, nft: Nftables) -> bool:
        if self._is_complete(netlink, nft):
            return False
        with self._locked():
            # Twenty commands may have come here at once: the first has done it all.
            if self._is_complete(netlink, nft):
                return False
            bridge.set_up(netlink, self.settings)
            if not ruleset.is_current(nft, self.settings):
                ruleset.install(nft, self.settings)
            ruleset.open_forwarding(nft, self.settings)
        return True

    def _is_complete(self, netlink: Netlink, nft: Nftables) -> bool:
        if not (bridge.is_ready(netlink, self.settings) and ruleset.is_current(nft, self.settings)):
            return False
        # To ask the old iptables takes a program: once is enough for the many stages of a build that start together.
        now = time.monotonic()
        if now >= self._open_until:
            if not ruleset.forwarding_is_open(nft, self.settings):
                return False
            self._open_until = now + _TRUSTED_SECONDS
        return True

    def _publish(self, nft: Nftables, container: str, address: str, taken: Sequence[Listener]) -> userland.Proxy:
        """Start the proxy, then add the rules: from here on there is always somebody to delete them."""
        from boxwright.host import conntrack
        from boxwright.network import portmap, userland

        wanted = portmap.elements(container, address, [listener.binding for listener in taken])
        proxy = userland.start(container, address, taken, portmap.farewell(self.settings.name, wanted))
        faults.point("a proxy is started")
        try:
            with self._locked():
                portmap.publish(nft, self.settings.name, wanted)
            faults.point("ports are published")
            udp_ports = {listener.binding.host_port for listener in taken if listener.binding.protocol == "udp"}
            if udp_ports:
                conntrack.forget_udp(udp_ports)
        except BaseException:
            proxy.release()
            userland.stop(proxy.pid, container)
            raise
        return proxy

    def _listen(self, nft: Nftables, ports: Sequence[PortSpec]) -> list[Listener]:
        from boxwright.network import listeners

        return listeners.listen(ports, lambda *question: self._describe_holder(nft, *question))

    def _describe_holder(self, nft: Nftables, address: str, spec: PortSpec, port: int) -> str | None:
        from boxwright.network import portmap
        from boxwright.network.occupants import occupant

        container = portmap.holder(nft, self.settings.name, address, port, spec.protocol)
        return occupant(port, spec.protocol) if container is None else self._describe(container)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep every other process from changing what belongs to the bridge."""
        self._run.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locks.locked(self._lock):
            yield

    @contextmanager
    def _kernel(self) -> Iterator[tuple[Netlink, Nftables]]:
        try:
            with Netlink() as netlink, Nftables() as nft:
                yield netlink, nft
        except NetlinkError as error:
            raise NetworkFailed(error) from error

    @staticmethod
    def _check_root() -> None:
        if os.geteuid() != 0:
            raise BridgeNeedsRoot


@contextmanager
def _opened(netns: int | str) -> Iterator[int]:
    if isinstance(netns, int):
        yield netns
        return
    fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)

"""The parts that containers are made to run with: a runtime, a network, and where they keep what is in memory."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from boxwright.engine.privileges import require_root
from boxwright.engine.settings import Settings
from boxwright.hashes import hexdigest
from boxwright.host.locks import locked
from boxwright.host.paths import Path

if TYPE_CHECKING:
    from boxwright.network.bridge import BridgeSettings
    from boxwright.network.network import Network
    from boxwright.runtime.oci_runtime import OciRuntime
    from boxwright.store.networks import NetworkRecord
    from boxwright.store.store import Store

_RUN = Path("/run/boxwright")
_NETWORK = "bridge"
_INTERFACE = "boxwright0"


class Wiring:
    """One store's runtime and network. Thread-safe; made when first asked for."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._lock = threading.RLock()
        self._runtime: OciRuntime | None = None
        self._network: Network | None = None

    @property
    def runtime(self) -> OciRuntime:
        """The OCI runtime. Raises CommandNotFound when there is none."""
        with self._lock:
            if self._runtime is None:
                require_root("a container")
                from boxwright.runtime.oci_runtime import OciRuntime

                state = self.run_directory / "runtime"
                state.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._runtime = OciRuntime.find(str(state), self.settings.runtime)
            return self._runtime

    @property
    def network(self) -> Network:
        """The network called bridge, as an object of this process."""
        with self._lock:
            if self._network is None:
                require_root("a container's network")
                record = self._bridge()
                self._network = self._network_of(record)
            return self._network

    @property
    def run_directory(self) -> Path:
        """What lives no longer than the machine is up. Each store has its own."""
        if os.geteuid() == 0:
            base = _RUN
        else:
            base = Path(self.settings.environ.get("XDG_RUNTIME_DIR") or f"/tmp/boxwright-{os.geteuid()}") / "boxwright"
        return base / self._mark if self._mark else base

    @property
    def seccomp_cache(self) -> Path:
        return Path(self.settings.root, "cache", "seccomp")

    def remove_network(self) -> None:
        """Take the bridge and its rules away, if they were ever made. Containers on it lose their network."""
        record = self.store.networks.get(_NETWORK)
        if record is not None:
            with self._network_of(record) as network:
                network.remove_bridge()

    def close(self) -> None:
        with self._lock:
            if self._network is not None:
                self._network.close()
                self._network = None

    @property
    def _mark(self) -> str:
        """Empty for the store in the usual place, else a few letters that tell this store from others."""
        if os.fspath(self.settings.root) == "/var/lib/boxwright":
            return ""
        return hexdigest(os.fsencode(self.settings.root))[:8]

    def _network_of(self, record: NetworkRecord) -> Network:
        from boxwright.network.network import Network

        return Network(_settings_of(record), run_directory=self.run_directory, describe_container=self._describe)

    def _bridge(self) -> NetworkRecord:
        """Return the network's record, with a subnet that nothing else on this machine uses."""
        from boxwright.network import bridge

        record = self.store.networks.get(_NETWORK)
        if record is not None and bridge.exists(_settings_of(record)):
            return record
        # Addresses are leased by the store, so every store has a bridge and a subnet of its own. A subnet is taken as
        # soon as a route leads into it, so the bridge has to be there before the next store may look for one.
        _RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
        with locked(_RUN / "subnets.lock"):
            record = self._with_free_subnet()
            with self._network_of(record) as network:
                network.ensure_bridge()
        return record

    def _with_free_subnet(self) -> NetworkRecord:
        from boxwright.network import bridge
        from boxwright.network.pool import Subnet

        record = self.store.networks.get(_NETWORK)
        if record is not None and record.subnet is not None:
            if bridge.exists(_settings_of(record)) or bridge.is_free(record.subnet):
                return record
            # The machine has been started anew, or the bridge was taken away, and somebody else came first.
            subnet = bridge.free_subnet()
            return self.store.networks.move(_NETWORK, subnet, Subnet.parse(subnet).gateway)
        interface = f"bw-{self._mark}" if self._mark else _INTERFACE
        subnet = bridge.free_subnet()
        gateway = Subnet.parse(subnet).gateway
        return self.store.networks.add(_NETWORK, subnet=subnet, gateway=gateway, config={"interface": interface})

    def _describe(self, container: str) -> str:
        found = self.store.containers.get(container)
        return f'container "{found.name}" ({container[:12]})' if found else f"container {container[:12]}"


def _settings_of(record: NetworkRecord) -> BridgeSettings:
    from boxwright.network.bridge import BridgeSettings

    assert record.subnet is not None, "a bridge has a subnet"
    return BridgeSettings(str(record.config["interface"]), record.subnet)

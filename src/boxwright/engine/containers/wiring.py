"""The parts that containers are made to run with: a runtime, a network, and where they keep what is in memory."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.engine.settings import Settings
from boxwright.runtime.oci_runtime import OciRuntime
from boxwright.store.networks import NetworkExists, NetworkRecord, SubnetOverlaps
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.network.network import Network

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
                state = self.run_directory / "runtime"
                state.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._runtime = OciRuntime.find(str(state), self.settings.runtime)
            return self._runtime

    @property
    def network(self) -> Network:
        """The network called bridge, as an object of this process."""
        with self._lock:
            if self._network is None:
                from boxwright.network.bridge import BridgeSettings
                from boxwright.network.network import Network

                record = self._bridge()
                assert record.subnet is not None
                self._network = Network(
                    BridgeSettings(str(record.config["interface"]), record.subnet),
                    run_directory=self.run_directory,
                    describe_container=self._describe,
                )
            return self._network

    @property
    def run_directory(self) -> Path:
        """What lives no longer than the machine is up. Each store has its own."""
        if os.geteuid() == 0:
            base = Path("/run/boxwright")
        else:
            base = Path(self.settings.environ.get("XDG_RUNTIME_DIR") or f"/tmp/boxwright-{os.geteuid()}") / "boxwright"
        return base / self._mark if self._mark else base

    @property
    def seccomp_cache(self) -> Path:
        return self.settings.root / "cache" / "seccomp"

    def remove_network(self) -> None:
        """Take the bridge and its rules away, if they were ever made. Containers on it lose their network."""
        if self.store.networks.get(_NETWORK) is not None:
            self.network.remove_bridge()

    def close(self) -> None:
        with self._lock:
            if self._network is not None:
                self._network.close()
                self._network = None

    @property
    def _mark(self) -> str:
        """Empty for the store in the usual place, else a few letters that tell this store from others."""
        if self.settings.root == Path("/var/lib/boxwright"):
            return ""
        return hashlib.sha256(os.fsencode(self.settings.root)).hexdigest()[:8]

    def _bridge(self) -> NetworkRecord:
        from boxwright.network.bridge import free_subnet
        from boxwright.network.pool import Subnet

        for _ in range(3):
            record = self.store.networks.get(_NETWORK)
            if record is not None:
                return record
            # Addresses are leased by the store, so every store has a bridge and a subnet of its own.
            interface = f"bw-{self._mark}" if self._mark else _INTERFACE
            subnet = free_subnet()
            gateway = Subnet.parse(subnet).gateway
            try:
                return self.store.networks.add(
                    _NETWORK, subnet=subnet, gateway=gateway, config={"interface": interface}
                )
            except (NetworkExists, SubnetOverlaps):
                continue  # another command was quicker
        return self.store.networks.find(_NETWORK)

    def _describe(self, container: str) -> str:
        found = self.store.containers.get(container)
        return f'container "{found.name}" ({container[:12]})' if found else f"container {container[:12]}"

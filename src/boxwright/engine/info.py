"""What boxwright found on this machine."""

from __future__ import annotations

import os
import platform
from typing import Any

from boxwright._version import __version__
from boxwright.engine.containers import lifecycle
from boxwright.engine.containers.wiring import Wiring
from boxwright.host import cgroups, process


def facts(wiring: Wiring) -> dict[str, Any]:
    """Return the machine's facts and the store's counts, in docker's words where it has any.

    ``DockerRootDir`` is there for scripts, and the same as ``BoxwrightRootDir``.
    """
    states = [record.state for record in lifecycle.list_all(wiring)]
    machine = os.uname()
    return {
        "Containers": len(states),
        "ContainersRunning": states.count("running"),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
        "Images": len(wiring.store.images.list()),
        "ServerVersion": __version__,
        "Driver": "overlay2",
        "BoxwrightRootDir": str(wiring.settings.root),
        "DockerRootDir": str(wiring.settings.root),
        "LoggingDriver": "k8s-file",
        "CgroupDriver": "cgroupfs",
        "Runtime": wiring.runtime.path if process.find("crun") or process.find("runc") else "none found",
        "Conmon": process.find("conmon") or "none found",
        "CgroupVersion": "2" if cgroups.are_unified() else "1",
        "CgroupHybrid": cgroups.are_hybrid(),
        "Rootless": os.geteuid() != 0,
        "OperatingSystem": _operating_system(),
        "OSType": "linux",
        "Architecture": machine.machine,
        "KernelVersion": machine.release,
        "Name": machine.nodename,
        "NCPU": os.cpu_count(),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "PythonVersion": platform.python_version(),
        "InsecureRegistries": list(wiring.settings.insecure_registries),
    }


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"

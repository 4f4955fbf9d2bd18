"""Health checks: which one a container has, and what its results make of it. Pure; `watching` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boxwright.engine.containers.config import ContainerConfig
from boxwright.oci.config import Healthcheck
from boxwright.store.containers import ContainerRecord

SECOND = 1_000_000_000
"""In nanoseconds, as the numbers of a check are."""
# docker's, in nanoseconds
_DEFAULTS = Healthcheck((), interval=30 * SECOND, timeout=30 * SECOND, start_interval=5 * SECOND, retries=3)
_KEPT = 5  # results


def merged(image: Healthcheck | None, own: Healthcheck | None) -> Healthcheck | None:
    """Return the check of a container: what was said for it, and the image's where nothing was. None: there is none."""
    if own is None or image is None:
        check = own or image
    else:
        numbers = (mine or theirs for mine, theirs in zip(own[1:], image[1:], strict=True))
        check = Healthcheck(own.test or image.test, *numbers)
    return check if check is not None and check.test and check.test[0] != "NONE" else None


def complete(check: Healthcheck) -> Healthcheck:
    """Return a check with docker's usual numbers where it says none."""
    return Healthcheck(check.test, *(said or usual for said, usual in zip(check[1:], _DEFAULTS[1:], strict=True)))


def begun(config: ContainerConfig) -> dict[str, Any]:
    """Return what the status of a container says once it is started."""
    return {"health": {"Status": "starting", "FailingStreak": 0, "Log": []} if config.health else None}


def status_of(record: ContainerRecord) -> str:
    """Return docker's word: ``starting``, ``healthy``, ``unhealthy``, or ``none`` for a container without a check."""
    return str((record.status.get("health") or {}).get("Status", "none"))


def after(health: Mapping[str, Any], check: Healthcheck, result: Mapping[str, Any], age: float) -> dict[str, Any]:
    """Return a container's health with one more result, `age` seconds after its start."""
    status, streak = health.get("Status", "starting"), int(health.get("FailingStreak", 0))
    if result["ExitCode"] == 0:
        status, streak = "healthy", 0
    elif status != "starting" or age >= check.start_period / SECOND:
        streak += 1
        status = "unhealthy" if streak >= check.retries else status
    return {"Status": status, "FailingStreak": streak, "Log": [*health.get("Log", ()), dict(result)][-_KEPT:]}

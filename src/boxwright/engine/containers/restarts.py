"""Restart policies, and what a container's record keeps about them; `restarting` carries them out."""

from __future__ import annotations

import time

from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.wiring import Wiring
from boxwright.errors import InvalidError
from boxwright.host.clock import parse_rfc3339
from boxwright.store.containers import ContainerRecord
from boxwright.values import NamedTuple

_NAMES = ("no", "always", "unless-stopped", "on-failure")
# docker's: twice as long each time, but not after a container that ran well for a while. Seconds.
_FIRST_PAUSE, _LONGEST_PAUSE, _WELL = 0.1, 60.0, 10.0
_LATE = 5.0  # seconds after which whoever was to start it must have been killed


class InvalidRestartPolicy(InvalidError):
    def __init__(self, text: str, why: str = "") -> None:
        super().__init__(
            f"invalid --restart {text!r}{why}", hint="it is no, always, unless-stopped or on-failure[:TIMES]"
        )


class RestartPolicy(NamedTuple):
    """What ``--restart`` says; `text` of it is what the container's record keeps."""

    name: str = "no"
    times: int = 0
    """How often at most, of ``on-failure``; 0 without end."""

    @classmethod
    def parse(cls, text: str) -> RestartPolicy:
        """Return what `text` means; empty is ``no``. Raises InvalidRestartPolicy."""
        name, colon, times = text.partition(":")
        if (name or "no") not in _NAMES:
            raise InvalidRestartPolicy(text)
        if colon and name != "on-failure":
            raise InvalidRestartPolicy(text, ": only on-failure takes a number")
        if colon and not (times.isascii() and times.isdigit() and len(times) < 9):
            raise InvalidRestartPolicy(text, f": {times!r} is no number of times")
        return cls(name or "no", int(times or 0))

    @property
    def text(self) -> str:
        """As it was said; empty for ``no``."""
        if self.name == "no":
            return ""
        return f"{self.name}:{self.times}" if self.times else self.name

    def wants(self, exit_code: int, restarts: int) -> bool:
        """Tell whether a container that ended by itself, and was started again `restarts` times, is started again."""
        if self.name == "on-failure":
            return exit_code != 0 and not 0 < self.times <= restarts
        return self.name != "no"


def begun(restarts: int) -> dict[str, object]:
    """Return what the status of a container says once it is started."""
    return {"restarts": restarts or None, "restart_at": None, "stopped": None}


def due(record: ContainerRecord, exit_code: int, finished: str) -> float | None:
    """Return when (seconds since the epoch) a container that has just ended is started again, None when it isn't."""
    restarts = int(record.status.get("restarts") or 0)
    policy = RestartPolicy.parse(ContainerConfig.from_json(record.config).restart)
    if record.status.get("stopped") or not policy.wants(exit_code, restarts):
        return None
    ended = parse_rfc3339(finished)
    ran = ended - parse_rfc3339(record.started or finished)
    pause = _FIRST_PAUSE if ran >= _WELL else min(_FIRST_PAUSE * 2.0 ** min(restarts, 10), _LONGEST_PAUSE)
    return ended + pause


def is_awaited(record: ContainerRecord) -> bool:
    """Tell whether a container is about to be started again by its policy."""
    at = record.status.get("restart_at")
    return record.state == "exited" and at is not None and time.time() < at + _LATE


def hold(wiring: Wiring, id: str) -> None:
    """Note that a person has stopped a container: its policy leaves it alone until it is started. Idempotent."""
    wiring.store.containers.update(id, status={"stopped": True, "restart_at": None})

"""Why a step was built again: the difference between two key documents, in words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from boxwright.build.contents import FileChange

_SHOWN = 3
_LONGEST = 60
_WORDS = {
    "argv": "its command",
    "cwd": "its working directory",
    "user": "its user",
    "network": "its network",
    "platform": "its platform",
    "destination": "its destination",
    "directory": "its destination",
    "chown": "--chown",
    "mode": "--chmod",
    "path": "its path",
    "downloads": "what is at the URL",
    "op": "its instruction",
}


def rebuilt(
    before: str | None, now: Mapping[str, Any], changes: Sequence[FileChange], root: str | None, parent_step: int
) -> str:
    """Say why a step isn't answered by the cache.

    `before` is the document of what was at this place the last time; `changes` are files of the context, below
    `root`; `parent_step` is the number of the step that this one is built on.
    """
    if before is None:
        return "built for the first time"
    old: dict[str, Any] = json.loads(before)
    reasons = []
    if old.get("op") == now.get("op"):
        reasons += [f"{_WORDS[name]} changed" for name in _WORDS if name in now and old.get(name) != now[name]]
        reasons += _variables(old.get("env") or {}, now.get("env") or {})
        if old.get("content") != now.get("content"):
            reasons += [_file(change, root) for change in changes[:_SHOWN]] or ["the content of its sources changed"]
            if len(changes) > _SHOWN:
                reasons.append(f"{len(changes) - _SHOWN} more files changed")
    else:
        reasons.append("its instruction changed")
    if old.get("parent") != now.get("parent"):
        reasons.append(f"its input from step {parent_step} changed")
    return "; ".join(dict.fromkeys(reasons)) or "its result is no longer in the cache"


def _variables(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    reasons = []
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            reasons.append(f"${name} is no longer set")
        elif name not in before:
            reasons.append(f"${name} is new")
        elif before[name] != now[name]:
            reasons.append(f"${name} changed ({_short(before[name])} → {_short(now[name])})")
    return reasons


def _file(change: FileChange, root: str | None) -> str:
    path = os.path.relpath(change.path, root) if root is not None else change.path
    if not change.before:
        return f"{path} is new"
    if not change.after:
        return f"{path} is gone"
    digests = f"sha256 {change.before[:4]}… → {change.after[:4]}…"
    return f"{path} changed ({digests}, {change.size_before:,} → {change.size_after:,} bytes)"


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")

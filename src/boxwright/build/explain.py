"""Why a step was built again: the difference between two key documents, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.build.filechanges import FileChange, describe
from boxwright.dockerfile.secret_names import is_secret_name
from boxwright.oci.digest import ChainID, Digest

if TYPE_CHECKING:
    from boxwright.build.places import Earlier
    from boxwright.build.planned import BaseImage, Step
    from boxwright.build.state import ImageState
    from boxwright.store.store import Store

_LONGEST = 60
_AROUND = 12  # characters that are the same, shown before and after those that differ
_WORDS = {
    "cwd": "its working directory",
    "user": "its user",
    "network": "its network",
    "hostname": "its host name",
    "platform": "its platform",
    "destination": "its destination",
    "directory": "its destination",
    "chown": "--chown",
    "mode": "--chmod",
    "path": "its path",
    "link": "--link",
    "unpack": "--unpack",
    "filtered": "what --exclude and --parents leave",
    "files": "the text that it writes",
    "repositories": "the commit that it takes",
}
_TOLD_APART = frozenset({"argv", "content", "downloads", "env", "op", "parent", "v"})
NOT_ASKED = "the cache was not asked"
_LOST = "its result is no longer in the cache"


class Explanation:
    """What differs between a step as it was and as it is."""

    def __init__(self, step: Step, state: ImageState, store: Store, base: BaseImage | None) -> None:
        """`state` is the image before the step, `base` the image that its stage starts from, if it does from one."""
        self._step = step
        self._state = state
        self._store = store
        self._base = base

    def rebuilt(self, before: Earlier, now: Mapping[str, Any], changes: Sequence[FileChange], root: str | None) -> str:
        """Say why the step wasn't answered by the cache.

        `before` is what it was the last time; `changes` are files that it copies, their paths to be shown as seen from
        `root`.
        """
        old: dict[str, Any] = json.loads(before.document)
        reasons = []
        if old.get("op") != now.get("op"):
            reasons.append(f"{self._step.span} changed: it was {str(old.get('op')).upper()}")
        else:
            reasons += self._command(old, now)
            if before.reworded and not reasons:
                reasons.append(f"{self._step.span} changed")
            reasons += _fields(old, now)
            reasons += self._variables(old.get("env") or {}, now.get("env") or {})
            reasons += _downloads(old.get("downloads") or (), now.get("downloads") or ())
            if old.get("content") != now.get("content"):
                reasons += describe(changes, root) or ["the content of what it copies changed"]
        if old.get("parent") != now.get("parent"):
            reasons.append(self._below(old.get("parent")))
        return "; ".join(dict.fromkeys(reasons)) or _LOST

    def _command(self, old: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
        before, after = old.get("argv"), now.get("argv")
        if before == after or before is None or after is None:
            return []
        if before[:-1] == after[:-1]:
            return [f"{self._step.span} changed ({_difference(before[-1], after[-1])})"]
        return [f"{self._step.span} changed ({_difference(' '.join(before), ' '.join(after))})"]

    def _variables(self, before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
        env = self._step.config.env_map()
        reasons = []
        for name in sorted(before.keys() | now.keys()):
            kind = "ENV" if name in env else "ARG"
            if name not in now:
                reasons.append(f"${name} is no longer set")
            elif name not in before:
                reasons.append(f"{kind} {name} is new")
            elif before[name] != now[name]:
                how = "" if is_secret_name(name) else f" ({_difference(before[name], now[name])})"
                reasons.append(f"{kind} {name} changed{how}")
        return reasons

    def _below(self, before: str | None) -> str:
        """Say what is different below the step, whose layers were `before` the last time."""
        base, state = self._base, self._state
        if state.chain != (base.chain if base is not None else None):
            return f"its input from step {state.made_by} changed"
        chain = ChainID(Digest(before)) if before else None
        images = self._store.images.with_chain(chain) if chain is not None else []
        if base is None or chain is None or (not images and self._store.steps.with_chain(chain)):
            return "a step before it is gone"
        was = images[0].id.short if images else f"layers {chain.removeprefix('sha256:')[:12]}"
        return f"its base {base.name} changed ({was} → {base.id.short})"


def _fields(old: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [name for name in (*_WORDS, *sorted(now.keys() | old.keys())) if name not in _TOLD_APART]
    changed = [name for name in dict.fromkeys(names) if old.get(name) != now.get(name)]
    return [f"{_WORDS.get(name, f'its {name}')} changed{_values(old.get(name), now.get(name))}" for name in changed]


def _values(before: object, after: object) -> str:
    """Show two values where they are plain ones; a number is the bits of a mode."""
    if isinstance(before, int) and isinstance(after, int) and not isinstance(after, bool):
        return f" ({before:04o} → {after:04o})"
    if isinstance(before, str) and isinstance(after, str) and before and after:
        return f" ({_difference(before, after)})"
    return ""


def _downloads(before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> list[str]:
    if before == after:
        return []
    known = {name: digest for name, digest, *_ in before}
    reasons = []
    for name, digest, *_ in after:
        was = known.get(name)
        if was is not None and was != digest:
            reasons.append(f"what is at the URL of {name} changed ({_digest(was)} → {_digest(digest)})")
    return reasons or ["what it downloads changed"]


def _digest(text: str) -> str:
    algorithm, _, digits = text.rpartition(":")
    return f"{algorithm or 'sha256'} {digits[:4]}…"


def _difference(before: str, after: str) -> str:
    """Show two texts so that what differs is in sight: in full, or from a little before that place on."""
    if max(len(before), len(after)) > _LONGEST:
        start = next(
            (index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
            min(len(before), len(after)),
        )
        start = max(0, start - _AROUND)
        before, after = _window(before, start), _window(after, start)
    return f"{before!r} → {after!r}"


def _window(text: str, start: int) -> str:
    head = "…" if start else ""
    return head + (text[start:] if len(text) - start <= _LONGEST else text[start : start + _LONGEST - 1] + "…")

"""When a tag was last looked at, and when a manifest was last used. The content itself is where all content is."""

from __future__ import annotations

import threading
from typing import Protocol

from boxwright.oci.digest import Digest


class Notes(Protocol):
    """All of them. Every method may be called from any thread; times are seconds since the epoch."""

    def checked(self, repository: str, tag: str) -> float | None:
        """Return when the upstream was last asked for a tag."""

    def check(self, repository: str, tag: str, now: float) -> None:
        """Note that the upstream was asked for a tag."""

    def use(self, repository: str, digest: Digest, now: float, *, older: float) -> None:
        """Note that a manifest is used, unless that was noted less than `older` seconds ago."""

    def unused(self, before: float, *, limit: int) -> list[tuple[str, Digest, float]]:
        """Return manifests that were last used before a time, and when, the longest unused first."""

    def forget(self, repository: str, digest: Digest, before: float) -> bool:
        """Drop the note of a manifest that is unused still; return whether it was."""

    def forget_tag(self, repository: str, tag: str) -> None:
        """Drop the note of a tag. Idempotent."""


class MemoryNotes:
    """`Notes` in dictionaries."""

    __slots__ = ("_checked", "_lock", "_used")

    def __init__(self) -> None:
        self._checked: dict[tuple[str, str], float] = {}
        self._used: dict[tuple[str, Digest], float] = {}
        self._lock = threading.Lock()

    def checked(self, repository: str, tag: str) -> float | None:
        return self._checked.get((repository, tag))

    def check(self, repository: str, tag: str, now: float) -> None:
        self._checked[repository, tag] = now

    def use(self, repository: str, digest: Digest, now: float, *, older: float) -> None:
        with self._lock:
            if self._used.get((repository, digest), 0.0) < now - older:
                self._used[repository, digest] = now

    def unused(self, before: float, *, limit: int) -> list[tuple[str, Digest, float]]:
        with self._lock:
            found = [(used, *key) for key, used in self._used.items() if used < before]
        return [(repository, digest, used) for used, repository, digest in sorted(found)[:limit]]

    def forget(self, repository: str, digest: Digest, before: float) -> bool:
        with self._lock:
            if self._used.get((repository, digest), before) >= before:
                return False
            del self._used[repository, digest]
            return True

    def forget_tag(self, repository: str, tag: str) -> None:
        self._checked.pop((repository, tag), None)

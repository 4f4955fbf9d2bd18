"""What is known of files in layers, from this machine and from caches elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable

from boxwright.build.cachefile import ContentNote
from boxwright.oci.digest import Digest
from boxwright.store.contexts import ContextCache
from boxwright.store.database import Database


class SharedContents(ContextCache):
    """The store's memory of contents, which also asks imported caches and notes what a build used; thread-safe.

    Only what is said of layers is shared: they never change under their name, wherever they are.
    """

    __slots__ = ("_foreign", "_lock", "_noted")

    def __init__(
        self, database: Database, foreign: Callable[[str, str], Digest | None] | None, *, eager: bool = False
    ) -> None:
        """`foreign` answers from elsewhere; with `eager`, it is worth finding out what has never been copied here."""
        super().__init__(database)
        self.eager = eager
        self._foreign = foreign
        self._noted: dict[tuple[str, str], Digest] = {}
        self._lock = threading.Lock()

    def digest(self, key: str, fingerprint: str) -> Digest | None:
        found = super().digest(key, fingerprint)
        if not _is_of_layers(fingerprint):
            return found
        if found is None and self._foreign is not None:
            found = self._foreign(key, fingerprint)
        if found is not None:
            self._note(key, fingerprint, found)
        return found

    def put_digest(self, key: str, fingerprint: str, digest: Digest) -> None:
        super().put_digest(key, fingerprint, digest)
        if _is_of_layers(fingerprint):
            self._note(key, fingerprint, digest)

    def notes(self) -> tuple[ContentNote, ...]:
        """Return what the build asked for, sorted."""
        with self._lock:
            return tuple(ContentNote(*pair, digest) for pair, digest in sorted(self._noted.items()))

    def _note(self, key: str, fingerprint: str, digest: Digest) -> None:
        with self._lock:
            self._noted[key, fingerprint] = digest


def _is_of_layers(fingerprint: str) -> bool:
    return fingerprint.startswith("sha256:")

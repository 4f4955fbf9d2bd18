"""The Engine."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from boxwright.engine.settings import Settings

if TYPE_CHECKING:
    from boxwright.store.store import Store


class Engine:
    """Everything that can be done with images and containers on one store.

    An engine may be used by several threads, and several engines (or commands) may work on one store at a time.
    Errors are BoxwrightErrors.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        if self._store is None:
            from boxwright.store.store import Store

            self._store = Store.open(self.settings.root)
        return self._store

    def close(self) -> None:
        """Close the store; the engine may not be used any more."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

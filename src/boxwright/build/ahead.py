"""What the end of a build takes, done while its first command runs: a processor is idle then, or nearly.

Milliseconds, which count where a build takes a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boxwright.dockerfile.lint.rule import LintWarning

_MODULES = ("boxwright.layer.diff", "boxwright.layer.hashing", "boxwright.build.copying", "boxwright.build.writing")
"""What becomes of a command's files, and what a COPY of them takes."""


class Ahead:
    """Finds the warnings of a Dockerfile once, ahead of the question if there is time. Thread-safe."""

    __slots__ = ("_error", "_lint", "_lock", "_thread", "_warnings")

    def __init__(self, lint: Callable[[], tuple[LintWarning, ...]]) -> None:
        self._lint = lint
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._warnings: tuple[LintWarning, ...] | None = None
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Begin in a thread. Idempotent."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="boxwright-ahead", daemon=True)
                self._thread.start()

    def warnings(self) -> tuple[LintWarning, ...]:
        """Return the warnings, or raise what finding them raised."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._lint() if self._warnings is None else self._warnings

    def _work(self) -> None:
        try:
            for name in _MODULES:
                import_module(name)
            self._warnings = self._lint()
        except BaseException as error:  # it belongs to whoever asks for the warnings
            self._error = error

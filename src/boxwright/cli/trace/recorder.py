"""Build events, kept with the moment at which each came."""

from __future__ import annotations

import os
import time
from collections import deque
from types import TracebackType
from typing import Self

from boxwright.build.progress import (
    BuildStarted,
    Event,
    ImageBuilt,
    Sink,
    StepDone,
    StepOutput,
    StepStarted,
    Warned,
)
from boxwright.errors import BoxwrightError, InvalidError
from boxwright.host.paths import Path

_MOST_KEPT = 256 << 10  # characters of output a step
_LONGEST = 4_000  # characters of a line


class Output:
    """The last lines that a step's command wrote."""

    __slots__ = ("_size", "dropped", "lines")

    def __init__(self) -> None:
        self.lines: deque[str] = deque()
        self.dropped = 0
        """How many lines came before those that are kept."""
        self._size = 0

    def add(self, line: str) -> None:
        if len(line) > _LONGEST:
            line = line[:_LONGEST] + "…"
        self.lines.append(line)
        self._size += len(line) + 1
        while self._size > _MOST_KEPT:
            self._size -= len(self.lines.popleft()) + 1
            self.dropped += 1


class Recorded:
    """One step. Times are seconds since the recording began."""

    __slots__ = ("done", "ended", "output", "started", "step")

    def __init__(self, step: StepStarted, started: float) -> None:
        self.step = step
        self.started = started
        self.ended: float | None = None
        self.done: StepDone | None = None
        self.output = Output()


class Recording:
    """What a build told."""

    __slots__ = ("begun", "built", "error", "length", "opening", "steps", "warnings")

    def __init__(self) -> None:
        self.begun = time.time()
        """Seconds since 1970."""
        self.opening: BuildStarted | None = None
        self.steps: dict[int, Recorded] = {}
        self.warnings: list[Warned] = []
        self.built: ImageBuilt | None = None
        self.error: str | None = None
        """What the build failed with."""
        self.length = 0.0
        """Seconds."""


class Recorder:
    """A sink that hands every event on, and writes the page when the build is over, however it went."""

    def __init__(self, path: str, sink: Sink) -> None:
        """Raises InvalidError when `path` cannot be written: that is better known before the build than after it."""
        folder = os.path.dirname(path) or "."
        if os.path.isdir(path) or not os.access(folder, os.W_OK | os.X_OK):
            raise InvalidError(f"--trace cannot write {path}", hint="name a file in a folder that you can write to")
        self._path = Path(path)
        self._sink = sink
        self._clock = time.monotonic()
        self.recording = Recording()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the page. Raises OSError when that fails and the build didn't."""
        from boxwright.cli.trace.page import page
        from boxwright.host.durable import write

        recording = self.recording
        recording.length = self._now()
        if error is not None:
            recording.error = error.message if isinstance(error, BoxwrightError) else "interrupted"
        write(self._path, page(recording), durable=False)

    def __call__(self, event: Event) -> None:
        self._sink(event)
        recording = self.recording
        if isinstance(event, StepStarted):
            recording.steps[event.number] = Recorded(event, self._now())
        elif isinstance(event, StepOutput):
            recording.steps[event.number].output.add(event.line)
        elif isinstance(event, StepDone):
            step = recording.steps[event.number]
            step.ended, step.done = self._now(), event
        elif isinstance(event, BuildStarted):
            recording.opening = event
        elif isinstance(event, Warned):
            recording.warnings.append(event)
        elif isinstance(event, ImageBuilt):
            recording.built = event

    def _now(self) -> float:
        return time.monotonic() - self._clock

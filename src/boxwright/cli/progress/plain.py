"""For logs: every line is final, and all output is there, in the order in which it came."""

from __future__ import annotations

from typing import TextIO

from boxwright.build.progress import (
    BuildStarted,
    Delivered,
    Delivering,
    Event,
    ImageBuilt,
    StepDone,
    StepKept,
    StepOutput,
    StepStarted,
    Warned,
)
from boxwright.cli.progress import base


class Plain(base.Base):
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._headings: dict[int, str] = {}
        self._speaking = 0  # the step whose output was printed last
        self._spoken: set[int] = set()
        self._kept: dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, BuildStarted):
            self._write(base.opening(event))
        elif isinstance(event, StepStarted):
            self._headings[event.number] = base.heading(event)
        elif isinstance(event, StepOutput):
            if self._speaking != event.number:
                # The heading stands above the output; when steps take turns, it is said again whose turn it is.
                self._speaking = event.number
                self._spoken.add(event.number)
                self._write(self._headings[event.number])
            self._write(f"      | {event.line}")
        elif isinstance(event, StepKept):
            self._kept[event.number] = base.kept(event)
        elif isinstance(event, StepDone):
            self._done(event)
        elif isinstance(event, Warned):
            self._speaking = 0
            self._write(base.warning(event.message, event.source))
        elif isinstance(event, ImageBuilt):
            self._write(base.closing(event))
        elif isinstance(event, Delivering):
            self._write(base.delivering(event))
        elif isinstance(event, Delivered):
            self._write(base.delivered(event))

    def _done(self, event: StepDone) -> None:
        heading = base.heading(event)
        if event.number in self._spoken:
            heading = heading.partition("]")[0] + "]" + (" done" if event.exit_code is None else " failed")
        self._speaking = 0
        self._write(base.line(heading, base.result(event)))
        if event.number in self._kept:
            self._write(f"      {self._kept[event.number]}")
        if event.explanation:
            self._write(f"      {base.explanation(event)}")

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

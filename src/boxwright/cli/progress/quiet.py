"""Nothing, except the last words of a command that failed: why it did is told by nobody else."""

from __future__ import annotations

from collections import deque
from typing import TextIO

from boxwright.build.progress import Event, StepDone, StepOutput
from boxwright.cli.progress import base

_LAST_WORDS = 50  # lines


class Quiet(base.Base):
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._output: dict[int, deque[str]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepOutput):
            self._output.setdefault(event.number, deque(maxlen=_LAST_WORDS)).append(event.line)
        elif isinstance(event, StepDone):
            output = self._output.pop(event.number, ())
            if event.exit_code is not None:
                self._out.write("".join(f"{line}\n" for line in output))
                self._out.flush()

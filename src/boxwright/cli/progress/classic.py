"""The voice of docker's first builder, for people who follow the book, and scripts that read it."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from boxwright.build.failure import BuildFailed
from boxwright.build.progress import (
    BuildStarted,
    Delivered,
    Delivering,
    Event,
    ImageBuilt,
    StepDone,
    StepKept,
    StepOutput,
    StepRunning,
    StepStarted,
    Warned,
)
from boxwright.cli import human
from boxwright.cli.progress import base


class Classic(base.Base):
    """Steps are told one after the other: what a later one says waits until those before it are done."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 1
        self._waiting: dict[int, list[Event]] = {}
        self._containers: dict[int, str] = {}

    def __call__(self, event: Event) -> None:
        number = getattr(event, "number", None)
        if number is None:
            self._tell(event)
            return
        self._waiting.setdefault(number, []).append(event)
        self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, BuildFailed):
            self._failed(error)

    def close(self) -> None:
        for number in sorted(self._waiting):
            for event in self._waiting.pop(number):
                self._tell(event)

    def _flush(self) -> None:
        while self._next in self._waiting:
            events = self._waiting.pop(self._next)
            for event in events:
                self._tell(event)
            if not isinstance(events[-1], StepDone):
                return
            self._next += 1

    def _tell(self, event: Event) -> None:
        if isinstance(event, BuildStarted):
            if event.context is not None:
                self._write(f"Sending build context to Docker daemon  {human.size(event.context.bytes)}")
        elif isinstance(event, StepStarted):
            self._write(f"Step {event.number}/{event.total} : {event.instruction}")
        elif isinstance(event, StepRunning):
            self._containers[event.number] = event.container
            self._write(f" ---> Running in {event.container[:12]}")
        elif isinstance(event, StepKept):
            del self._containers[event.number]  # it isn't removed, and docker says no more than that
        elif isinstance(event, StepOutput):
            self._write(event.line)
        elif isinstance(event, StepDone):
            self._done(event)
        elif isinstance(event, Warned):
            text = event.message[:1].upper() + event.message[1:]
            self._write(f"[Warning] {text}" + (f" ({event.source})" if event.source else ""))
        elif isinstance(event, ImageBuilt):
            self._write(f"Successfully built {event.image.short}")
            for name in event.names:
                self._write(f"Successfully tagged {name}")
        elif isinstance(event, Delivering):
            self._write(base.delivering(event))
        elif isinstance(event, Delivered):
            self._write(base.delivered(event))

    def _done(self, event: StepDone) -> None:
        if event.exit_code is not None:
            return  # whether its container is kept is known once the build has ended
        container = self._containers.pop(event.number, None)
        if event.cached and not event.instruction.upper().startswith("FROM"):
            self._write(" ---> Using cache")
        if container is not None:
            self._write(f"Removing intermediate container {container[:12]}")
        if event.image is not None:
            self._write(f" ---> {event.image.short}")

    def _failed(self, error: BuildFailed) -> None:
        container = self._containers.get(error.step)
        if container is not None and error.container is None:
            self._write(f"Removing intermediate container {container[:12]}")
        self._write(f"The command '{' '.join(error.argv)}' returned a non-zero code: {error.exit_code}")

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

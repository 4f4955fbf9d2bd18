"""Builds of several targets, told through one sink."""

from __future__ import annotations

import threading

from boxwright.build.progress import (
    BuildStarted,
    Event,
    ImageBuilt,
    Sink,
    StepDone,
    StepKept,
    StepOutput,
    StepRunning,
    StepStarted,
    Warned,
)


class Telling:
    """Gives the steps of all targets numbers of their own, and names the target beside each. Thread-safe."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._steps = 0

    def of(self, target: str) -> Sink:
        """Return the sink of one target."""
        # A target for several platforms begins several times, each going on with the numbers.
        numbers: dict[int, int] = {}

        def tell(event: Event) -> None:
            with self._lock:
                if isinstance(event, BuildStarted):
                    first = len(numbers) + 1
                    for number in range(first, first + event.steps):
                        self._steps += 1
                        numbers[number] = self._steps
                    event = event._replace(dockerfile=f"{target}: {event.dockerfile}")
                elif isinstance(event, (StepStarted, StepDone)):
                    stage = target if event.stage.isdigit() else f"{target} {event.stage}"
                    number = numbers[event.number]
                    before = number - event.number
                    event = event._replace(number=number, total=event.total + before, stage=stage, before=before)
                    if isinstance(event, StepStarted):
                        event = event._replace(inputs=tuple(numbers[number] for number in event.inputs))
                elif isinstance(event, (StepOutput, StepRunning, StepKept)):
                    event = event._replace(number=numbers[event.number])
                elif isinstance(event, Warned):
                    event = event._replace(message=f"{target}: {event.message}")
                elif isinstance(event, ImageBuilt):
                    last = event.before + event.steps
                    before = numbers.get(last, last) - event.steps
                    event = event._replace(before=before, target=target)
                self._sink(event)

        return tell

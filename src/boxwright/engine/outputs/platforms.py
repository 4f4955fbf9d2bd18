"""Builds for several platforms, side by side, told through one sink as if they were one build.

What several of them need, such as a stage that is built for the machine that builds, one of them does, and the others
wait for it: the cache sees to that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

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
from boxwright.build.request import BuildResult
from boxwright.errors import CancelledError
from boxwright.oci.platform import Platform


def side_by_side(
    platforms: Sequence[Platform],
    run: Callable[[int, Sink], BuildResult],
    sink: Sink,
    cancelled: threading.Event,
) -> list[BuildResult]:
    """Run the build of each platform (by its position), and return what they gave, in order.

    A build that fails ends the others by setting `cancelled`. Raises what the first one raised that wasn't cancelled.
    For the main thread: Ctrl-C ends all of them.
    """
    telling = _Telling(sink, platforms)
    if len(platforms) == 1:
        return [run(0, telling.sink_of(0))]
    results: list[BuildResult | None] = [None] * len(platforms)
    errors: list[BaseException] = []
    done = [threading.Event() for _ in platforms]

    def build(position: int) -> None:
        try:
            results[position] = run(position, telling.sink_of(position))
        except BaseException as error:
            cancelled.set()
            errors.append(error)
        finally:
            telling.ended(position)
            done[position].set()

    threads = [
        threading.Thread(target=build, args=(position,), name=f"boxwright-platform-{platform}")
        for position, platform in enumerate(platforms)
    ]
    started = []
    try:
        for thread, end in zip(threads, done, strict=True):
            thread.start()
            started.append(end)
        _wait(started)
    except BaseException:  # Ctrl-C comes to the main thread alone
        cancelled.set()
        for position in range(len(started), len(threads)):
            telling.ended(position)
        _wait(started)
        raise
    if errors:
        raise min(errors, key=lambda error: isinstance(error, CancelledError))
    return [result for result in results if result is not None]


def _wait(ends: Sequence[threading.Event]) -> None:
    # Not by joining the threads: see boxwright.build.execute.
    for end in ends:
        end.wait()


class _Telling:
    """Makes one build's events of those of several: steps are numbered through all of them, in the order of platforms.

    The numbers are known when all of the builds are planned, so none of them begins before.
    """

    def __init__(self, sink: Sink, platforms: Sequence[Platform]) -> None:
        self._sink = sink
        self._platforms = platforms
        self._steps: dict[int, int] = {}
        """How many each build has; 0 for one that ended before it began."""
        self._known = threading.Condition()
        self._one_at_a_time = threading.Lock()
        self._begun = False
        self._warnings: set[Warned] = set()

    def sink_of(self, position: int) -> Sink:
        def tell(event: Event) -> None:
            if isinstance(event, BuildStarted):
                self._begin(position, event)
                return
            if isinstance(event, Warned):  # mostly of the text, which they have in common
                with self._one_at_a_time:
                    if event not in self._warnings:
                        self._warnings.add(event)
                        self._sink(event)
                return
            told = self._renumbered(position, event)
            with self._one_at_a_time:
                self._sink(told)

        return tell

    def ended(self, position: int) -> None:
        """Note that a build is over, whether or not it has begun."""
        with self._known:
            self._steps.setdefault(position, 0)
            self._known.notify_all()

    def _begin(self, position: int, event: BuildStarted) -> None:
        with self._known:
            self._steps[position] = event.steps
            self._known.notify_all()
            self._known.wait_for(lambda: len(self._steps) == len(self._platforms))
        with self._one_at_a_time:
            if not self._begun:
                self._begun = True
                self._sink(event._replace(steps=sum(self._steps.values())))

    def _renumbered(self, position: int, event: Event) -> Event:
        before = sum(self._steps.get(earlier, 0) for earlier in range(position))
        platform = self._platforms[position]
        if isinstance(event, (StepStarted, StepDone)):
            stage = "" if event.stage.isdigit() else f" {event.stage}"
            total = sum(self._steps.values())
            event = event._replace(number=event.number + before, total=total, stage=f"{platform}{stage}")
            if isinstance(event, StepStarted):
                event = event._replace(inputs=tuple(number + before for number in event.inputs))
        elif isinstance(event, (StepOutput, StepRunning, StepKept)):
            event = event._replace(number=event.number + before)
        elif isinstance(event, ImageBuilt):
            event = event._replace(names=(str(platform),), before=before)
        return event

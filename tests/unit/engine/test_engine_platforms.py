"""Builds for several platforms: side by side, and told as one."""

from __future__ import annotations

import threading

import pytest

from boxwright.build.progress import BuildStarted, Event, ImageBuilt, Sink, StepDone, StepStarted, Warned
from boxwright.build.request import BuildResult
from boxwright.engine.outputs.platforms import side_by_side
from boxwright.errors import CancelledError, NotFoundError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform

PLATFORMS = [Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "s390x")]
PATIENCE = 20.0


def result(position: int) -> BuildResult:
    return BuildResult(Digest.of(b"%d" % position), 0, position + 1, 0)


def test_they_run_at_the_same_time_and_are_told_as_one() -> None:
    together = threading.Barrier(len(PLATFORMS))
    events: list[Event] = []

    def run(position: int, sink: Sink) -> BuildResult:
        together.wait(PATIENCE)
        steps = position + 1
        sink(BuildStarted("Dockerfile", None, steps))
        sink(Warned("the same for all"))
        for number in range(1, steps + 1):
            sink(StepStarted(number, steps, "0" if position else "base", "RUN x", (number - 1,)))
            sink(StepDone(number, steps, "0", "RUN x", False, 0.0, None, None, None))
        sink(ImageBuilt(Digest.of(b""), (), 0, 0, 0.0, steps, 0))
        together.wait(PATIENCE)
        return result(position)

    assert side_by_side(PLATFORMS, run, events.append, threading.Event()) == [result(0), result(1), result(2)]
    assert events[0] == BuildStarted("Dockerfile", None, 6)
    assert [event for event in events[1:] if isinstance(event, (BuildStarted, Warned))] == [Warned("the same for all")]
    begun = sorted(event[:3] + event[4:] for event in events if isinstance(event, StepStarted))
    assert [(number, total, stage) for number, total, stage, *_ in begun] == [
        (1, 6, "linux/amd64 base"),
        *((2, 6, "linux/arm64"), (3, 6, "linux/arm64")),
        *((4, 6, "linux/s390x"), (5, 6, "linux/s390x"), (6, 6, "linux/s390x")),
    ]
    assert [inputs for *_, inputs, _before in begun] == [(0,), (1,), (2,), (3,), (4,), (5,)]
    assert sorted(event.names for event in events if isinstance(event, ImageBuilt)) == [
        *(("linux/amd64",), ("linux/arm64",), ("linux/s390x",))
    ]


@pytest.mark.parametrize("begun", [True, False])
def test_one_that_fails_ends_the_others(begun: bool) -> None:
    cancelled = threading.Event()

    def run(position: int, sink: Sink) -> BuildResult:
        if begun or position != 1:
            sink(BuildStarted("Dockerfile", None, 1))
        if position == 1:
            raise NotFoundError("no base for it")
        assert cancelled.wait(PATIENCE)
        raise CancelledError("cancelled")

    with pytest.raises(NotFoundError, match="no base for it"):
        side_by_side(PLATFORMS, run, lambda event: None, cancelled)


def test_a_single_one_is_named_as_well() -> None:
    events: list[Event] = []

    def run(position: int, sink: Sink) -> BuildResult:
        sink(BuildStarted("Dockerfile", None, 1))
        sink(StepStarted(1, 1, "0", "FROM scratch"))
        return result(0)

    side_by_side(PLATFORMS[:1], run, events.append, threading.Event())
    assert events == [BuildStarted("Dockerfile", None, 1), StepStarted(1, 1, "linux/amd64", "FROM scratch")]

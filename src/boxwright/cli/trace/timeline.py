"""A recording as lanes and bars, and the steps that a build's length hangs on. Pure."""

from __future__ import annotations

from boxwright.build.progress import FIRST_TIME
from boxwright.cli.trace.recorder import Output, Recorded, Recording
from boxwright.values import NamedTuple

_STEPS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
)
_MOST_TICKS = 8


class Bar(NamedTuple):
    """One step. Times are seconds since the recording began."""

    number: int
    text: str
    started: float
    """When it could begin, and no longer waited for other stages."""
    ended: float
    waited: float
    """Seconds before `started` that it waited."""
    state: str
    """``done``, ``cached``, ``failed`` or ``stopped``."""
    critical: bool
    added: int | None
    explanation: str
    output: Output

    @property
    def seconds(self) -> float:
        return self.ended - self.started


class Lane(NamedTuple):
    """One stage."""

    title: str
    bars: tuple[Bar, ...]


def lanes(recording: Recording) -> list[Lane]:
    """Return the stages in the order of the file, each with its steps."""
    steps = recording.steps
    path = critical_path(recording)
    # That all is new is no news.
    told = any(step.done and step.done.explanation not in ("", FIRST_TIME) for step in steps.values())
    found: dict[str, list[Bar]] = {}
    for number in sorted(steps):
        recorded = steps[number]
        found.setdefault(recorded.step.stage, []).append(_bar(recorded, recording, critical=number in path, told=told))
    return [Lane(title, tuple(bars)) for title, bars in found.items()]


def critical_path(recording: Recording) -> frozenset[int]:
    """Return the steps that the build waited for: from the last one to end back through whatever it waited for last."""
    steps = recording.steps
    number = max(steps, key=lambda number: (_ended(steps[number], recording), number), default=0)
    path = []
    while number in steps:
        path.append(number)
        inputs = [before for before in steps[number].step.inputs if before in steps and before not in path]
        number = max(inputs, key=lambda before: _ended(steps[before], recording), default=0)
    return frozenset(path)


def ticks(length: float) -> list[float]:
    """Return the round moments, in seconds, at which a timeline of this length is marked."""
    step = next((step for step in _STEPS if length / step <= _MOST_TICKS), _STEPS[-1])
    while length / step > _MOST_TICKS:
        step *= 2
    return [step * index for index in range(int(length / step) + 1)]


def _bar(recorded: Recorded, recording: Recording, *, critical: bool, told: bool) -> Bar:
    step, done = recorded.step, recorded.done
    ended = _ended(recorded, recording)
    inputs = [recording.steps[number] for number in step.inputs if number in recording.steps]
    ready = max((_ended(before, recording) for before in inputs), default=0.0)
    started = min(max(recorded.started, ready), ended)
    state = "done"
    if done is None:
        state = "stopped"
    elif done.exit_code is not None:
        state = "failed"
    elif done.cached:
        state = "cached"
    return Bar(
        step.number,
        step.instruction,
        started,
        ended,
        started - recorded.started,
        state,
        critical,
        done.added if done is not None else None,
        done.explanation if told and done is not None else "",
        recorded.output,
    )


def _ended(recorded: Recorded, recording: Recording) -> float:
    return recording.length if recorded.ended is None else recorded.ended

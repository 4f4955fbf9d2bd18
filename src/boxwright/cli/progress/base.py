"""What the renderers share: the context manager, and the words for what has happened."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from boxwright.build.progress import (
    FIRST_TIME,
    BuildStarted,
    Delivered,
    Delivering,
    ImageBuilt,
    StepDone,
    StepKept,
    StepStarted,
)
from boxwright.cli import human

_RESULT_COLUMN = 68


class Base:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was. Most have nothing to do."""


def opening(event: BuildStarted) -> str:
    """Return ``web/Dockerfile · context 2 files, 1.2 kB · 1 ignored``."""
    parts = [event.dockerfile]
    if event.context is not None:
        files, size, ignored = event.context
        parts.append(f"context {files:,} file{'' if files == 1 else 's'}, {human.spaced_size(size)}")
        if ignored:
            parts.append(f"{ignored:,} ignored")
    return " · ".join(parts)


def heading(event: StepStarted | StepDone) -> str:
    """Return ``[2/4] RUN make``; a stage's name goes before the numbers."""
    number, total = event.number - event.before, event.total - event.before
    name = "" if event.stage.isdigit() or not event.stage else f"{event.stage} "
    return f"[{name}{number:>{len(str(total))}}/{total}] {event.instruction}"


def result(event: StepDone) -> str:
    """Return what came of a step: ``cached``, ``11.8s  +62.4 MB``, ``2.3s  exit 254``."""
    if event.exit_code is not None:
        return f"{human.seconds(event.seconds):>6}  exit {event.exit_code}"
    if event.cached:
        return f"{event.image.short}  cached" if event.image and event.instruction.startswith("FROM") else "cached"
    added = "" if event.added is None else f"  +{human.spaced_size(event.added)}"
    return f"{human.seconds(event.seconds):>6}{added}"


def kept(event: StepKept) -> str:
    return f"container kept: {event.name} ({event.container[:12]})"


def explanation(event: StepDone) -> str:
    """Return why a step was done, or why it didn't have to be, on one line."""
    if event.explanation == FIRST_TIME:
        return event.explanation
    return f"{'cached' if event.cached else 'rebuilt'}: {event.explanation}"


def line(text: str, right: str) -> str:
    """Return `text` with `right` in the column of results, or close behind when `text` is longer."""
    return f"{text:<{_RESULT_COLUMN}}{right}" if len(text) < _RESULT_COLUMN else f"{text}  {right.strip()}"


def closing(event: ImageBuilt) -> str:
    """Return ``built  ada/web:latest  9c1f0e77a2d3  (182 MB, 3 layers, 12.1s, 1 of 4 from cache)``."""
    names = "  ".join([*([f"{event.target}:"] if event.target else []), *event.names])
    layers = f"{event.layers} layer{'' if event.layers == 1 else 's'}"
    facts = f"{human.spaced_size(event.size)}, {layers}, {human.seconds(event.seconds)}"
    return (
        f"built  {names + '  ' if names else ''}{event.image.short}  "
        f"({facts}, {event.cached} of {event.steps} from cache)"
    )


def delivering(event: Delivering) -> str:
    """Return ``pushing localhost:5000/ada/web:latest``."""
    return f"{event.action} {'the standard output' if event.target == '-' else event.target}"


def delivered(event: Delivered) -> str:
    """Return ``pushed  ada/web:latest@sha256:5be1…  (62.4 MB sent, 118 MB were there, 2.1s)``."""
    facts = []
    if event.there is not None:
        facts = [f"{human.spaced_size(event.size or 0)} sent", f"{human.spaced_size(event.there)} were there"]
    elif event.size is not None:
        facts = [human.spaced_size(event.size)]
    target = "the standard output" if event.target == "-" else event.target
    return f"{event.action:<6} {target}  ({', '.join([*facts, human.seconds(event.seconds)])})"


def warning(message: str, source: str) -> str:
    return f"warning: {message}" + (f" ({source})" if source else "")

"""For a terminal: finished steps stay as lines; the running ones stand below, alive, with their last words."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
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
from boxwright.cli import human
from boxwright.cli.progress import base
from boxwright.cli.progress.colours import Colours

_FRAME = 0.1  # seconds between two pictures
_LAST_WORDS = 6  # lines of output under a running step
_KEPT = 10_000  # lines of output that are shown in full when the step fails
_COLOURS = Colours()
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[2K", "\x1b[J"


class _Running:
    def __init__(self, heading: str) -> None:
        self.heading = heading
        self.started = time.monotonic()
        self.output: deque[str] = deque(maxlen=_KEPT)
        self.dropped = 0
        self.kept = ""


class Tty(base.Base):
    def __init__(self, out: TextIO, colours: Colours = _COLOURS) -> None:
        self._out = out
        self._colours = colours
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._drawn = 0
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._clock.start()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, StepStarted):
                heading = base.heading(event)
                self._running[event.number] = _Running(heading)
            elif isinstance(event, StepOutput):
                running = self._running[event.number]
                running.dropped += len(running.output) == _KEPT
                running.output.append(event.line)
            elif isinstance(event, BuildStarted):
                self._say(base.opening(event))
            elif isinstance(event, StepKept):
                self._running[event.number].kept = base.kept(event)
            elif isinstance(event, StepDone):
                self._done(event)
            elif isinstance(event, Warned):
                self._say(self._coloured(self._colours.warning, base.warning(event.message, event.source)))
            elif isinstance(event, ImageBuilt):
                self._say(self._coloured(self._colours.built, base.closing(event)))
            elif isinstance(event, Delivering):
                self._say(base.delivering(event))
            elif isinstance(event, Delivered):
                self._say(self._coloured(self._colours.built, base.delivered(event)))

    def close(self) -> None:
        self._closed.set()
        self._clock.join()
        with self._lock:
            self._out.write(self._erased())
            self._out.flush()

    def _done(self, event: StepDone) -> None:
        running = self._running.pop(event.number, None)
        heading = base.heading(event)
        right = base.result(event)
        colours = self._colours
        colour = colours.error if event.exit_code is not None else colours.cached if event.cached else colours.run
        width = self._width()
        text = human.shortened(heading, max(20, width - len(right) - 3))
        lines = [self._coloured(colour, base.line(text, right) if width > 90 else f"{text}  {right.strip()}")]
        if running is not None and running.kept:
            lines.append(self._coloured(colours.cached, f"      {running.kept}"))
        if event.explanation:
            lines.append(self._coloured(colours.cached, f"      {base.explanation(event)}"))
        if event.exit_code is not None and running is not None:
            if running.dropped:
                lines.append(f"      | … {running.dropped:,} lines before")
            lines += [f"      | {line}" for line in running.output]
        self._say("\n".join(lines))

    def _coloured(self, colour: str, text: str) -> str:
        return f"{colour}{text}{self._colours.plain}" if colour else text

    def _say(self, text: str) -> None:
        """Print something that stays, above what is alive."""
        self._out.write(self._erased() + text + "\n")
        self._draw()

    def _erased(self) -> str:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._drawn = 0
        return f"\r{up}{_CLEAR_BELOW}"

    def _draw(self) -> None:
        width, height = self._width(), shutil.get_terminal_size((80, 24)).lines
        lines: list[str] = []
        now = time.monotonic()
        for running in self._running.values():
            span = now - running.started
            if span < _FRAME:
                continue  # most steps are done before anyone could read them
            clock = human.seconds(span)
            heading = human.shortened(running.heading, max(20, width - len(clock) - 4))
            lines.append(f"{base.line(heading, clock) if width > 90 else f'{heading}  {clock}'}")
            words = list(running.output)[-_LAST_WORDS:]
            lines += [self._coloured(self._colours.cached, f"      | {_printable(word, width - 9)}") for word in words]
        lines = lines[-max(1, height - 2) :]
        self._out.write("".join(f"{_CLEAR_LINE}{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def _tick(self) -> None:
        while not self._closed.wait(_FRAME):
            with self._lock:
                if self._running:
                    self._out.write(self._erased())
                    self._draw()

    def _width(self) -> int:
        return shutil.get_terminal_size((80, 24)).columns


def _printable(text: str, width: int) -> str:
    """A program's own colours and cursor movements would tear the picture."""
    text = human.without_colours(text).expandtabs()
    return human.shortened("".join(character for character in text if character.isprintable()), max(10, width))

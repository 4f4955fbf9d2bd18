"""Progress of pulls and pushes: bars on a terminal, a line a layer in a log."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from boxwright.cli import human

if TYPE_CHECKING:
    from boxwright.cli.parsing import Parser
    from boxwright.cli.session import Session
    from boxwright.remote.progress import Event

_BAR = 24
_FRAME = 0.08  # seconds between two pictures


def declare_rate(parser: Parser) -> None:
    """Add ``--limit-rate`` to a command that transfers layers."""
    parser.add_argument(
        "--limit-rate", metavar="RATE", help="bytes a second at most, in each direction: 500k, 10m (limit-rate)"
    )


def declare(parser: Parser, image: str) -> None:
    """Add what ``pull`` and ``push`` have in common; `image` is how their operand is written."""
    declare_rate(parser)
    parser.repeated("--insecure-registry", metavar="HOST:PORT", help="a registry that may speak plain HTTP")
    parser.refused("--disable-content-trust", why="there is no content trust to disable", value=False)
    parser.add_argument("name", metavar=image, help="the image")


def limit_rate(args: Any, session: Session) -> None:
    """Have ``--limit-rate`` go before the setting. Raises InvalidError."""
    if args.limit_rate is not None:
        from boxwright.engine.settings import parse_rate

        session.override(limit_rate=parse_rate(args.limit_rate))


class _Layer:
    __slots__ = ("done", "started", "text", "total")

    def __init__(self) -> None:
        self.done = 0
        self.total: int | None = None
        self.started = time.monotonic()
        self.text = ""


class Progress:
    """A sink of transfer events that draws them. Thread-safe; used as a context manager."""

    def __init__(self, out: TextIO | None = None, *, quiet: bool = False) -> None:
        self._out = out or sys.stdout
        self._lively = self._out.isatty() and not quiet
        self._quiet = quiet
        self._lock = threading.Lock()
        self._layers: dict[str, _Layer] = {}
        self._drawn = 0
        self._last = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._lively:
                self._draw()

    def title(self, line: str) -> None:
        """Begin something else: what was drawn stays, and `line` stands above what follows."""
        with self._lock:
            if self._lively:
                self._draw()
            self._layers.clear()
            self._drawn = 0
            self._out.write(f"{line}\n")
            self._out.flush()

    def __call__(self, event: Event) -> None:
        with self._lock:
            said = aside(event)
            settled = "" if said else self._note(event)
            if self._quiet:
                return
            if not self._lively:
                if line := said or settled:
                    self._out.write(f"  {line}\n")
                    self._out.flush()
                return
            now = time.monotonic()
            if said or settled or now - self._last >= _FRAME:
                self._last = now
                self._draw(said)

    def _note(self, event: Any) -> str:
        """Take a layer's event in; return a line when it is settled."""
        kind = type(event).__name__
        layer = self._layers.setdefault(event.layer.short, _Layer())
        if kind == "LayerBytes":
            layer.done, layer.total = event.done, event.total
            return ""
        if kind == "LayerExists":
            layer.text = "exists"
        elif kind == "LayerMounted":
            layer.text = f"exists in {event.source}, mounted"
        else:
            spent = time.monotonic() - layer.started
            layer.text = f"done  {human.spaced_size(event.size)}"
            if spent > 0.05 and event.size > 100_000:
                layer.text += f"  {human.spaced_size(event.size / spent)}/s"
        return f"{event.layer.short}  {layer.text}"

    def _draw(self, above: str = "") -> None:
        """Draw the layers anew, below a line that stays."""
        lines = [*([above] if above else []), *(f"{name}  {_shown(layer)}" for name, layer in self._layers.items())]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K  {line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(self._layers)


def aside(event: Any) -> str:
    """Return what to say of an event that is of no layer, else nothing."""
    kind = type(event).__name__
    if kind == "Waiting":
        return f"{event.why}: trying again in {event.seconds:.1f}s"
    if kind == "Warned":
        return f"{event.host} says: {event.text}"
    if kind == "PlaceFailed":
        return f"{event.why}: asking the next"
    return ""


def _shown(layer: _Layer) -> str:
    if layer.text:
        return layer.text
    spent = max(time.monotonic() - layer.started, 0.001)
    rate = f"{human.spaced_size(layer.done / spent)}/s"
    if not layer.total:
        return f"{human.spaced_size(layer.done)}   {rate}"
    filled = min(_BAR, _BAR * layer.done // layer.total)
    bar = "█" * filled + "░" * (_BAR - filled)
    return f"{bar}  {human.spaced_size(layer.done)} / {human.spaced_size(layer.total)}   {rate}"

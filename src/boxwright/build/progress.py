"""What a build tells while it works, as values; a face turns them into lines, bars or JSON.

Events of one step arrive in order; those of steps that run side by side are mixed. A sink is called from several
threads, one call at a time, and must not block for long: the build waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from boxwright.build.context import Census
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

FIRST_TIME = "built for the first time"
"""The explanation of a step that has no earlier build to compare it with."""


class BuildStarted(NamedTuple):
    """First of all."""

    dockerfile: str
    """As it is to be shown: ``web/Dockerfile``, ``-`` for the standard input."""
    context: Census | None
    """What the context holds; None where counting it just to tell it would have taken too long."""
    steps: int


class StepStarted(NamedTuple):
    number: int
    """From 1; steps are numbered through all stages that are built, in the order of the file."""
    total: int
    stage: str
    """The stage's name, or its number where it has none."""
    instruction: str
    """The instruction on one line, as it was written."""
    inputs: tuple[int, ...] = ()
    """The numbers of the steps that it is built on: the one before it, and the last one of a stage that it takes files
    from."""
    before: int = 0
    """How many numbers are those of other builds that run at the same time: `number` and `total` are that much more
    than a person is told."""


class StepOutput(NamedTuple):
    """One line that a step's command wrote, without its line end."""

    number: int
    line: str
    stream: str
    """``stdout`` or ``stderr``."""


class StepRunning(NamedTuple):
    """A step's command has been started in a container."""

    number: int
    container: str


class StepKept(NamedTuple):
    """The container of a step that went well is kept, since that was asked for."""

    number: int
    container: str
    """Its ID."""
    name: str


class StepDone(NamedTuple):
    number: int
    total: int
    stage: str
    instruction: str
    cached: bool
    seconds: float
    added: int | None
    """Bytes of content in the new layer; None for a step that makes no layer."""
    exit_code: int | None
    """Of the command, where it failed; None otherwise."""
    image: Digest | None
    """The image as of this step: that of FROM, and of every step where intermediate images are made."""
    explanation: str = ""
    """Why it was built again, or which change made no difference; empty unless it was asked for."""
    before: int = 0
    """As that of `StepStarted`."""


class Warned(NamedTuple):
    """Something that is no error, but that whoever wrote the file would want to know."""

    message: str
    source: str = ""
    """``Dockerfile:7``, or empty."""


class ImageBuilt(NamedTuple):
    """Last of all, but for its outputs, when the build of an image succeeded."""

    image: Digest
    names: tuple[str, ...]
    size: int
    layers: int
    seconds: float
    steps: int
    cached: int
    """How many of the steps came from the cache (steps that make no layer count as the one before them)."""
    before: int = 0
    """As that of `StepStarted`: the last step has the number `before` + `steps`."""
    target: str = ""
    """What was built, where several targets are."""


class Delivering(NamedTuple):
    """An output is begun: ``writing`` a file or folder, ``pushing`` an image."""

    action: str
    target: str


class Delivered(NamedTuple):
    """An output is there, whole."""

    action: str
    """``wrote``, ``pushed``, ``tagged``."""
    target: str
    """A path, ``-`` for the standard output, or a name."""
    seconds: float
    size: int | None = None
    """Bytes that were written or sent."""
    there: int | None = None
    """Bytes that the registry had already."""


Event: TypeAlias = (
    BuildStarted
    | StepStarted
    | StepOutput
    | StepRunning
    | StepKept
    | StepDone
    | Warned
    | ImageBuilt
    | Delivering
    | Delivered
)
Sink: TypeAlias = Callable[[Event], None]


def discard(event: Event) -> None:
    """The sink of whoever doesn't want to know."""

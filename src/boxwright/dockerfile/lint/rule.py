"""A rule, what it looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from boxwright.dockerfile.expand import Undefined
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.instructions import From, Instruction
from boxwright.dockerfile.source import Span
from boxwright.dockerfile.stages import Dockerfile, Stage
from boxwright.values import NamedTuple


class ForeignBase(NamedTuple):
    """A base image that is for another platform than the one that is built for."""

    from_: From
    found: str
    wanted: str


class Subject(NamedTuple):
    """A Dockerfile, and what is known of the build beyond its text."""

    dockerfile: Dockerfile
    undefined: tuple[Undefined, ...] = ()
    ignore: IgnoreRules | None = None
    """The context's rules; None when there is no context."""
    foreign: tuple[ForeignBase, ...] = ()


class Finding(NamedTuple):
    message: str
    span: Span
    mark: str | None = None
    """The text within the span that it is about."""


class Rule(NamedTuple):
    name: str
    summary: str
    """What the rule asks for, in a sentence."""
    reason: str
    """Why, in a sentence or two."""
    find: Callable[[Subject], Iterable[Finding]]
    bad: str = ""
    """A Dockerfile in which it finds something; empty where that takes more than a text."""
    good: str = ""
    """The same, mended."""
    own: bool = False
    """It is not one of BuildKit's."""
    in_builds: bool = True
    """It also speaks up while something is built; otherwise only when a check was asked for."""
    experimental: bool = False
    """It is off until ``# check=experimental=`` names it."""


class LintWarning(NamedTuple):
    """What a rule found."""

    rule: str
    message: str
    span: Span
    mark: str | None = None

    def excerpt(self) -> tuple[str, ...]:
        """Return the place as lines to show."""
        return self.span.excerpt(mark=self.mark)


def everywhere(dockerfile: Dockerfile) -> Iterator[Instruction]:
    """Return all instructions in the order of the file."""
    yield from dockerfile.global_args
    for stage in dockerfile.stages:
        yield stage.from_
        yield from stage.instructions


def base_stage(dockerfile: Dockerfile, stage: Stage) -> Stage | None:
    """Return the stage that `stage` is built on, as far as its FROM tells without its variables."""
    name = stage.from_.image.lower()
    return next((other for other in reversed(dockerfile.stages[: stage.number]) if other.name == name), None)


def lineage(dockerfile: Dockerfile, stage: Stage) -> tuple[Stage, ...]:
    """Return the stages whose layers are in the image of `stage`, the lowest first and itself last."""
    stages = [stage]
    while (below := base_stage(dockerfile, stages[0])) is not None:
        stages.insert(0, below)
    return tuple(stages)

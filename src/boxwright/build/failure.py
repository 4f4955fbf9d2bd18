"""A step that failed, and how it is told: where, with what, and what is left to look into."""

from __future__ import annotations

from typing import Protocol

from boxwright.build.planned import Step
from boxwright.build.runner import StepProcess
from boxwright.dockerfile.source import DockerfileError, Span, UnsupportedSyntax
from boxwright.errors import BoxwrightError, CancelledError, UnavailableError
from boxwright.oci.config import ImageConfig
from boxwright.oci.digest import ChainID, Digest
from boxwright.store.snapshots import Draft
from boxwright.values import NamedTuple


class CommandFailed(Exception):
    """A RUN's command ended with another status than zero. It never leaves this room: `BuildFailed` does."""

    def __init__(self, exit_code: int, process: StepProcess) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.process = process


class LayersLost(UnavailableError):
    """Layers of an answer cannot be had after all: the build goes on without the cache that promised them."""

    def __init__(self, chain: ChainID, why: str) -> None:
        super().__init__(f"layer {chain.short} of an imported cache cannot be had: {why}")
        self.chain = chain


class EndedStep(NamedTuple):
    """A command that ended, with the file system as it left it."""

    process: StepProcess
    exit_code: int
    draft: Draft
    """What it changed. Where the command failed, `fs` may be moved away, for a container to live on, and the rest is
    discarded; else it becomes a layer, and may only be read."""
    chain: ChainID | None
    """The layers below it."""
    image: Digest | None
    """The image before the step; None when there is nothing before it."""
    config: ImageConfig
    """That image's configuration."""


class KeptContainer(NamedTuple):
    id: str
    name: str


class Keeper(Protocol):
    """What keeps a step for a look inside: the port that the engine fills with its containers."""

    def __call__(self, ended: EndedStep, /) -> KeptContainer | None:
        """Make a stopped container of the step, with `ended.process.id` as its ID; None when there is none to be."""


class BuildFailed(UnavailableError):
    """A step's command failed.

    `argv` and `exit_code` are the command's; `container` is the one that was kept, if one was; `image` the last good
    image.
    """

    def __init__(
        self,
        step: Step,
        argv: tuple[str, ...],
        exit_code: int,
        container: KeptContainer | None,
        image: Digest | None,
        hint: str | None = None,
    ) -> None:
        detail = list(step.span.excerpt(context=1))
        if container is not None or image is not None:
            detail.append("")
        if container is not None:
            detail.append(
                f"The container is kept: boxwright exec or commit it as  {container.name} ({container.id[:12]})"
            )
        if image is not None:
            detail.append(f"The image before this step:                    boxwright run -it {image.short} sh")
        super().__init__(
            f"the command in step {step.number} exited with {exit_code}", detail=detail, hint=hint or _hint(exit_code)
        )
        self.step = step.number
        self.argv = argv
        self.exit_code = exit_code
        self.container = container
        self.image = image


class StepImpossible(UnavailableError):
    """The system refused what a step needs to do with a file."""

    def __init__(self, error: OSError, span: Span) -> None:
        from boxwright.store.space import FREE_SOME, FULL

        hint = FREE_SOME if error.errno in FULL else None
        super().__init__(
            f"{error.filename}: {(error.strerror or str(error)).lower()}", detail=span.excerpt(), hint=hint
        )
        self.errno = error.errno


def _hint(exit_code: int) -> str | None:
    if exit_code == 137:
        return "it was killed: by the kernel when memory ran out, or by hand"
    return None


def locate(error: BoxwrightError, span: Span) -> None:
    """Add to an error that happened in a step where the step stands, unless the error says where it is itself."""
    if not isinstance(error, (DockerfileError, UnsupportedSyntax, CancelledError, BuildFailed)):
        error.detail = (*span.excerpt(), *(("", *error.detail) if error.detail else ()))

"""What is planned: base images, actions, steps, stages. Values alone; `boxwright.build.plan` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from boxwright.build.copies import CopyAction
from boxwright.dockerfile.expand import Undefined
from boxwright.dockerfile.source import Span
from boxwright.oci.config import ImageConfig, RunConfig
from boxwright.oci.digest import ChainID, Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.mounts import RunMount
    from boxwright.dockerfile.script import Script

SCRIPTS = "/dev/pipes"
"""Where the script of a here-document is in a RUN, as in BuildKit; /dev is fresh memory, so no layer knows of it."""
SCRATCH = "scratch"
"""The name of no image: nothing."""


class BaseImage(NamedTuple):
    """An image that a stage starts from or copies from; its layers are in the store."""

    name: str
    """As it is written in the file."""
    id: Digest
    chain: ChainID | None
    config: ImageConfig


class RunAction(NamedTuple):
    argv: tuple[str, ...]
    env: Mapping[str, str]
    proxies: Mapping[str, str]
    """Variables that the command sees, but that are no part of what it is."""
    cwd: str
    user: str
    script: Script | None = None
    """A file that it brings along, in `SCRIPTS`."""
    mounts: tuple[MountAction, ...] = ()
    network: str | None = None
    """``none`` or ``host``; None leaves it to the command line."""
    insecure: bool = False
    """It may do everything that root may."""


class MountAction(NamedTuple):
    """A mount of a RUN, and where its files come from."""

    mount: RunMount
    """Its target is absolute, if it has one."""
    stage: int | None = None
    image: BaseImage | None = None
    context: str | None = None
    """A named context. With none of these, a bind mount's files are the context's, unless it is from ``scratch``."""


class WorkdirAction(NamedTuple):
    path: str
    """Absolute."""
    user: str
    """Whose the directory will be, if it must be made."""


Action: TypeAlias = RunAction | CopyAction | WorkdirAction


class Step(NamedTuple):
    number: int
    text: str
    """The instruction on one line, as it was written."""
    span: Span
    action: Action | None
    """What is done to files; None for an instruction that sets metadata only."""
    history: str
    """What the image's history says of it; empty for nothing."""
    config: RunConfig
    """As it is after the step."""
    author: str


class PlannedStage(NamedTuple):
    number: int
    title: str
    first: int
    """The number of its FROM among all steps."""
    from_text: str
    from_span: Span
    platform: Platform
    image: BaseImage | None
    """What it starts from, if that is an image."""
    stage: int | None
    """What it starts from, if that is a stage. With neither, it starts from nothing."""
    start: RunConfig
    """The configuration that it starts with."""
    steps: tuple[Step, ...]
    needs: frozenset[int]
    """The stages that it starts from or copies from."""
    replaced: bool = False
    """A named context stands in its place: nothing that the file says below its FROM is done."""

    @property
    def config(self) -> RunConfig:
        return self.steps[-1].config if self.steps else self.start


class Plan(NamedTuple):
    stages: tuple[PlannedStage, ...]
    """By number: each comes after those that it needs. The last one is the target."""
    total: int
    """How many steps there are."""
    unused_args: tuple[str, ...]
    undefined: tuple[Undefined, ...]

    @property
    def base(self) -> BaseImage | None:
        """The image that the target was built on, through whatever stages; None when that is nothing."""
        by_number = {stage.number: stage for stage in self.stages}
        stage = self.stages[-1]
        while stage.stage is not None:
            stage = by_number[stage.stage]
        return stage.image

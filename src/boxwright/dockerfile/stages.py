"""The shape of a Dockerfile: global ARGs, then stages that build on each other.

Names of stages are compared without regard to case. A stage can use those before it: as its base, or as the source of
a COPY. What names no stage is an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from boxwright.dockerfile.directives import Directives
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.instructions import Arg, Copy, From, Instruction, Run, keyword
from boxwright.dockerfile.parse import Parsed, parse
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.errors import NotFoundError
from boxwright.values import NamedTuple


class Stage(NamedTuple):
    number: int
    """Counted from 0, as ``COPY --from=0`` does."""
    name: str | None
    """In lower case."""
    from_: From
    instructions: tuple[Instruction, ...]
    """All that follow FROM."""

    @property
    def title(self) -> str:
        """The name, or the number of a stage that has none."""
        return self.name or str(self.number)

    @property
    def span(self) -> Span:
        last = self.instructions[-1].span.last if self.instructions else self.from_.span.last
        return Span(self.from_.span.source, self.from_.span.first, last)


class Dockerfile(NamedTuple):
    source: Source
    directives: Directives
    global_args: tuple[Arg, ...]
    """The ARGs before the first FROM: FROM lines see them, stages only what they name again."""
    stages: tuple[Stage, ...]
    empty_continuations: tuple[Span, ...]


class Base(NamedTuple):
    """What a stage starts from, expanded: an image (``scratch`` is none), or an earlier stage by its number."""

    image: str | None
    stage: int | None
    platform: str | None
    unset: tuple[str, ...]
    """The variables of the FROM line that no global ARG sets."""


class TargetNotFound(NotFoundError):
    """``--target`` names no stage."""

    def __init__(self, target: str, stages: Sequence[Stage]) -> None:
        titles = [stage.title for stage in stages]
        super().__init__(
            f'target stage "{target}" could not be found{did_you_mean(target, titles)}',
            hint=f"stages: {', '.join(titles[:20])}",
        )
        self.target = target


def load(source: Source) -> Dockerfile:
    """Parse a Dockerfile into its stages. Raises DockerfileError and UnsupportedSyntax, each with the place."""
    return assemble(parse(source))


def assemble(parsed: Parsed) -> Dockerfile:
    """Sort instructions into stages. Raises DockerfileError for one that stands before the first FROM."""
    global_args: list[Arg] = []
    froms: list[From] = []
    bodies: list[list[Instruction]] = []
    for instruction in parsed.instructions:
        if isinstance(instruction, From):
            froms.append(instruction)
            bodies.append([])
        elif bodies:
            bodies[-1].append(instruction)
        elif isinstance(instruction, Arg):
            global_args.append(instruction)
        else:
            raise DockerfileError(
                f"no build stage in current context: {keyword(instruction)} stands before the first FROM",
                instruction.span,
                hint="only ARG may stand before FROM",
            )
    if not froms:
        raise DockerfileError("dockerfile contains no stages to build", parsed.instructions[-1].span, hint="add a FROM")
    stages = tuple(
        Stage(number, from_.name, from_, tuple(body))
        for number, (from_, body) in enumerate(zip(froms, bodies, strict=True))
    )
    return Dockerfile(parsed.source, parsed.directives, tuple(global_args), stages, parsed.empty_continuations)


def find_target(dockerfile: Dockerfile, target: str | None) -> Stage:
    """Return the stage that ``--target`` names or numbers; without a target, the last one. Raises TargetNotFound."""
    stages = dockerfile.stages
    if not target:
        return stages[-1]
    stage = _by_name(stages, target) or _by_number(stages, target)
    if stage is None:
        raise TargetNotFound(target, stages)
    return stage


def target_name(dockerfile: Dockerfile, target: str | None) -> str:
    """Return what is built for, as ``TARGETSTAGE`` says it: `target` as it is written, else the last stage's name."""
    return target or dockerfile.stages[-1].name or "default"


def resolve_bases(dockerfile: Dockerfile, env: Mapping[str, str]) -> tuple[Base, ...]:
    """Expand every FROM with the global ARGs in `env` and find what it starts from.

    Raises DockerfileError for a base that is blank once it is expanded.
    """
    bases = []
    for stage in dockerfile.stages:
        expanded = expand(stage.from_, env, dockerfile.directives.escape)
        image = expanded.instruction.image
        earlier = _by_name(dockerfile.stages[: stage.number], image)
        bases.append(
            Base(
                None if earlier else image,
                earlier.number if earlier else None,
                expanded.instruction.platform or None,
                expanded.unset,
            )
        )
    return tuple(bases)


def copy_source(dockerfile: Dockerfile, stage: Stage, copy: Copy) -> Stage | None:
    """Return the stage that a COPY in `stage` copies from, None when ``--from`` names an image or is absent.

    Raises DockerfileError as `named_stage` does.
    """
    return None if copy.from_ is None else named_stage(dockerfile, stage, copy.from_, copy.span)


def named_stage(dockerfile: Dockerfile, stage: Stage, name: str, span: Span) -> Stage | None:
    """Return the stage that an instruction in `stage` takes files from by name or number, None for an image's name.

    Raises DockerfileError when it is this stage, a later one, or a number that no stage has.
    """
    stages = dockerfile.stages
    found = _by_name(stages[: stage.number], name) or _by_name(stages, name) or _by_number(stages, name)
    if found is None:
        if name.isascii() and name.isdecimal():
            raise DockerfileError(
                f"invalid from flag value {name}: there are only {len(stages)} stages", span, mark=name
            )
        return None
    if found.number >= stage.number:
        raise DockerfileError(
            f"cannot copy from stage {name}, it needs to be defined before current stage {stage.title}",
            span,
            mark=name,
        )
    return found


def dependencies(dockerfile: Dockerfile, bases: Sequence[Base]) -> tuple[frozenset[int], ...]:
    """Return, for every stage, the numbers of the stages it starts from or takes files from. Raises DockerfileError."""
    found = []
    for stage, base in zip(dockerfile.stages, bases, strict=True):
        needed = set() if base.stage is None else {base.stage}
        for instruction in stage.instructions:
            if isinstance(instruction, (Copy, Run)):
                for name in sources(instruction):
                    source = named_stage(dockerfile, stage, name, instruction.span)
                    if source is not None:
                        needed.add(source.number)
        found.append(frozenset(needed))
    return tuple(found)


def sources(instruction: Copy | Run) -> tuple[str, ...]:
    """Return the names of the stages and images that an instruction takes files from."""
    if isinstance(instruction, Copy):
        return () if instruction.from_ is None else (instruction.from_,)
    return tuple(value for fields in instruction.mounts for key, value in fields if key == "from" and value)


def reachable(target: Stage, needs: Sequence[frozenset[int]]) -> tuple[int, ...]:
    """Return the numbers of the stages that `target` needs, itself included, in an order that can be built."""
    wanted = {target.number}
    # Needs always point to earlier stages, so one pass from the target upwards finds all of them.
    for number in range(target.number, -1, -1):
        if number in wanted:
            wanted |= needs[number]
    return tuple(sorted(wanted))


def _by_name(stages: Sequence[Stage], name: str) -> Stage | None:
    """Return the last stage of that name: a name given twice means the nearer one."""
    folded = name.lower()
    return next((stage for stage in reversed(stages) if stage.name == folded), None)


def _by_number(stages: Sequence[Stage], text: str) -> Stage | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        return None
    return stages[int(text)] if int(text) < len(stages) else None

"""What a build can be given and what it can make: the ARGs, secrets, agents and caches of a target, and the targets."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.build.plan import PlanOptions
from boxwright.build.planned import Plan
from boxwright.build.scopes import BuildArgs, GlobalScope, StageScope, predefined_arguments
from boxwright.dockerfile.descriptions import description
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.instructions import Arg, Env, From, Instruction, Run
from boxwright.dockerfile.mounts import expand_mount, read_mount
from boxwright.dockerfile.source import DockerfileError, Span
from boxwright.dockerfile.stages import Dockerfile, find_target, target_name
from boxwright.dockerfile.words import WordError, process_word
from boxwright.values import NamedTuple


class Argument(NamedTuple):
    name: str
    value: str
    """What it is in this build; empty for one without a value."""
    description: str
    span: Span


class Needed(NamedTuple):
    """A secret, an agent or a cache that a RUN mounts."""

    kind: str
    """``secret``, ``ssh`` or ``cache``."""
    id: str
    required: bool
    span: Span


class Outline(NamedTuple):
    target: str
    """The stage's name; empty for one that has none."""
    description: str
    arguments: tuple[Argument, ...]
    needed: tuple[Needed, ...]
    dockerfile: Dockerfile


class Target(NamedTuple):
    name: str
    """Empty for a stage that has none."""
    default: bool
    description: str
    base: str
    """As it is written."""
    platform: str
    """As it is written."""
    span: Span


def list_targets(dockerfile: Dockerfile) -> tuple[Target, ...]:
    """Return the stages in the order of the file."""
    last = dockerfile.stages[-1]
    return tuple(
        Target(
            stage.name or "",
            stage is last,
            description(stage.from_.span, stage.name) if stage.name else "",
            stage.from_.image,
            stage.from_.platform or "",
            stage.from_.span,
        )
        for stage in dockerfile.stages
    )


def outline(dockerfile: Dockerfile, planned: Plan, options: PlanOptions) -> Outline:
    """Return what the stages of a plan can be given. Raises DockerfileError."""
    target = find_target(dockerfile, options.target)
    outliner = _Outliner(dockerfile, options)
    scopes: dict[int, StageScope] = {}
    for stage in planned.stages:
        globals_ = outliner.globals.variables()
        if stage.stage is not None:
            scope = scopes[stage.stage].continued(globals_)
        else:
            env = stage.image.config.config.env if stage.image else ()
            scope = StageScope(outliner.given, globals_, env, escape=outliner.escape)
        scopes[stage.number] = scope
        outliner.start(dockerfile.stages[stage.number].from_)
        for instruction in dockerfile.stages[stage.number].instructions if not stage.replaced else ():
            outliner.take(instruction, scope)
    return Outline(
        target.name or "",
        description(target.from_.span, target.name) if target.name else "",
        outliner.effective(dockerfile.global_args),
        tuple(outliner.needed.values()),
        dockerfile,
    )


class _Outliner:
    def __init__(self, dockerfile: Dockerfile, options: PlanOptions) -> None:
        self.given = BuildArgs(options.build_args)
        self.escape = dockerfile.directives.escape
        stage = target_name(dockerfile, options.target)
        predefined = predefined_arguments(options.build_platform, options.platform, stage)
        self.globals = GlobalScope(self.given, predefined, self.escape)
        self.arguments: dict[str, Argument] = {}
        self.needed: dict[tuple[str, str], Needed] = {}
        self._predefined = predefined.keys()
        self._used: set[str] = set()
        """The ARGs that something in the planned stages depends on."""
        for arg in dockerfile.global_args:
            self.globals.declare(arg)
            variables = self.globals.variables()
            self._argue(arg, {value.name: variables.get(value.name) for value in arg.values})

    def start(self, from_: From) -> None:
        """Note what the beginning of a stage depends on."""
        self._used.update(expand(from_, self.globals.variables(), self.escape).used)

    def effective(self, global_args: Sequence[Arg]) -> tuple[Argument, ...]:
        """Return the ARGs that change something: a global one only if a stage takes it up, or a FROM uses it."""
        used = set(self._used)
        for arg in reversed(global_args):
            for written in reversed(arg.values):
                if written.name in used and written.default is not None:
                    used.update(process_word(written.default, self.globals.variables(), self.escape).matched)
        return tuple(argument for name, argument in self.arguments.items() if name in used)

    def take(self, instruction: Instruction, scope: StageScope) -> None:
        if isinstance(instruction, Arg):
            declared = scope.declare(instruction)
            self._used.update(value.name for value in declared.values)
            self._argue(instruction, {value.name: value.default for value in declared.values})
        elif isinstance(instruction, Env):
            scope.set_env(scope.expand(instruction).instruction.pairs)
        elif isinstance(instruction, Run):
            self._mounts(instruction, scope)

    def _argue(self, arg: Arg, values: dict[str, str | None]) -> None:
        for written in arg.values:
            name = written.name
            if name in self._predefined:
                continue
            value, text = values.get(name) or "", description(arg.span, name)
            before = self.arguments.get(name)
            if before is None:
                self.arguments[name] = Argument(name, value, text, arg.span)
            else:  # a stage takes up a global one, or several stages have the same
                self.arguments[name] = before._replace(
                    value=before.value or value, description=before.description or text
                )

    def _mounts(self, run: Run, scope: StageScope) -> None:
        variables = scope.run_env()

        def word(text: str) -> str:
            try:
                return process_word(text, variables, self.escape).value
            except WordError as error:
                raise DockerfileError(error.message, run.span, mark=text, hint=error.hint) from None

        for fields in run.mounts:
            mount = read_mount(expand_mount(fields, word), run.span)
            if mount.kind in ("secret", "ssh", "cache"):
                before = self.needed.get((mount.kind, mount.id))
                required = mount.required or (before is not None and before.required)
                span = before.span if before else run.span
                self.needed[mount.kind, mount.id] = Needed(mount.kind, mount.id, required, span)

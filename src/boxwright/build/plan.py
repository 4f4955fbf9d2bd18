"""A Dockerfile and the bases that it names → what is to be done, in order. Pure: nothing is copied, run or stored.

Every variable is expanded, every ONBUILD trigger inserted, every step carries the configuration that the image has
after it. Only stages that the target needs are planned; a stage's `needs` are the edges of the graph.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from boxwright.build import metadata
from boxwright.build.copies import CopyAction, Destination, Origin, copy_action
from boxwright.build.namedcontexts import NamedContext, find_context
from boxwright.build.planned import (
    SCRATCH,
    SCRIPTS,
    Action,
    BaseImage,
    MountAction,
    Plan,
    PlannedStage,
    RunAction,
    Step,
    WorkdirAction,
)
from boxwright.build.scopes import BuildArgs, GlobalScope, StageScope, predefined_arguments
from boxwright.dockerfile import script
from boxwright.dockerfile.expand import Undefined
from boxwright.dockerfile.instructions import Add, Arg, Copy, Env, Instruction, Run, Workdir
from boxwright.dockerfile.parse import parse_trigger
from boxwright.dockerfile.source import DockerfileError, Span
from boxwright.dockerfile.stages import Base, Dockerfile, Stage, find_target, named_stage, resolve_bases, target_name
from boxwright.errors import BoxwrightError, DeniedError, InvalidError
from boxwright.oci.config import ImageConfig, RunConfig
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.mounts import Fields

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULT_SHELL = ("/bin/sh", "-c")
_CACHE_NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"


class Bases(Protocol):
    """Where images come from: the port that the engine fills with the store and a registry."""

    def resolve(self, name: str, platform: Platform) -> BaseImage:
        """Return the image of this name for this platform, fetched if it must be, and kept until the build is over.

        `name` is as a file has it, or ``oci-layout://FOLDER[:TAG|@DIGEST]``.
        Raises NotFoundError, UnavailableError and whatever else keeps it from being had.
        """


class PlanOptions(NamedTuple):
    platform: Platform
    """What is built for, where the file doesn't say."""
    build_platform: Platform
    """What is built on."""
    build_args: Mapping[str, str | None] = {}
    target: str | None = None
    allowed: frozenset[str] = frozenset()
    """What a RUN may ask for beyond what is harmless: ``network.host``, ``security.insecure``."""
    contexts: Mapping[str, NamedContext] = {}
    """By their names, as docker shows them."""


class NotAllowed(DeniedError):
    """A RUN asks for an entitlement that the command line doesn't give."""

    def __init__(self, flag: str, entitlement: str, span: Span) -> None:
        super().__init__(
            f"RUN {flag} needs the entitlement {entitlement}",
            detail=span.excerpt(mark=flag),
            hint=f"if you trust the Dockerfile, allow it: --allow {entitlement}",
        )
        self.entitlement = entitlement


def plan(dockerfile: Dockerfile, options: PlanOptions, bases: Bases) -> Plan:
    """Plan a build.

    Raises DockerfileError, UnsupportedSyntax, TargetNotFound, NotAllowed, and what `bases` raises.
    """
    return _Planner(dockerfile, options, bases).plan()


class _Draft(NamedTuple):
    """A stage whose steps have no numbers yet."""

    stage: Stage
    planned: PlannedStage
    scope: StageScope
    author: str


class _Planner:
    def __init__(self, dockerfile: Dockerfile, options: PlanOptions, bases: Bases) -> None:
        self.dockerfile = dockerfile
        self.options = options
        self._bases = bases
        self.arguments = BuildArgs(options.build_args)
        escape = dockerfile.directives.escape
        stage = target_name(dockerfile, options.target)
        predefined = predefined_arguments(options.build_platform, options.platform, stage)
        self.globals = GlobalScope(self.arguments, predefined, escape)
        self._drafts: dict[int, _Draft] = {}
        self._images: dict[tuple[str, Platform], BaseImage] = {}
        self._undefined: list[Undefined] = []

    def plan(self) -> Plan:
        dockerfile = self.dockerfile
        for arg in dockerfile.global_args:
            self.globals.declare(arg)
        target = find_target(dockerfile, self.options.target)
        self._from = resolve_bases(dockerfile, self.globals.variables())
        self.stage(target.number)
        for draft in self._drafts.values():
            self.note(self._from[draft.stage.number].unset, draft.stage.from_, tuple(self.globals.variables()))
        number = 1
        stages = []
        for draft in sorted(self._drafts.values(), key=lambda draft: draft.stage.number):
            planned = draft.planned
            steps = tuple(step._replace(number=number + index) for index, step in enumerate(planned.steps, 1))
            stages.append(planned._replace(first=number, steps=steps))
            number += 1 + len(steps)
        return Plan(tuple(stages), number - 1, tuple(self.arguments.unused()), tuple(self._undefined))

    def note(self, unset: Iterable[str], instruction: Instruction, known: tuple[str, ...]) -> None:
        """Remember the variables that an instruction uses without their being set."""
        self._undefined += [Undefined(name, instruction, known) for name in unset]

    def stage(self, number: int) -> _Draft:
        """Plan a stage, and before it the stages that it needs."""
        draft = self._drafts.get(number)
        if draft is None:
            stage = self.dockerfile.stages[number]
            draft = self._drafts[number] = _StagePlanner(self, stage, self._from[number]).plan()
        return draft

    def context(self, name: str) -> NamedContext | None:
        """Return the named context that stands for a stage or an image of this name, if one does."""
        return find_context(self.options.contexts, name)

    def image(self, name: str, platform: Platform, span: Span) -> BaseImage:
        """Return the image that the instruction at `span` names."""
        found = self._images.get((name, platform))
        if found is None:
            try:
                found = self._images[name, platform] = self._bases.resolve(name, platform)
            except BoxwrightError as error:
                from boxwright.build.failure import locate

                locate(error, span)
                raise
        return found


class _StagePlanner:
    """Goes through one stage, line by line."""

    def __init__(self, planner: _Planner, stage: Stage, base: Base) -> None:
        self._planner = planner
        self._stage = stage
        self._base = base
        options = planner.options
        self._platform = _platform(base.platform, stage) if base.platform else options.platform
        self._needs: set[int] = set()
        self._steps: list[Step] = []
        self._cmd_set = False
        self._author = ""

    def plan(self) -> _Draft:
        stage, base = self._stage, self._base
        globals_ = self._planner.globals.variables()
        image: BaseImage | None = None
        replacement = self._planner.context(stage.name) if stage.name else None
        if replacement is None and base.stage is not None:
            below = self._planner.stage(base.stage)
            self._needs.add(base.stage)
            self._platform = below.planned.platform
            config, scope, self._author = below.planned.config, below.scope.continued(globals_), below.author
        else:
            config = RunConfig(working_dir="/")
            origin = self._base_origin(replacement)
            image = origin.image
            if image is not None:
                config, self._author = image.config.config, image.config.author
            if "PATH" not in config.env_map():
                config = config.with_env({"PATH": DEFAULT_PATH})
            escape = self._planner.dockerfile.directives.escape
            scope = StageScope(self._planner.arguments, globals_, config.env, escape=escape)
            if origin.context is not None:
                self._steps.append(self._all_of(origin.context, config))
        self._scope = scope
        start = config
        if replacement is None:
            triggers, start = config.on_build, config._replace(on_build=())
            self._config = start
            for trigger in triggers:
                self._step(parse_trigger(trigger, f"ONBUILD of {stage.from_.image}"))
            for instruction in stage.instructions:
                self._step(instruction)
        planned = PlannedStage(
            stage.number,
            stage.title,
            0,
            stage.from_.original,
            stage.from_.span,
            self._platform,
            image,
            None if replacement else base.stage,
            start,
            tuple(self._steps),
            frozenset(self._needs),
            replacement is not None,
        )
        return _Draft(stage, planned, scope, self._author)

    def _step(self, instruction: Instruction) -> None:
        scope = self._scope
        action: Action | None = None
        if isinstance(instruction, Arg):
            instruction = scope.declare(instruction)
        else:
            expanded = scope.expand(instruction)
            self._planner.note(expanded.unset, instruction, scope.names())
            instruction = expanded.instruction
        config = self._config
        text = instruction.original
        if isinstance(instruction, Run):
            action = self._run(instruction)
            history = metadata.run_history(action.argv, scope.arguments())
            text = script.summary(instruction)
        elif isinstance(instruction, (Copy, Add)):
            action = self._copy(instruction)
            history = metadata.copy_history(instruction)
        else:
            if isinstance(instruction, Env):
                scope.set_env(instruction.pairs)
            change = metadata.apply(instruction, config, cmd_set=self._cmd_set)
            self._config, self._cmd_set = change.config, change.cmd_set
            self._author = change.author or self._author
            history = change.history
            if isinstance(instruction, Workdir) and self._config.working_dir != "/":
                action = WorkdirAction(self._config.working_dir, self._config.user)
        self._steps.append(Step(0, text, instruction.span, action, history, self._config, self._author))

    def _run(self, instruction: Run) -> RunAction:
        config, scope = self._config, self._scope
        argv, file = script.resolve(instruction, config.shell or _DEFAULT_SHELL, SCRIPTS)
        if instruction.network == "host" and "network.host" not in self._planner.options.allowed:
            raise NotAllowed("--network=host", "network.host", instruction.span)
        insecure = instruction.security == "insecure"
        if insecure and "security.insecure" not in self._planner.options.allowed:
            raise NotAllowed("--security=insecure", "security.insecure", instruction.span)
        return RunAction(
            argv,
            scope.run_env(),
            scope.proxies(),
            config.working_dir or "/",
            config.user,
            file,
            tuple(self._mount(fields, instruction.span) for fields in instruction.mounts),
            None if instruction.network == "default" else instruction.network,
            insecure,
        )

    def _mount(self, fields: Fields, span: Span) -> MountAction:
        from boxwright.dockerfile.mounts import read_mount

        mount = read_mount(fields, span)
        if mount.target:
            target = posixpath.normpath(posixpath.join("/", self._config.working_dir, mount.target))
            target = "/" + target.lstrip("/")
            if target == "/":
                raise DockerfileError(f'invalid mount target "{mount.target}"', span, mark=mount.target)
            mount = mount._replace(target=target)
        if mount.kind == "cache":
            namespace = self._planner.options.build_args.get(_CACHE_NAMESPACE)
            if namespace:
                mount = mount._replace(id=f"{namespace}/{mount.id}")
        if mount.from_ is None or mount.from_ == SCRATCH:
            return MountAction(mount)
        origin = self._source(mount.from_, span)
        return MountAction(mount) if _is_nothing(origin.image) else MountAction(mount, *origin)

    def _source(self, name: str, span: Span) -> Origin:
        """Return where an instruction takes files from: a stage, planned, an image, fetched, or a named context."""
        stage = named_stage(self._planner.dockerfile, self._stage, name, span)
        if stage is None:
            return self._origin(self._planner.context(name), name, span)
        self._planner.stage(stage.number)
        self._needs.add(stage.number)
        return Origin(stage=stage.number)

    def _base_origin(self, replacement: NamedContext | None) -> Origin:
        """Return what the stage starts from if that is no stage: an image, a named context's files, or nothing."""
        name = self._base.image
        span = self._stage.from_.span
        if replacement is None:
            if name is None or name == SCRATCH:
                return Origin()
            origin = self._origin(self._planner.context(name), name, span)
        else:
            origin = self._origin(replacement, "", span)
        return Origin() if _is_nothing(origin.image) else origin

    def _origin(self, context: NamedContext | None, image: str, span: Span) -> Origin:
        """Return where the files are of a name that is no stage's: it is an image's, unless there is such a context."""
        if context is not None:
            if context.image is None:
                return Origin(context=context.name)
            image = context.image
        if image == SCRATCH:
            return Origin(image=BaseImage(SCRATCH, Digest.of(b""), None, ImageConfig(self._platform, RunConfig(), ())))
        return Origin(image=self._planner.image(image, self._platform, span))

    def _all_of(self, context: str, config: RunConfig) -> Step:
        """Return the step that makes files the base of a stage: no line of the file says it."""
        action = CopyAction("COPY", ("/",), Destination("/", True), None, None, None, None, context=context)
        text = f"COPY --from={context} / /"
        return Step(0, text, self._stage.from_.span, action, metadata.buildkit(text), config, "")

    def _copy(self, instruction: Copy | Add) -> CopyAction:
        origin = Origin()
        if isinstance(instruction, Copy) and instruction.from_ is not None:
            origin = self._source(instruction.from_, instruction.span)
        return copy_action(instruction, self._config.working_dir or "/", origin)


def _is_nothing(image: BaseImage | None) -> bool:
    return image is not None and image.name == SCRATCH


def _platform(text: str, stage: Stage) -> Platform:
    try:
        return Platform.parse(text)
    except InvalidError as error:
        raise DockerfileError(error.message, stage.from_.span, mark=text, hint=error.hint) from None

"""Checks a Dockerfile without building: the plan that a build would have, and what the rules say of the text.

`lint_plan` is also what a build asks for its warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from boxwright.build.plan import Bases, PlanOptions, plan
from boxwright.build.planned import BaseImage, Plan
from boxwright.dockerfile.directives import CHECK_ARGUMENT, Check, parse_check
from boxwright.dockerfile.expand import Undefined
from boxwright.dockerfile.frontend import SYNTAX_ARGUMENT, check_frontend
from boxwright.dockerfile.instructions import From
from boxwright.dockerfile.lint.rule import ForeignBase, LintWarning, Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.source import Source, Span
from boxwright.dockerfile.stages import Dockerfile, find_target
from boxwright.errors import BoxwrightError, InvalidError, NotFoundError
from boxwright.oci.config import ImageConfig, RunConfig
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.ignore import IgnoreRules


class Checked(NamedTuple):
    """What a check found."""

    dockerfile: Dockerfile
    warnings: tuple[LintWarning, ...]
    error: BoxwrightError | None
    """What a build of it would fail with before its first step; the warnings are then those of the text alone."""


class WarningsAreErrors(InvalidError):
    """A Dockerfile has warnings, and says ``# check=error=true``."""

    def __init__(self, warnings: tuple[LintWarning, ...]) -> None:
        rules = dict.fromkeys(warning.rule for warning in warnings)
        detail = [line for warning in warnings for line in (f"{warning.rule}: {warning.message}", *warning.excerpt())]
        super().__init__(f"warnings are errors here (check=error=true): {', '.join(rules)}", detail=detail)
        self.warnings = warnings


def check_options(dockerfile: Dockerfile, build_args: Mapping[str, str | None]) -> Check:
    """Return which rules are asked: what the build argument says, or the file. Raises DockerfileError."""
    text = build_args.get(CHECK_ARGUMENT)
    if text is None:
        return dockerfile.directives.check
    return parse_check(text, Span(Source(f"--build-arg {CHECK_ARGUMENT}", text), 1, 1))


def lint_plan(
    dockerfile: Dockerfile, planned: Plan, ignore: IgnoreRules | None, build_args: Mapping[str, str | None]
) -> tuple[LintWarning, ...]:
    """Return the warnings of a build. Raises WarningsAreErrors where they are, DockerfileError."""
    options = check_options(dockerfile, build_args)
    warnings = lint(Subject(dockerfile, planned.undefined, ignore), options)
    if warnings and options.error:
        raise WarningsAreErrors(warnings)
    return warnings


def check(dockerfile: Dockerfile, ignore: IgnoreRules | None, options: PlanOptions, bases: Bases) -> Checked:
    """Check all stages, or those that `options.target` needs.

    Base images that `bases` does not have are no mistake: what they would add is unknown, and so nothing is said of
    variables in what is built on them. Raises TargetNotFound, and DockerfileError for a bad check option.
    """
    find_target(dockerfile, options.target)
    wanted = check_options(dockerfile, options.build_args)
    known = KnownBases(bases)
    undefined: dict[tuple[str, Span], Undefined] = {}
    foreign: tuple[ForeignBase, ...] = ()
    unknown: set[int] = set()
    error: BoxwrightError | None = None
    try:
        check_frontend(dockerfile.source, dockerfile.directives.syntax, options.build_args.get(SYNTAX_ARGUMENT))
        for planned in _plans(dockerfile, options, known):
            unknown |= _unknown_stages(planned, known.missing)
            undefined.update(((each.name, each.instruction.span), each) for each in planned.undefined)
            foreign += _foreign(dockerfile, planned)
    except BoxwrightError as failure:
        error = failure
    spans = [dockerfile.stages[number].span for number in sorted(unknown)]
    certain = (each for each in undefined.values() if isinstance(each.instruction, From) or not _in(each, spans))
    warnings = lint(Subject(dockerfile, tuple(certain), ignore, tuple(dict.fromkeys(foreign))), wanted, asked=True)
    return Checked(dockerfile, warnings, error)


def _plans(dockerfile: Dockerfile, options: PlanOptions, bases: Bases) -> list[Plan]:
    """Return the plan of the target, or plans that cover all stages."""
    if options.target:
        return [plan(dockerfile, options, bases)]
    plans: list[Plan] = []
    seen: set[int] = set()
    for stage in reversed(dockerfile.stages):
        if stage.number not in seen:
            planned = plan(dockerfile, options._replace(target=str(stage.number)), bases)
            seen |= {each.number for each in planned.stages}
            plans.append(planned)
    return plans


class KnownBases:
    """Images of which some may be missing: these are then empty (see build.plan.Bases)."""

    def __init__(self, bases: Bases) -> None:
        self._bases = bases
        self.missing: set[str] = set()
        """The names of those."""

    def resolve(self, name: str, platform: Platform) -> BaseImage:
        try:
            return self._bases.resolve(name, platform)
        except NotFoundError:
            self.missing.add(name)
            return BaseImage(name, Digest.of(b""), None, ImageConfig(platform, RunConfig(), ()))


def _foreign(dockerfile: Dockerfile, planned: Plan) -> tuple[ForeignBase, ...]:
    found = []
    for stage in planned.stages:
        if stage.image is not None and stage.image.config.platform.architecture:
            have = stage.image.config.platform
            if (have.os, have.architecture) != (stage.platform.os, stage.platform.architecture):
                found.append(ForeignBase(dockerfile.stages[stage.number].from_, str(have), str(stage.platform)))
    return tuple(found)


def _unknown_stages(planned: Plan, missing: set[str]) -> set[int]:
    """Return the numbers of the stages that are built on an image which is not here, directly or not."""
    numbers: set[int] = set()
    for stage in planned.stages:
        if (stage.image is not None and stage.image.name in missing) or stage.stage in numbers:
            numbers.add(stage.number)
    return numbers


def _in(undefined: Undefined, spans: list[Span]) -> bool:
    line = undefined.instruction.span.first
    return any(span.first <= line <= span.last for span in spans)

"""What is allowed, but not advised. The rules carry BuildKit's names, so that ``# check=skip=`` means the same.

`lint` finds what the text alone tells. What shows only while a build goes on (a variable that nothing sets) is made
by the functions at the end and filtered by `wanted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from boxwright.dockerfile.blanks import split_plain
from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.instructions import (
    Arg,
    Cmd,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Workdir,
    keyword,
)
from boxwright.dockerfile.ports import parse_port
from boxwright.dockerfile.source import Span
from boxwright.dockerfile.stages import Dockerfile, Stage
from boxwright.dockerfile.suggest import nearest
from boxwright.values import NamedTuple

_RESERVED_STAGES = ("context", "scratch")
_SECRET_WORDS = frozenset(
    {"apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"}
)
_PUBLIC_WORDS = frozenset({"public"})


class LintWarning(NamedTuple):
    rule: str
    message: str
    span: Span
    mark: str | None = None
    """The text within the span that it is about."""

    def excerpt(self) -> tuple[str, ...]:
        """Return the place as lines to show."""
        return self.span.excerpt(mark=self.mark)


def lint(dockerfile: Dockerfile) -> tuple[LintWarning, ...]:
    """Return the warnings that a Dockerfile deserves and its author did not switch off, from top to bottom."""
    found = [warning for rule in _RULES for warning in rule(dockerfile)]
    found.sort(key=lambda warning: (warning.span.first, warning.rule))
    return wanted(found, dockerfile.directives.check)


def wanted(warnings: Iterable[LintWarning], check: Check) -> tuple[LintWarning, ...]:
    """Return the warnings that ``# check=skip=`` leaves."""
    if check.skip_all:
        return ()
    skipped = {rule.lower() for rule in check.skip}
    return tuple(warning for warning in warnings if warning.rule.lower() not in skipped)


def undefined_variable(name: str, instruction: Instruction, known: Iterable[str]) -> LintWarning:
    """Return the warning for a variable that `instruction` uses and nothing sets; `known` are names that are set."""
    near = nearest(name, known)
    meant = f" (did you mean ${near}?)" if near else ""
    rule = "UndefinedArgInFrom" if isinstance(instruction, From) else "UndefinedVar"
    return LintWarning(rule, f"usage of undefined variable '${name}'{meant}", instruction.span, name)


def _everywhere(dockerfile: Dockerfile) -> Iterator[Instruction]:
    yield from dockerfile.global_args
    for stage in dockerfile.stages:
        yield stage.from_
        yield from stage.instructions


def _no_empty_continuation(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for span in dockerfile.empty_continuations:
        yield LintWarning(
            "NoEmptyContinuation", "an empty line within a continued instruction will become an error", span
        )


def _maintainer_deprecated(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for instruction in _everywhere(dockerfile):
        if isinstance(instruction, Maintainer):
            yield LintWarning(
                "MaintainerDeprecated",
                "MAINTAINER is deprecated in favour of LABEL org.opencontainers.image.authors=…",
                instruction.span,
            )


def _legacy_key_value(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for instruction in _everywhere(dockerfile):
        if isinstance(instruction, Env | Label) and instruction.legacy:
            word = keyword(instruction)
            yield LintWarning(
                "LegacyKeyValueFormat",
                f'"{word} key=value" should be used instead of the legacy "{word} key value" form',
                instruction.span,
            )


def _expose(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for instruction in _everywhere(dockerfile):
        if not isinstance(instruction, Expose):
            continue
        for text in instruction.ports:
            try:
                published = parse_port(text).published
            except ValueError:  # a variable, or a mistake that expanding it will tell
                continue
            if published:
                yield LintWarning(
                    "ExposeInvalidFormat",
                    f"EXPOSE cannot publish on the host: the part before the last ':' of '{text}' has no effect",
                    instruction.span,
                    text,
                )
            protocol = text.partition("/")[2]
            if protocol != protocol.lower():
                yield LintWarning(
                    "ExposeProtoCasing", f"protocol '{protocol}' should be in lower case", instruction.span, text
                )


def _stage_names(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        name, span = stage.name, stage.from_.span
        if name is None:
            continue
        *_, as_word, written = split_plain(stage.from_.original)
        from_word = split_plain(stage.from_.original, 1)[0]
        if name in seen:
            yield LintWarning("DuplicateStageName", f"stage name '{written}' is used more than once", span, written)
        seen.add(name)
        if name in _RESERVED_STAGES:
            yield LintWarning("ReservedStageName", f"stage name '{written}' has a meaning of its own", span, written)
        if written != name:
            yield LintWarning("StageNameCasing", f"stage name '{written}' should be in lower case", span, written)
        if as_word.isupper() != from_word.isupper():
            yield LintWarning("FromAsCasing", f"'{as_word}' and '{from_word}' differ in case", span, as_word)


def _keyword_casing(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    words = [(split_plain(instruction.original, 1)[0], instruction.span) for instruction in _everywhere(dockerfile)]
    upper = sum(word.isupper() for word, _ in words)
    majority = str.upper if upper * 2 >= len(words) else str.lower
    for word, span in words:
        if word != majority(word):
            yield LintWarning(
                "ConsistentInstructionCasing",
                f"'{word}' should be written like the file's other keywords, {majority(word)}",
                span,
                word,
            )


def _relative_workdir(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            if not isinstance(instruction, Workdir):
                continue
            path = instruction.path.strip("\"'")
            if not path.startswith(("/", "$")):
                yield LintWarning(
                    "WorkdirRelativePath",
                    f"relative WORKDIR '{path}' leads elsewhere when the base image changes",
                    instruction.span,
                    path,
                )
            break  # the first one decides: those behind it are relative to it


def _overridden(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for stage in dockerfile.stages:
        for kind in (Cmd, Entrypoint, Healthcheck):
            same = [instruction for instruction in stage.instructions if isinstance(instruction, kind)]
            for instruction in same[:-1]:
                yield LintWarning(
                    "MultipleInstructionsDisallowed",
                    f"only the last {keyword(instruction)} of a stage has an effect",
                    instruction.span,
                )


def _json_arguments(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for stage in dockerfile.stages:
        if _sets_shell(stage):
            continue
        for instruction in stage.instructions:
            if isinstance(instruction, Cmd | Entrypoint) and instruction.command.shell and instruction.command.argv:
                yield LintWarning(
                    "JSONArgsRecommended",
                    f'{keyword(instruction)} ["…"] would hand signals to the program, a shell keeps them',
                    instruction.span,
                )


def _sets_shell(stage: Stage) -> bool:
    return any(keyword(instruction) == "SHELL" for instruction in stage.instructions)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is likely to hold what nobody else should read."""
    words = set(name.lower().replace("-", "_").split("_"))
    return bool(words & _SECRET_WORDS) and not words & _PUBLIC_WORDS


def _secrets(dockerfile: Dockerfile) -> Iterator[LintWarning]:
    for instruction in _everywhere(dockerfile):
        if isinstance(instruction, Arg):
            names = [value.name for value in instruction.values]
        elif isinstance(instruction, Env):
            names = [name for name, _ in instruction.pairs]
        else:
            continue
        for name in names:
            if is_secret_name(name):
                yield LintWarning(
                    "SecretsUsedInArgOrEnv",
                    f'{keyword(instruction)} "{name}" stays readable in the image: it is no place for a secret',
                    instruction.span,
                    name,
                )


_RULES: tuple[Callable[[Dockerfile], Iterator[LintWarning]], ...] = (
    _no_empty_continuation,
    _maintainer_deprecated,
    _legacy_key_value,
    _expose,
    _stage_names,
    _keyword_casing,
    _relative_workdir,
    _overridden,
    _json_arguments,
    _secrets,
)

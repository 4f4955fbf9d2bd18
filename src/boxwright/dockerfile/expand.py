"""Which fields of which instruction expand.

RUN, CMD, ENTRYPOINT, HEALTHCHECK and SHELL keep their text for whoever runs it; of a RUN, only what its mounts say
expands. ONBUILD's trigger expands when it is fired. In all others a field is unquoted and its variables are replaced by
the environment *before* the instruction: ``ENV a=1 b=$a`` does not see its own ``a``. Only EXPOSE falls apart into
words afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from boxwright.dockerfile.instructions import (
    Add,
    Arg,
    ArgValue,
    Copy,
    Env,
    Expose,
    From,
    Instruction,
    Label,
    Run,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from boxwright.dockerfile.parse import check_mode, check_signal
from boxwright.dockerfile.source import DockerfileError, Span
from boxwright.dockerfile.words import WordError, process_text, process_word, process_words
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.heredoc import Heredoc

T = TypeVar("T")


class Expanded(NamedTuple, Generic[T]):
    instruction: T
    used: tuple[str, ...] = ()
    """The set variables that took part, in order of first use."""
    unset: tuple[str, ...] = ()
    """The variables that are used without a default, but not set."""


class Undefined(NamedTuple):
    """A variable that is used, without a default, where nothing sets it."""

    name: str
    instruction: Instruction
    known: tuple[str, ...]
    """The names that are set there."""


def expand(instruction: T, env: Mapping[str, str], escape: str = "\\") -> Expanded[T]:
    """Return `instruction` with everything expanded that expands in its kind.

    An ARG comes back as it is: `resolve_arg` expands it, since that takes more than an environment.
    Raises DockerfileError for a word that cannot be processed and a value that is wrong once it is known.
    """
    expander = _Expander(env, escape)
    expanded = expander.expand(instruction)
    return Expanded(expanded, tuple(expander.used), tuple(expander.unset))


def resolve_arg(
    instruction: Arg,
    env: Mapping[str, str],
    given: Mapping[str, str],
    inherited: Mapping[str, str],
    escape: str = "\\",
) -> Expanded[Arg]:
    """Return the ARG with each `default` replaced by the value it has in this build, None for one without a value.

    `given` are the values from ``--build-arg``: where there is one, the default isn't even looked at. A bare name
    takes its value from `inherited`, the global ARGs. Later names see earlier ones. Raises DockerfileError.
    """
    known = dict(env)
    expander = _Expander(known, escape)
    values = []
    for written in instruction.values:
        name = expander.word(written.name, instruction.span)
        value = given.get(name)
        if value is None:
            if written.default is not None:
                value = expander.word(written.default, instruction.span)
            else:
                value = inherited.get(name)
        if value is not None:
            known[name] = value
        values.append(ArgValue(name, value))
    resolved = instruction._replace(values=tuple(values))
    return Expanded(resolved, tuple(expander.used), tuple(expander.unset))


class _Expander:
    __slots__ = ("_env", "_escape", "unset", "used")

    def __init__(self, env: Mapping[str, str], escape: str) -> None:
        self._env = env
        self._escape = escape
        self.used: dict[str, None] = {}
        self.unset: dict[str, None] = {}

    def word(self, text: str, span: Span) -> str:
        try:
            word = process_word(text, self._env, self._escape)
        except WordError as error:
            raise DockerfileError(error.message, span, mark=text, hint=error.hint) from None
        self.used.update(dict.fromkeys(word.matched))
        self.unset.update(dict.fromkeys(word.unmatched))
        return word.value

    def expand(self, instruction: T) -> T:
        # The instruction's class selects the case, so that what comes out is what went in; mypy cannot follow that.
        return self._expand(instruction)  # type: ignore[arg-type, return-value]

    def _expand(self, instruction: Instruction) -> Instruction:
        match instruction:
            case Env() | Label():
                return instruction._replace(
                    pairs=tuple(
                        (self.word(name, instruction.span), self.word(value, instruction.span))
                        for name, value in instruction.pairs
                    )
                )
            case Copy() | Add():
                return self._copy(instruction)
            case Run():
                return self._run(instruction)
            case Workdir():
                return instruction._replace(path=self.word(instruction.path, instruction.span))
            case User():
                return instruction._replace(user=self.word(instruction.user, instruction.span))
            case Volume():
                return self._volume(instruction)
            case Stopsignal():
                signal = self.word(instruction.signal, instruction.span)
                check_signal(signal, instruction.span)
                return instruction._replace(signal=signal)
            case Expose():
                return instruction._replace(ports=self._ports(instruction))
            case From():
                return self._from(instruction)
            case _:
                return instruction

    def _run(self, instruction: Run) -> Run:
        if not instruction.mounts:
            return instruction
        from boxwright.dockerfile.mounts import expand_mount

        mounts = (expand_mount(fields, lambda text: self.word(text, instruction.span)) for fields in instruction.mounts)
        return instruction._replace(mounts=tuple(mounts))

    def _copy(self, instruction: Copy | Add) -> Copy | Add:
        span = instruction.span
        chown, chmod = instruction.chown, instruction.chmod
        if chmod is not None:
            chmod = self.word(chmod, span)
            check_mode(chmod, span)
        if isinstance(instruction, Add) and instruction.checksum is not None:
            instruction = instruction._replace(checksum=self.word(instruction.checksum, span))
        return instruction._replace(
            sources=tuple(self.word(source, span) for source in instruction.sources),
            destination=self.word(instruction.destination, span),
            chown=None if chown is None else self.word(chown, span),
            chmod=chmod,
            excludes=tuple(self.word(pattern, span) for pattern in instruction.excludes),
            heredocs=tuple(self._heredoc(heredoc, span) for heredoc in instruction.heredocs),
        )

    def _heredoc(self, heredoc: Heredoc, span: Span) -> Heredoc:
        if not heredoc.marker.expand:
            return heredoc
        text = self._text(heredoc.content, heredoc.marker.text, span)
        return heredoc._replace(marker=heredoc.marker._replace(chomp=False), raw=text)

    def _text(self, text: str, mark: str, span: Span) -> str:
        try:
            # Whatever the escape token of the file is: a body is a text for others.
            word = process_text(text, self._env)
        except WordError as error:
            raise DockerfileError(error.message, span, mark=mark, hint=error.hint) from None
        self.used.update(dict.fromkeys(word.matched))
        self.unset.update(dict.fromkeys(word.unmatched))
        return word.value

    def _volume(self, instruction: Volume) -> Volume:
        paths = tuple(self.word(path, instruction.span) for path in instruction.paths)
        if not all(paths):
            raise DockerfileError("VOLUME specified can not be an empty string", instruction.span)
        return instruction._replace(paths=paths)

    def _ports(self, instruction: Expose) -> tuple[str, ...]:
        from boxwright.dockerfile.ports import parse_port

        ranges = set()
        for text in instruction.ports:
            try:
                words = process_words(text, self._env, self._escape)
            except WordError as error:
                raise DockerfileError(error.message, instruction.span, mark=text, hint=error.hint) from None
            self.used.update(dict.fromkeys(words.matched))
            self.unset.update(dict.fromkeys(words.unmatched))
            for word in words.values:
                try:
                    ranges.add(parse_port(word))
                except ValueError as error:
                    raise DockerfileError(str(error), instruction.span, mark=text) from None
        ports = {(port, ports.protocol) for ports in ranges for port in range(ports.first, ports.last + 1)}
        return tuple(f"{port}/{protocol}" for port, protocol in sorted(ports))

    def _from(self, instruction: From) -> From:
        image = self.word(instruction.image, instruction.span)
        if not image.strip():
            raise DockerfileError(
                f"base name ({instruction.image}) should not be blank",
                instruction.span,
                mark=instruction.image,
                hint="FROM sees only the ARGs that stand before the first FROM",
            )
        platform = instruction.platform
        return instruction._replace(
            image=image, platform=None if platform is None else self.word(platform, instruction.span)
        )

"""Nodes → instructions: keywords, numbers of arguments, flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.dockerfile.blanks import BLANKS, split_plain
from boxwright.dockerfile.directives import Directives
from boxwright.dockerfile.flags import NO_FLAGS, Flags, FlagSet, parse_flags
from boxwright.dockerfile.instructions import (
    Add,
    Arg,
    ArgValue,
    Cmd,
    Command,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from boxwright.dockerfile.parser import Node, parse_lines, parse_node, parse_text
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.dockerfile.suggest import did_you_mean
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.heredoc import Heredoc
    from boxwright.dockerfile.mounts import Fields

_STAGE_NAME = r"[a-z][a-z0-9-_.]*"
_RESERVED_STAGE = "scratch"
_OCTAL = r"[0-7]{1,7}"
_MAX_MODE = 0o7777

_FROM_FLAGS = FlagSet(frozenset({"platform"}))
_RUN_FLAGS = FlagSet(
    frozenset({"network", "security"}), unsupported=frozenset({"device"}), repeated=frozenset({"mount"})
)
_RUN_CHOICES = {"network": ("default", "none", "host"), "security": ("sandbox", "insecure")}
_COPY_FLAGS = FlagSet(
    frozenset({"from", "chown", "chmod"}),
    repeated=frozenset({"exclude"}),
    switches=frozenset({"link", "parents"}),
)
_ADD_FLAGS = FlagSet(
    frozenset({"chown", "chmod", "checksum"}),
    repeated=frozenset({"exclude"}),
    switches=frozenset({"link", "keep-git-dir", "unpack"}),
)


class Parsed(NamedTuple):
    """A Dockerfile as a flat list of instructions; `stages.assemble` gives it its shape."""

    source: Source
    directives: Directives
    instructions: tuple[Instruction, ...]
    empty_continuations: tuple[Span, ...]


def parse(source: Source) -> Parsed:
    """Parse a Dockerfile. Raises DockerfileError and UnsupportedSyntax, each with the place."""
    lines = parse_lines(source)
    instructions = tuple(map(parse_instruction, lines.nodes, (None, *lines.nodes)))
    return Parsed(source, lines.directives, instructions, lines.empty_continuations)


def parse_trigger(text: str, origin: str, escape: str = "\\") -> Instruction:
    """Parse an ONBUILD trigger out of an image's configuration; `origin` says in messages where it is from.

    Raises DockerfileError and UnsupportedSyntax.
    """
    node = parse_text(text, escape, Source(origin, text))
    _check_trigger(node.keyword, node.span)
    return parse_instruction(node)


def parse_instruction(node: Node, before: Node | None = None) -> Instruction:
    """Return the instruction that a node means; `before` is the node above it, for the sake of a hint.

    Raises DockerfileError and UnsupportedSyntax.
    """
    parser = _PARSERS.get(node.keyword)
    if parser is None:
        written = split_plain(node.original, 1)[0][:100]
        raise DockerfileError(
            f"unknown instruction: {written}{did_you_mean(node.keyword, _PARSERS)}",
            node.span,
            mark=written,
            hint=_no_heredoc(before),
        )
    return parser(node)


def _no_heredoc(node: Node | None) -> str | None:
    """Say so if an instruction looks as if what follows were to be its here-document, and isn't."""
    if node is None or node.heredocs or node.json:
        return None
    loose = re.search(r"""<<(-?)[ \t]+(['"]?\w+['"]?)""", node.original)
    if loose is None or node.keyword not in ("RUN", "COPY", "ADD"):
        return None
    return f"in line {node.span.first} there is a blank behind <<: a here-document begins with <<{loose[1]}{loose[2]}"


def check_mode(text: str, span: Span) -> int | str:
    """Return the permission bits of a --chmod value, or the value itself if it is symbolic.

    Raises DockerfileError unless it is octal and at most 07777, or symbolic.
    """
    if re.fullmatch(_OCTAL, text) and int(text, 8) <= _MAX_MODE:
        return int(text, 8)
    from boxwright.dockerfile.modes import is_mode

    if is_mode(text):
        return text
    raise DockerfileError(
        f"invalid chmod parameter: '{text[:100]}'. it should be octal string and between 0 and 07777",
        span,
        mark=f"--chmod={text}",
        hint=None if text[:1].isdigit() else "or symbolic, like u=rwX,go=rX",
    )


def check_signal(text: str, span: Span) -> None:
    """Raises DockerfileError unless `text` is a signal's name or number."""
    from boxwright.dockerfile.signals import InvalidSignal, signal_number

    try:
        signal_number(text)
    except InvalidSignal as error:
        raise DockerfileError(error.message, span, mark=text, hint=error.hint) from None


def _exactly_one(node: Node) -> str:
    if len(node.arguments) != 1:
        raise DockerfileError(f"{node.keyword} requires exactly one argument", node.span)
    return node.arguments[0]


def _at_least_one(node: Node) -> tuple[str, ...]:
    if not node.arguments:
        raise DockerfileError(f"{node.keyword} requires at least one argument", node.span)
    return node.arguments


def _pairs(node: Node) -> tuple[tuple[str, str], ...]:
    parse_flags(node, NO_FLAGS)
    arguments = _at_least_one(node)
    pairs = tuple(zip(arguments[::2], arguments[1::2], strict=True))
    if any(not name for name, _ in pairs):
        raise DockerfileError(f"{node.keyword} names can not be blank", node.span)
    return pairs


def _from(node: Node) -> From:
    arguments = node.arguments
    name = None
    if len(arguments) == 3 and arguments[1].lower() == "as":
        name = arguments[2].lower()
        if not re.fullmatch(_STAGE_NAME, name):
            raise DockerfileError(
                f'invalid name for build stage: "{arguments[2]}", name can\'t start with a number or contain symbols',
                node.span,
                mark=arguments[2],
            )
        if name == _RESERVED_STAGE:
            raise DockerfileError(
                f'"{name}" is the name of the empty image and can\'t name a build stage', node.span, mark=arguments[2]
            )
    elif len(arguments) != 1:
        raise DockerfileError(
            "FROM requires either one or three arguments", node.span, hint="write FROM image, or FROM image AS name"
        )
    platform = parse_flags(node, _FROM_FLAGS).get("platform")
    return From(arguments[0], name, platform, node.original, node.span)


def _maintainer(node: Node) -> Maintainer:
    author = _exactly_one(node)
    parse_flags(node, NO_FLAGS)
    return Maintainer(author, node.original, node.span)


def _command(node: Node) -> Command:
    return Command(node.arguments, shell=not node.json)


def _run(node: Node) -> Run:
    flags = parse_flags(node, _RUN_FLAGS)
    mounts: tuple[Fields, ...] = ()
    if flags.all("mount"):
        from boxwright.dockerfile.mounts import split_mount

        mounts = tuple(split_mount(text, node.span) for text in flags.all("mount"))
    network, security = (_choice(node, name, flags.get(name)) for name in _RUN_CHOICES)
    return Run(_command(node), node.heredocs, mounts, network, security, node.original, node.span)


def _choice(node: Node, name: str, value: str | None) -> str | None:
    choices = _RUN_CHOICES[name]
    if value is not None and value not in choices:
        raise DockerfileError(
            f"{name} mode '{value[:100]}' is not supported{did_you_mean(value, choices)}",
            node.span,
            mark=f"--{name}",
            hint=f"it is one of {', '.join(choices)}",
        )
    return value


def _cmd(node: Node) -> Cmd:
    parse_flags(node, NO_FLAGS)
    return Cmd(_command(node), node.original, node.span)


def _entrypoint(node: Node) -> Entrypoint:
    parse_flags(node, NO_FLAGS)
    return Entrypoint(_command(node), node.original, node.span)


def _label(node: Node) -> Label:
    return Label(_pairs(node), node.legacy, node.original, node.span)


def _env(node: Node) -> Env:
    return Env(_pairs(node), node.legacy, node.original, node.span)


def _expose(node: Node) -> Expose:
    ports = _at_least_one(node)
    parse_flags(node, NO_FLAGS)
    return Expose(ports, node.original, node.span)


class _Operands(NamedTuple):
    """What COPY and ADD copy, and where to."""

    sources: tuple[str, ...]
    heredocs: tuple[Heredoc, ...]
    destination: str


def _operands(node: Node) -> _Operands:
    if len(node.arguments) < 2:
        raise DockerfileError(
            f"{node.keyword} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
            if node.arguments
            else f"{node.keyword} requires at least two arguments",
            node.span,
        )
    *sources, destination = node.arguments
    if node.heredocs:
        markers = {heredoc.marker.text for heredoc in node.heredocs}
        if destination in markers:
            raise DockerfileError(
                f"{node.keyword} cannot accept a here-document as a destination", node.span, mark=destination
            )
        sources = [source for source in sources if source not in markers]
    return _Operands(tuple(sources), node.heredocs, destination)


def _chmod(node: Node, flags: Flags) -> str | None:
    mode = flags.get("chmod")
    if mode is not None and "$" not in mode:
        check_mode(mode, node.span)
    return mode


def _add(node: Node) -> Add:
    sources, heredocs, destination = _operands(node)
    flags = parse_flags(node, _ADD_FLAGS)
    return Add(
        sources,
        destination,
        flags.get("chown"),
        _chmod(node, flags),
        bool(flags.switch("link")),
        flags.all("exclude"),
        flags.get("checksum"),
        flags.switch("keep-git-dir"),
        flags.switch("unpack"),
        heredocs,
        node.original,
        node.span,
    )


def _copy(node: Node) -> Copy:
    sources, heredocs, destination = _operands(node)
    flags = parse_flags(node, _COPY_FLAGS)
    from_ = flags.get("from")
    if from_ == "":
        raise DockerfileError("missing a value on flag: from", node.span, mark="--from=")
    if from_ is not None and "$" in from_:
        raise DockerfileError(
            "variable expansion is not supported for --from",
            node.span,
            mark=from_,
            hint="define a new stage with FROM using ARG from global scope as a workaround",
        )
    return Copy(
        sources,
        destination,
        from_,
        flags.get("chown"),
        _chmod(node, flags),
        bool(flags.switch("link")),
        bool(flags.switch("parents")),
        flags.all("exclude"),
        heredocs,
        node.original,
        node.span,
    )


def _volume(node: Node) -> Volume:
    paths = tuple(path.strip(BLANKS) for path in _at_least_one(node))
    parse_flags(node, NO_FLAGS)
    if not all(paths):
        raise DockerfileError("VOLUME specified can not be an empty string", node.span)
    return Volume(paths, node.original, node.span)


def _user(node: Node) -> User:
    user = _exactly_one(node)
    parse_flags(node, NO_FLAGS)
    return User(user, node.original, node.span)


def _workdir(node: Node) -> Workdir:
    path = _exactly_one(node)
    parse_flags(node, NO_FLAGS)
    return Workdir(path, node.original, node.span)


def _arg(node: Node) -> Arg:
    values = []
    for word in _at_least_one(node):
        name, equals, default = word.partition("=")
        if not name:
            raise DockerfileError("ARG names can not be blank", node.span, mark=word)
        values.append(ArgValue(name, default if equals else None))
    parse_flags(node, NO_FLAGS)
    return Arg(tuple(values), node.original, node.span)


def _onbuild(node: Node) -> Onbuild:
    text = _at_least_one(node)[0]
    parse_flags(node, NO_FLAGS)
    _check_trigger(split_plain(text, 1)[0].upper(), node.span)
    trigger = parse_node(text, node.escape, node.span)._replace(heredocs=node.heredocs)
    parse_instruction(trigger)  # a mistake is told here, not where an heir meets it
    if node.heredocs:
        from boxwright.dockerfile.heredoc import written

        text = written(text, node.heredocs)
    return Onbuild(text, node.original, node.span)


def _check_trigger(keyword: str, span: Span) -> None:
    if keyword == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", span)
    if keyword in ("FROM", "MAINTAINER"):
        raise DockerfileError(f"{keyword} isn't allowed as an ONBUILD trigger", span)


def _stopsignal(node: Node) -> Stopsignal:
    signal = _exactly_one(node)
    parse_flags(node, NO_FLAGS)
    if not any(char in signal for char in "$'\"\\`"):  # otherwise it is known only once it is expanded
        check_signal(signal, node.span)
    return Stopsignal(signal, node.original, node.span)


def _healthcheck(node: Node) -> Healthcheck:
    from boxwright.dockerfile.healthchecks import parse_healthcheck

    return parse_healthcheck(node, _at_least_one(node))


def _shell(node: Node) -> Shell:
    parse_flags(node, NO_FLAGS)
    argv = _at_least_one(node)
    if not node.json:
        raise DockerfileError(
            "SHELL requires the arguments to be in JSON form", node.span, hint='write SHELL ["/bin/bash", "-c"]'
        )
    return Shell(argv, node.original, node.span)


_PARSERS: dict[str, Callable[[Node], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}

"""Rules about what an image says of itself: commands, directories, ports, variables."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.dockerfile.instructions import Cmd, Entrypoint, Expose, From, Healthcheck, Workdir, keyword
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, base_stage, everywhere
from boxwright.dockerfile.ports import parse_port
from boxwright.dockerfile.stages import Stage
from boxwright.dockerfile.suggest import nearest


def _undefined(subject: Subject) -> Iterator[Finding]:
    for name, instruction, known in subject.undefined:
        if not isinstance(instruction, From):
            near = nearest(name, known)
            meant = f" (did you mean ${near}?)" if near else ""
            yield Finding(f"usage of undefined variable '${name}'{meant}", instruction.span, name)


def _json_arguments(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        if any(keyword(instruction) == "SHELL" for instruction in stage.instructions):
            continue
        for instruction in stage.instructions:
            if isinstance(instruction, Cmd | Entrypoint) and instruction.command.shell and instruction.command.argv:
                yield Finding(
                    f'{keyword(instruction)} ["…"] would hand signals to the program, a shell keeps them',
                    instruction.span,
                )


def _overridden(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        for kind in (Cmd, Entrypoint, Healthcheck):
            same = [instruction for instruction in stage.instructions if isinstance(instruction, kind)]
            for instruction in same[:-1]:
                yield Finding(f"only the last {keyword(instruction)} of a stage has an effect", instruction.span)


def _relative_workdirs(subject: Subject) -> Iterator[Finding]:
    placed: set[int] = set()
    for stage in subject.dockerfile.stages:
        below = base_stage(subject.dockerfile, stage)
        if below is not None and below.number in placed:
            placed.add(stage.number)
            continue
        first = _first_workdir(stage)
        if first is None:
            continue
        placed.add(stage.number)  # those behind the first one are relative to it
        path = first.path.strip("\"'")
        if not path.startswith(("/", "$")):
            yield Finding(f"relative WORKDIR '{path}' leads elsewhere when the base image changes", first.span, path)


def _first_workdir(stage: Stage) -> Workdir | None:
    return next((found for found in stage.instructions if isinstance(found, Workdir)), None)


def _published(subject: Subject) -> Iterator[Finding]:
    for instruction, text in _ports(subject):
        try:
            published = parse_port(text).published
        except ValueError:  # a variable, or a mistake that expanding it will tell
            continue
        if published:
            yield Finding(
                f"EXPOSE cannot publish on the host: the part before the last ':' of '{text}' has no effect",
                instruction.span,
                text,
            )


def _protocols(subject: Subject) -> Iterator[Finding]:
    for instruction, text in _ports(subject):
        protocol = text.partition("/")[2]
        if "$" not in protocol and protocol != protocol.lower():
            yield Finding(f"protocol '{protocol}' should be in lower case", instruction.span, text)


def _ports(subject: Subject) -> Iterator[tuple[Expose, str]]:
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, Expose):
            for text in instruction.ports:
                yield instruction, text


RULES = (
    Rule(
        "JSONArgsRecommended",
        "CMD and ENTRYPOINT are written as JSON arrays",
        "Otherwise a shell is the first process: it passes no signals on, and a stop becomes a kill.",
        _json_arguments,
        bad="FROM busybox:1\nCMD httpd -f",
        good='FROM busybox:1\nCMD ["httpd", "-f"]',
    ),
    Rule(
        "MultipleInstructionsDisallowed",
        "A stage has one CMD, one ENTRYPOINT and one HEALTHCHECK",
        "Only the last one counts; those before it mislead.",
        _overridden,
        bad='FROM busybox:1\nCMD ["ls"]\nCMD ["ps"]',
        good='FROM busybox:1\nCMD ["ps"]',
    ),
    Rule(
        "WorkdirRelativePath",
        "The first WORKDIR of a stage is absolute",
        "A relative one is below whatever directory the base image happens to have.",
        _relative_workdirs,
        bad="FROM busybox:1\nWORKDIR app",
        good="FROM busybox:1\nWORKDIR /app",
    ),
    Rule(
        "UndefinedVar",
        "A variable is set before it is used",
        "What is not set is empty, which is seldom meant: `COPY $SRC_DIR /app` then copies the whole context.",
        _undefined,
        bad="FROM scratch\nARG VERSION=1\nLABEL version=$VERSON",
        good="FROM scratch\nARG VERSION=1\nLABEL version=$VERSION",
    ),
    Rule(
        "ExposeInvalidFormat",
        "EXPOSE takes container ports alone",
        "Where a port is published is decided when a container is started: `run -p 8080:80`.",
        _published,
        bad="FROM busybox:1\nEXPOSE 8080:80",
        good="FROM busybox:1\nEXPOSE 80",
    ),
    Rule(
        "ExposeProtoCasing",
        "Protocols of EXPOSE are in lower case",
        "The image holds them in lower case anyway.",
        _protocols,
        bad="FROM busybox:1\nEXPOSE 53/UDP",
        good="FROM busybox:1\nEXPOSE 53/udp",
    ),
)

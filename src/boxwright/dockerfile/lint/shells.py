"""Rules of our own about the shell in RUN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from boxwright.dockerfile.instructions import Run
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject
from boxwright.dockerfile.lint.script import SimpleCommand, commands
from boxwright.dockerfile.stages import Stage


def _directories(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        runs = list(_runs(stage))
        opening = Counter(found[0].words for _, found in runs if _goes_to(found[0]) and len(found) > 1)
        for run, found in runs:
            if found[-1].name == "cd" and "(" not in run.original:
                yield Finding(
                    "cd at the end of a RUN changes nothing: the next step starts in WORKDIR",
                    run.span,
                    found[-1].written,
                )
            elif _goes_to(found[0]) and opening[found[0].words] > 1:
                directory = found[0].words[1]
                yield Finding(
                    f"several RUNs begin with cd {directory}: WORKDIR {directory} says it once", run.span, "cd"
                )


def _runs(stage: Stage) -> Iterator[tuple[Run, tuple[SimpleCommand, ...]]]:
    for instruction in stage.instructions:
        if isinstance(instruction, Run):
            found = commands(instruction)
            if found:
                yield instruction, found


def _goes_to(command: SimpleCommand) -> bool:
    return command.name == "cd" and len(command.words) == 2 and command.words[1].startswith("/")


def _sudo(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        for run, found in _runs(stage):
            if any(command.sudo for command in found):
                yield Finding(
                    "sudo is not needed in a build: USER root runs the following steps as root", run.span, "sudo"
                )


RULES = (
    Rule(
        "CdInsteadOfWorkdir",
        "WORKDIR changes the directory, cd only until the end of its RUN",
        "A cd that ends a RUN has no effect at all; one that several RUNs begin with is a WORKDIR.",
        _directories,
        bad="FROM busybox:1\nRUN cd /app\nRUN ls",
        good="FROM busybox:1\nWORKDIR /app\nRUN ls",
        own=True,
        in_builds=False,
    ),
    Rule(
        "SudoInRun",
        "USER decides as whom a step runs, not sudo",
        "Steps run as root unless USER says otherwise; sudo has rules of its own about variables and terminals.",
        _sudo,
        bad="FROM debian:12\nRUN sudo mkdir /srv/www",
        good="FROM debian:12\nRUN mkdir /srv/www",
        own=True,
        in_builds=False,
    ),
)

"""Rules about what a stage starts from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxwright.dockerfile.expand import resolve_arg
from boxwright.dockerfile.instructions import From
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, base_stage
from boxwright.dockerfile.source import DockerfileError
from boxwright.dockerfile.suggest import nearest
from boxwright.dockerfile.words import WordError, process_word

_PREDEFINED = {
    f"{side}{part}": value
    for side in ("BUILD", "TARGET")
    for part, value in (("PLATFORM", "linux/amd64"), ("OS", "linux"), ("ARCH", "amd64"), ("VARIANT", ""))
}
_IMAGE = re.compile(
    r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?",
    re.ASCII,
)
_TARGET_PLATFORM = ("$TARGETPLATFORM", "${TARGETPLATFORM}")


def _undefined(subject: Subject) -> Iterator[Finding]:
    for name, instruction, known in subject.undefined:
        if isinstance(instruction, From):
            near = nearest(name, known)
            meant = f" (did you mean ${near}?)" if near else ""
            yield Finding(f"usage of undefined variable '${name}'{meant}", instruction.span, name)


def _defaults(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.dockerfile
    escape = dockerfile.directives.escape
    known = dict(_PREDEFINED)
    declared: set[str] = set()
    try:
        for arg in dockerfile.global_args:
            resolved = resolve_arg(arg, known, {}, {}, escape).instruction
            known.update({name: value for name, value in resolved.values if value is not None})
            declared.update(value.name for value in resolved.values)
    except DockerfileError:
        return  # a default that needs a value from outside, as ${X:?} says
    for stage in dockerfile.stages:
        written = stage.from_.image
        if "$" not in written:
            continue
        try:
            word = process_word(written, known, escape)
        except WordError:
            continue
        used = declared & {*word.matched, *word.unmatched}
        if used and not _IMAGE.fullmatch(word.value):
            names = ", ".join(f"${name}" for name in sorted(used))
            yield Finding(
                f"default value for ARG {names} results in an empty or invalid base image name",
                stage.from_.span,
                written,
            )


def _constant_platforms(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        platform = stage.from_.platform
        if not platform or "$" in platform or any(part in (stage.name or "") for part in platform.split("/")[:2]):
            continue
        yield Finding(f'FROM --platform has the constant value "{platform}"', stage.from_.span, platform)


def _redundant_platforms(subject: Subject) -> Iterator[Finding]:
    for stage in subject.dockerfile.stages:
        if stage.from_.platform in _TARGET_PLATFORM:
            yield Finding(
                f"--platform={stage.from_.platform} is what is built for anyway", stage.from_.span, stage.from_.platform
            )


def _foreign(subject: Subject) -> Iterator[Finding]:
    for from_, found, wanted in subject.foreign:
        yield Finding(f"base image {from_.image} is for {found}, and {wanted} is built for", from_.span, from_.image)


def _unpinned(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.dockerfile
    for stage in dockerfile.stages:
        image = stage.from_.image
        if "$" in image or "@" in image or image == "scratch" or base_stage(dockerfile, stage):
            continue
        _, colon, tag = image.rpartition("/")[2].partition(":")
        if not colon or tag == "latest":
            yield Finding(
                f"'{image}' is another image whenever its publisher says so: name a version", stage.from_.span, image
            )


RULES = (
    Rule(
        "UndefinedArgInFrom",
        "FROM uses only variables that an ARG before the first FROM declares",
        "ENV and the ARGs of stages are not seen there, and what is not set is empty.",
        _undefined,
        bad="ARG VERSION=12\nFROM debian:${VERSON}-slim",
        good="ARG VERSION=12\nFROM debian:${VERSION}-slim",
    ),
    Rule(
        "InvalidDefaultArgInFrom",
        "FROM names an image also with the defaults of its ARGs",
        "Without that, the file builds only for those who know which --build-arg it takes.",
        _defaults,
        bad="ARG VERSION\nFROM debian:${VERSION}",
        good="ARG VERSION=12\nFROM debian:${VERSION}",
    ),
    Rule(
        "FromPlatformFlagConstDisallowed",
        "FROM --platform takes a variable, or the stage's name says the platform",
        "A constant binds the whole file to one platform; `build --platform` chooses one from outside.",
        _constant_platforms,
        bad="FROM --platform=linux/amd64 debian:12 AS build",
        good="FROM --platform=$BUILDPLATFORM debian:12 AS build",
    ),
    Rule(
        "RedundantTargetPlatform",
        "FROM --platform=$TARGETPLATFORM is left out",
        "It is what FROM does by itself.",
        _redundant_platforms,
        bad="FROM --platform=$TARGETPLATFORM debian:12",
        good="FROM debian:12",
    ),
    Rule(
        "InvalidBaseImagePlatform",
        "A base image is for the platform that is built for",
        "Programs for another architecture do not run, or run slowly in an emulator.",
        _foreign,
    ),
    Rule(
        "UnpinnedBase",
        "FROM names a version of its image",
        "`latest`, or no tag at all, is another image tomorrow: the build changes without a change of the file.",
        _unpinned,
        bad="FROM debian",
        good="FROM debian:12",
        own=True,
        in_builds=False,
    ),
)

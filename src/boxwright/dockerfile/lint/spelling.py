"""Rules about how a file is written, whatever it does."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.dockerfile.blanks import split_plain
from boxwright.dockerfile.descriptions import comment_above
from boxwright.dockerfile.instructions import Arg, Env, From, Label, Maintainer, keyword
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, everywhere


def _empty_continuations(subject: Subject) -> Iterator[Finding]:
    for span in subject.dockerfile.empty_continuations:
        yield Finding("an empty line within a continued instruction will become an error", span)


def _keyword_casing(subject: Subject) -> Iterator[Finding]:
    words = [(split_plain(found.original, 1)[0], found.span) for found in everywhere(subject.dockerfile)]
    upper = sum(word.isupper() for word, _ in words)
    majority = str.upper if upper * 2 >= len(words) else str.lower
    for word, span in words:
        if word != majority(word):
            yield Finding(f"'{word}' should be written like the file's other keywords, {majority(word)}", span, word)


def _legacy_pairs(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, Env | Label) and instruction.legacy:
            word = keyword(instruction)
            yield Finding(
                f'"{word} key=value" should be used instead of the legacy "{word} key value" form', instruction.span
            )


def _maintainer(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, Maintainer):
            yield Finding(
                "MAINTAINER is deprecated in favour of LABEL org.opencontainers.image.authors=…", instruction.span
            )


def _descriptions(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, From):
            names = [instruction.name] if instruction.name else []
        elif isinstance(instruction, Arg):
            names = [value.name for value in instruction.values]
        else:
            continue
        comment = comment_above(instruction.span)
        if names and comment and comment.split()[0] not in names:
            shown = names[0] if len(names) == 1 else "NAME"
            yield Finding(
                f"a comment right above {keyword(instruction)} describes it: write '# {shown} what it is for', "
                "or leave a line empty between them",
                instruction.span,
            )


RULES = (
    Rule(
        "NoEmptyContinuation",
        "No empty line stands within a continued instruction",
        "It is left out today, and will be an error in a later version of the language.",
        _empty_continuations,
        bad="FROM busybox:1\nRUN echo a \\\n\n    b",
        good="FROM busybox:1\nRUN echo a \\\n    b",
    ),
    Rule(
        "ConsistentInstructionCasing",
        "All keywords are written in the same case",
        "Upper case is usual, lower case is right as well; a mixture is hard to read.",
        _keyword_casing,
        bad="FROM busybox:1\nrun echo a\nRUN echo b",
        good="FROM busybox:1\nRUN echo a\nRUN echo b",
    ),
    Rule(
        "LegacyKeyValueFormat",
        "ENV and LABEL are written with =",
        "Without it the whole rest of the line is the value, quotes and all, which surprises readers.",
        _legacy_pairs,
        bad="FROM busybox:1\nENV LANG C.UTF-8",
        good="FROM busybox:1\nENV LANG=C.UTF-8",
    ),
    Rule(
        "MaintainerDeprecated",
        "A label names the authors, not MAINTAINER",
        "MAINTAINER sets a field that hardly any tool still shows; labels can be listed, filtered and added to.",
        _maintainer,
        bad="FROM busybox:1\nMAINTAINER Ada",
        good='FROM busybox:1\nLABEL org.opencontainers.image.authors="Ada"',
    ),
    Rule(
        "InvalidDefinitionDescription",
        "A comment right above a stage or an ARG starts with its name",
        "`build --call=outline` and `--call=targets` show such comments as descriptions.",
        _descriptions,
        bad="# Which version to build\nARG VERSION=1\nFROM busybox:1",
        good="# VERSION is what to build\nARG VERSION=1\nFROM busybox:1",
        experimental=True,
    ),
)

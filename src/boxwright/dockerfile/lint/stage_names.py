"""Rules about FROM … AS NAME."""

from __future__ import annotations

from collections.abc import Iterator

from boxwright.dockerfile.blanks import split_plain
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject
from boxwright.dockerfile.stages import Stage

_RESERVED = ("context", "scratch")


def _named(subject: Subject) -> Iterator[tuple[Stage, str, str]]:
    """Return the stages that have a name, with the name and the word AS as they are written."""
    for stage in subject.dockerfile.stages:
        if stage.name is not None:
            *_, as_word, written = split_plain(stage.from_.original)
            yield stage, written, as_word


def _casing(subject: Subject) -> Iterator[Finding]:
    for stage, written, _ in _named(subject):
        if written != stage.name:
            yield Finding(f"stage name '{written}' should be in lower case", stage.from_.span, written)


def _as_casing(subject: Subject) -> Iterator[Finding]:
    for stage, _, as_word in _named(subject):
        from_word = split_plain(stage.from_.original, 1)[0]
        if as_word.isupper() != from_word.isupper():
            yield Finding(f"'{as_word}' and '{from_word}' differ in case", stage.from_.span, as_word)


def _duplicates(subject: Subject) -> Iterator[Finding]:
    seen: set[str | None] = set()
    for stage, written, _ in _named(subject):
        if stage.name in seen:
            yield Finding(f"stage name '{written}' is used more than once", stage.from_.span, written)
        seen.add(stage.name)


def _reserved(subject: Subject) -> Iterator[Finding]:
    for stage, written, _ in _named(subject):
        if stage.name in _RESERVED:
            yield Finding(f"stage name '{written}' has a meaning of its own", stage.from_.span, written)


RULES = (
    Rule(
        "StageNameCasing",
        "Names of stages are in lower case",
        "Names are compared without regard to case, and those of images are in lower case: one form is easier to find.",
        _casing,
        bad="FROM debian:12 AS Build",
        good="FROM debian:12 AS build",
    ),
    Rule(
        "FromAsCasing",
        "AS is written in the case of its FROM",
        "Two keywords of one line that differ in case are hard to read.",
        _as_casing,
        bad="FROM debian:12 as build",
        good="FROM debian:12 AS build",
    ),
    Rule(
        "DuplicateStageName",
        "Every stage has a name of its own",
        "A name given twice means the later stage from there on, and the earlier one can only be had by its number.",
        _duplicates,
        bad="FROM debian:12 AS build\nFROM busybox:1 AS build",
        good="FROM debian:12 AS build\nFROM busybox:1 AS run",
    ),
    Rule(
        "ReservedStageName",
        "No stage is called context or scratch",
        "These words mean the build context and the empty image.",
        _reserved,
        bad="FROM debian:12 AS context",
        good="FROM debian:12 AS sources",
    ),
)

"""What is wrong with a bake file, and where."""

from __future__ import annotations

from boxwright.dockerfile.source import Source, Span
from boxwright.errors import InvalidError, NotFoundError


class BakeError(InvalidError):
    """What a bake file says, or what was asked of it, makes no sense."""


class BakeFileError(BakeError):
    """A bake file that breaks a rule of its language; `detail` is the excerpt."""

    def __init__(self, message: str, span: Span, *, mark: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, detail=span.excerpt(mark=mark), hint=hint)
        self.span = span


class TargetMissing(NotFoundError):
    """No target has the name, or matches the pattern."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        from boxwright.dockerfile.suggest import did_you_mean

        super().__init__(
            f"there is no target {name}{did_you_mean(name, known)}",
            hint=f"targets: {', '.join(known[:20])}" if known else "no file names any",
        )
        self.name = name


def lines_of(source: Source, start: int, end: int) -> Span:
    """Return the lines that the characters from `start` to `end` of a source stand on."""
    text = source.text
    last = max(text.count("\n") + (not text.endswith("\n")), 1)
    first = text.count("\n", 0, start) + 1
    return Span(source, min(first, last), min(max(first, text.count("\n", 0, max(end - 1, start)) + 1), last))

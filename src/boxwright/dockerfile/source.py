"""Texts, places in them, and the errors that point at a place.

InvalidError ── DockerfileError        the text breaks a rule of the language
UnsupportedError ── UnsupportedSyntax  the text is right, but asks for what is not supported
"""

from __future__ import annotations

from boxwright.errors import InvalidError, UnsupportedError
from boxwright.values import NamedTuple

_MAX_LINES = 12
_MAX_COLUMNS = 160


class Source(NamedTuple):
    """A text and the name under which a person knows it (``Dockerfile``, ``docker/app.Dockerfile``)."""

    name: str
    text: str

    @classmethod
    def decode(cls, name: str, data: bytes) -> Source:
        """Return the bytes of a file as a source. Raises DockerfileError at the first line that is not UTF-8."""
        try:
            return cls(name, data.decode())
        except UnicodeDecodeError as error:
            source = cls(name, data.decode(errors="replace"))
            number = data.count(b"\n", 0, error.start) + 1
            utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
            raise DockerfileError(
                "the file is not UTF-8",
                Span(source, number, number),
                mark="\ufffd",
                hint="it was saved as UTF-16: save it as UTF-8" if utf16 else None,
            ) from None

    def lines(self) -> list[str]:
        """Return the lines without their ends; the line break at the end of the text starts no further line."""
        lines = self.text.removeprefix("\ufeff").split("\n")
        if not lines[-1]:
            lines.pop()
        return lines

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.text)} characters)"


class Span(NamedTuple):
    """The lines `first` to `last` of a source, both counted from 1 and both within."""

    source: Source
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.first}"

    def excerpt(self, *, mark: str | None = None, context: int = 0) -> tuple[str, ...]:
        """Return the place as lines to show: its name, the lines with their numbers, carets below what is wrong.

        The carets stand under the first occurrence of `mark`, or under the whole first line. `context` is the number
        of lines shown before and after. Control characters are shown escaped: the text may be hostile to a terminal.
        """
        lines = self.source.lines()
        start, end = max(self.first - context, 1), min(self.last + context, len(lines))
        shown = range(start, min(end, start + _MAX_LINES - 1) + 1)
        width = len(str(end))
        caret_line, column, length = self._caret(lines, mark)
        excerpt = [str(self)]
        for number in shown:
            line = lines[number - 1].rstrip("\r\n")
            excerpt.append(f"  {number:>{width}} | {_shown(line)[:_MAX_COLUMNS]}".rstrip())
            if number == caret_line and length:
                before, marked = len(_shown(line[:column])), len(_shown(line[column : column + length]))
                if before < _MAX_COLUMNS:
                    carets = "^" * max(min(marked, _MAX_COLUMNS - before), 1)
                    excerpt.append(f"  {'':>{width}} | {' ' * before}{carets}")
        if shown.stop <= end:
            excerpt.append(f"  {'':>{width}} | …")
        return tuple(excerpt)

    def _caret(self, lines: list[str], mark: str | None) -> tuple[int, int, int]:
        """Return line, column (from 0) and length of what the carets mark."""
        if mark:
            for number in range(self.first, min(self.last, len(lines)) + 1):
                column = lines[number - 1].find(mark)
                if column >= 0:
                    return number, column, len(mark)
        if self.first > len(lines):
            return 0, 0, 0
        line = lines[self.first - 1]
        stripped = line.strip()
        return self.first, len(line) - len(line.lstrip()), len(stripped)


def _shown(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else "    " if char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )


class DockerfileError(InvalidError):
    """A Dockerfile (or .dockerignore) that breaks a rule of its language; `detail` is the excerpt."""

    def __init__(self, message: str, span: Span, *, mark: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, detail=span.excerpt(mark=mark), hint=hint)
        self.span = span


class UnsupportedSyntax(UnsupportedError):
    """A Dockerfile that asks for something that is not supported (yet); `detail` is the excerpt."""

    def __init__(self, message: str, span: Span, *, mark: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, detail=span.excerpt(mark=mark), hint=hint)
        self.span = span

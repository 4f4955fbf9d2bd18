"""A place in a text that moves on: blanks, comments, names, and what to say when something else is there."""

from __future__ import annotations

from typing import NoReturn

from boxwright.bake.mistakes import BakeError, BakeFileError, lines_of
from boxwright.bake.syntax import Place
from boxwright.dockerfile.source import Source

_MAX_DEPTH = 50
_MAX_TEXT = 1 << 20


class Cursor:
    """Reads a bake file's text. `lines` says whether a line break means something here."""

    def __init__(self, source: Source) -> None:
        if len(source.text) > _MAX_TEXT:
            raise BakeError(f"{source.name} is longer than 1 MiB")
        self.source = source
        self.text = source.text
        self.position = 1 if source.text.startswith("\ufeff") else 0
        self.lines = True
        self._depth = 0

    # ---- looking

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.position)

    @property
    def char(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.position : self.position + 1]

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    # ---- moving

    def skip(self) -> None:
        """Go past blanks and comments, and past line breaks where they mean nothing."""
        text, end = self.text, len(self.text)
        while self.position < end:
            char = text[self.position]
            if char in " \t\r" or (char == "\n" and not self.lines):
                self.position += 1
            elif char == "#" or text.startswith("//", self.position):
                stop = text.find("\n", self.position)
                self.position = end if stop < 0 else stop
            elif text.startswith("/*", self.position):
                stop = text.find("*/", self.position + 2)
                if stop < 0:
                    self.fail("a comment is not closed", self.position)
                self.position = stop + 2
            else:
                return

    def skip_lines(self) -> None:
        """Go past blanks, comments and line breaks."""
        lines, self.lines = self.lines, False
        self.skip()
        self.lines = lines

    def take(self, text: str) -> bool:
        """Go past `text` if it is next."""
        if self.peek(text):
            self.position += len(text)
            return True
        return False

    def expect(self, text: str, where: str) -> None:
        if not self.take(text):
            self.fail(f"expected {text!r} {where}")

    def name(self) -> str | None:
        """Read an identifier, if one is next."""
        start, text = self.position, self.text
        if not (self.char.isalpha() or self.char == "_"):
            return None
        while self.position < len(text) and (text[self.position].isalnum() or text[self.position] in "_-"):
            self.position += 1
        return text[start : self.position]

    def keyword(self, word: str) -> bool:
        """Go past a word that means something here, if it is next."""
        start = self.position
        if self.name() == word:
            return True
        self.position = start
        return False

    # ---- nesting

    def deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self.fail("this is nested too deeply")

    def back(self) -> None:
        self._depth -= 1

    # ---- telling

    def place(self, start: int) -> Place:
        return Place(self.source, start, self.position)

    def fail(self, message: str, start: int | None = None, *, hint: str | None = None) -> NoReturn:
        """Raise BakeFileError at the cursor, or from `start` on."""
        at = self.position if start is None else start
        found = self.text[at : at + 40].split("\n")[0].strip()
        if start is None:
            message += f", found {found[:20]!r}" if found else ", found the end of the line"
        raise BakeFileError(message, lines_of(self.source, at, at + 1), mark=found or None, hint=hint)

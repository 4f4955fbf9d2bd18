"""Text → templates: quoted strings and here-documents, with ``${…}`` and ``%{if …}``, ``%{for …}`` in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxwright.bake.cursor import Cursor
from boxwright.bake.syntax import Conditional, Expression, For, Joined, Literal, Template
from boxwright.dockerfile.source import Source
from boxwright.values import NamedTuple

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_MARKER = re.compile(r"<<(-?)([A-Za-z_][\w-]*)[ \t\r]*\n")
_MAX_CODE = 0x10FFFF


class _Directive(NamedTuple):
    """``%{…}``: `word` is ``if``, ``else``, ``endif``, ``for`` or ``endfor``."""

    word: str
    expression: Expression | None
    names: tuple[str, ...]
    start: int


def quoted(cursor: Cursor) -> Expression:
    """Read a string in double quotes; one that is only ``${x}`` is x itself. Raises BakeFileError."""
    start = cursor.position
    cursor.position += 1
    parts = _Parts(cursor, start, by_line=False)
    while not cursor.take('"'):
        if cursor.at_end or cursor.char == "\n":
            cursor.fail("a string is not closed", start)
        if cursor.char == "\\":
            parts.text(_escape(cursor))
        elif not parts.special():
            parts.text(cursor.char)
            cursor.position += 1
    return parts.finish()


def heredoc(cursor: Cursor) -> Expression:
    """Read a here-document. Raises BakeFileError."""
    start = cursor.position
    marker = _MARKER.match(cursor.text, start)
    if marker is None:
        cursor.fail("a here-document begins with <<NAME at the end of a line", start)
    end = re.compile(rf"^[ \t]*{re.escape(marker[2])}[ \t\r]*$", re.MULTILINE).search(cursor.text, marker.end())
    if end is None:
        cursor.fail(f"a here-document is not closed: no line is just {marker[2]}", start)
    cursor.position, stop = marker.end(), end.start()
    parts = _Parts(cursor, start, by_line=True)
    while cursor.position < stop:
        if not parts.special():
            parts.text(cursor.char)
            cursor.position += 1
    if cursor.position > stop:
        cursor.fail("${…} is not closed within the here-document", start)
    if marker[1]:
        parts.outdent()
    found = parts.finish()
    cursor.position = end.end()
    return found


def template(source: Source) -> Expression:
    """Return what a text that has no escapes means: a string of a JSON file. Raises BakeFileError."""
    cursor = Cursor(source)
    parts = _Parts(cursor, 0, by_line=True)
    while not cursor.at_end:
        if not parts.special():
            parts.text(cursor.char)
            cursor.position += 1
    return parts.finish()


class _Parts:
    """Collects a template as HCL does: texts and what stands between them, with ``~`` taking blanks of one text alone.

    With `by_line`, every line is a text of its own, so that ``~`` takes no more than blanks and the end of its line.
    """

    def __init__(self, cursor: Cursor, start: int, *, by_line: bool) -> None:
        self._cursor = cursor
        self._start = start
        self._by_line = by_line
        self._parts: list[str | Expression | _Directive] = []
        self._text: list[str] = []
        self._trim = False

    def text(self, text: str) -> None:
        self._text.append(text)
        if self._by_line and text == "\n":
            self._end_text()

    def special(self) -> bool:
        """Read ``${…}``, ``%{…}`` or one of these escaped, if it is next."""
        cursor = self._cursor
        for mark in ("$", "%"):
            if cursor.take(mark * 2 + "{"):
                self.text(mark + "{")
                return True
        if cursor.peek("${") or cursor.peek("%{"):
            self._sequence(directive=cursor.char == "%")
            return True
        return False

    def _sequence(self, *, directive: bool) -> None:
        from boxwright.bake.expressions import expression

        cursor, start = self._cursor, self._cursor.position
        cursor.position += 2
        before = cursor.take("~")
        lines, cursor.lines = cursor.lines, False
        if directive:
            found: Expression | _Directive = _directive(cursor, start)
        else:
            found = expression(cursor)
        cursor.skip()
        after = cursor.take("~")
        cursor.expect("}", f"to close {cursor.text[start : start + 2]!r}")
        cursor.lines = lines
        self._end_text()
        if before and self._parts and isinstance(self._parts[-1], str):
            self._parts[-1] = self._parts[-1].rstrip()
        self._parts.append(found)
        self._trim = after

    def _end_text(self) -> None:
        if self._text:
            text = "".join(self._text)
            self._parts.append(text.lstrip() if self._trim else text)
            self._text.clear()
            self._trim = False

    def outdent(self) -> None:
        """Take as many blanks from the beginning of all lines as all of them have, as ``<<-`` wants it.

        What begins a line is what comes behind a text that ends one; a line of blanks counts for nothing.
        """
        self._end_text()
        least: int | None = None
        begins: list[int] = []
        begin = True
        for number, part in enumerate(self._parts):
            if begin:
                blanks = len(part) - len(part.lstrip()) if isinstance(part, str) else 0
                if not isinstance(part, str) or part.strip() or not part.endswith("\n"):
                    least = blanks if least is None else min(least, blanks)
                    if isinstance(part, str):
                        begins.append(number)
            begin = isinstance(part, str) and part.endswith("\n")
        for number in begins:
            text = self._parts[number]
            assert isinstance(text, str)
            self._parts[number] = text[least or 0 :]

    def finish(self) -> Expression:
        self._end_text()
        place = self._cursor.place(self._start)
        joined: list[Expression | _Directive] = []
        texts: list[str] = []
        for part in [*self._parts, None]:
            if isinstance(part, str):
                texts.append(part)
                continue
            if any(texts):
                joined.append(Literal("".join(texts), place))
            texts.clear()
            if part is not None:
                joined.append(part)
        found, end = self._until(iter(joined), ())
        if end is not None:
            self._cursor.fail(f"%{{{end.word}}} has no beginning", end.start)
        if not found:
            return Literal("", place)
        if len(found) == 1:
            return found[0]
        return Template(tuple(found), place)

    def _until(
        self, parts: Iterator[Expression | _Directive], words: tuple[str, ...]
    ) -> tuple[list[Expression], _Directive | None]:
        """Put the parts up to a directive in `words` together; return them and that directive."""
        found: list[Expression] = []
        for part in parts:
            if not isinstance(part, _Directive):
                found.append(part)
            elif part.word in ("if", "for"):
                found.append(self._block(part, parts))
            elif part.word in words or not words:
                return found, part
            else:
                self._cursor.fail(f"%{{{part.word}}} has no beginning", part.start)
        return found, None

    def _block(self, begin: _Directive, parts: Iterator[Expression | _Directive]) -> Expression:
        place = self._cursor.place(begin.start)
        assert begin.expression is not None
        words = ("else", "endif") if begin.word == "if" else ("endfor",)
        self._cursor.deeper()
        body, end = self._until(parts, words)
        otherwise: list[Expression] = []
        if end is not None and end.word == "else":
            otherwise, end = self._until(parts, ("endif",))
        self._cursor.back()
        if end is None:
            self._cursor.fail(f"%{{{begin.word}}} is not closed", begin.start)
        result = Template(tuple(body), place)
        if begin.word == "if":
            return Conditional(begin.expression, result, Template(tuple(otherwise), place), place)
        key = begin.names[0] if len(begin.names) == 2 else None
        return Joined(For(key, begin.names[-1], begin.expression, None, result, False, None, place), place)


def _directive(cursor: Cursor, start: int) -> _Directive:
    from boxwright.bake.expressions import expression

    cursor.skip()
    word = cursor.name()
    match word:
        case "if":
            return _Directive("if", expression(cursor), (), start)
        case "for":
            names = []
            while True:
                cursor.skip()
                name = cursor.name()
                if name is None:
                    cursor.fail("expected a name behind 'for'")
                names.append(name)
                cursor.skip()
                if len(names) == 2 or not cursor.take(","):
                    break
            if not cursor.keyword("in"):
                cursor.fail("expected 'in' behind %{for")
            return _Directive("for", expression(cursor), tuple(names), start)
        case "else" | "endif" | "endfor":
            return _Directive(word, None, (), start)
    cursor.fail("expected if, else, endif, for or endfor behind %{", start)


def _escape(cursor: Cursor) -> str:
    start = cursor.position
    char = cursor.text[start + 1 : start + 2]
    if char in _ESCAPES:
        cursor.position += 2
        return _ESCAPES[char]
    digits = {"u": 4, "U": 8}.get(char, 0)
    code = cursor.text[start + 2 : start + 2 + digits]
    if digits and re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", code):
        number = int(code, 16)
        if number <= _MAX_CODE and not 0xD800 <= number <= 0xDFFF:
            cursor.position += 2 + digits
            return chr(number)
    cursor.fail(f"there is no escape \\{char}", start, hint='write \\\\ for a backslash, \\n, \\t, \\" or \\u00e9')

"""The text of a template becomes nodes: the part of Go's text/template that people use with ``--format``."""

from __future__ import annotations

import json
import re
from typing import Any

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple


class TemplateError(InvalidError):
    """A template that does not parse, or does not fit its data."""

    def __init__(self, message: str) -> None:
        super().__init__(f"template: {message}", hint="a template looks like '{{.ID}} {{json .Config}}'")


def parse(text: str) -> list[Any]:
    """Return the nodes of a template. Raises TemplateError, and RecursionError for one that is nested too deep."""
    return _Parser(text).parse()


class Text(NamedTuple):
    text: str


class Pipe(NamedTuple):
    assign: tuple[str, bool] | None  # the variable, and whether it is declared here
    commands: tuple[tuple[Any, ...], ...]


class If(NamedTuple):
    word: str  # if, with
    pipe: Pipe
    then: list[Any]
    other: list[Any]


class Range(NamedTuple):
    names: tuple[str, ...]
    pipe: Pipe
    body: list[Any]
    other: list[Any]


class Field(NamedTuple):
    base: Any  # None: the dot
    names: tuple[str, ...]


class Variable(NamedTuple):
    name: str


class Literal(NamedTuple):
    value: Any


class Function(NamedTuple):
    name: str


_ACTION = re.compile(
    r"\{\{(- )?((?:[^}\"'`]|\"(?:\\.|[^\"\\])*\"|`[^`]*`|'(?:\\.|[^'\\])*'|\}(?!\}))*?)( -)?\}\}", re.DOTALL
)
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:\\.|[^"\\])*"|`[^`]*`)
  | (?P<char>'(?:\\.|[^'\\])')
  | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?))
  | (?P<field>(?:\.[\w]+)+|\.)
  | (?P<variable>\$\w*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark>:=|=|\||\(|\)|,)
  )""",
    re.VERBOSE,
)


class _Parser:
    def __init__(self, text: str) -> None:
        self._pieces = self._split(text)
        self._at = 0

    @staticmethod
    def _split(text: str) -> list[tuple[str, str]]:
        pieces: list[tuple[str, str]] = []
        position, trim = 0, False
        for match in _ACTION.finditer(text):
            before = text[position : match.start()]
            before = before.lstrip() if trim else before
            pieces.append(("text", before.rstrip() if match[1] else before))
            pieces.append(("action", match[2].strip()))
            position, trim = match.end(), bool(match[3])
        rest = text[position:]
        if "{{" in rest:
            raise TemplateError(f"unclosed action in {text!r}")
        pieces.append(("text", rest.lstrip() if trim else rest))
        return pieces

    def parse(self) -> list[Any]:
        nodes, stop = self._nodes()
        if stop:
            raise TemplateError(f"unexpected {{{{{stop}}}}}")
        return nodes

    def _nodes(self) -> tuple[list[Any], str]:
        """Return the nodes up to an ``end`` or ``else``, and that word with what follows it."""
        nodes: list[Any] = []
        while self._at < len(self._pieces):
            kind, text = self._pieces[self._at]
            self._at += 1
            if kind == "text":
                if text:
                    nodes.append(Text(text))
                continue
            if text.startswith("/*"):
                continue
            word = text.split(None, 1)[0] if text else ""
            rest = text[len(word) :].strip()
            if word in ("end", "else"):
                return nodes, text
            if word in ("if", "with"):
                nodes.append(self._branch(word, rest))
            elif word == "range":
                nodes.append(self._range(rest))
            elif word in ("define", "template", "block", "break", "continue"):
                raise TemplateError(f"{word} is not supported")
            else:
                nodes.append(_Expression(text).pipe())
        return nodes, ""

    def _closed(self, stop: str, word: str) -> list[Any]:
        """Return the nodes of an ``else`` branch, having read the ``end`` that closes `word`."""
        if stop == "end":
            return []
        rest = stop.removeprefix("else").strip()
        if not stop or (rest and not rest.startswith(("if ", "with "))):
            raise TemplateError(f"{word} is not closed by end")
        if rest:
            inner = rest.split(None, 1)
            return [self._branch(inner[0], inner[1])]
        nodes, last = self._nodes()
        if last != "end":
            raise TemplateError(f"{word} is not closed by end")
        return nodes

    def _branch(self, word: str, text: str) -> If:
        pipe = _Expression(text).pipe()
        then, stop = self._nodes()
        return If(word, pipe, then, self._closed(stop, word))

    def _range(self, text: str) -> Range:
        names: tuple[str, ...] = ()
        match = re.match(r"(\$\w+)\s*(?:,\s*(\$\w+))?\s*:=", text)
        if match:
            names = tuple(name for name in match.groups() if name)
            text = text[match.end() :]
        pipe = _Expression(text).pipe()
        body, stop = self._nodes()
        return Range(names, pipe, body, self._closed(stop, "range"))


class _Expression:
    """A recursive-descent parser of one action's inside."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, bool]] = []  # kind, text, glued to the token before it
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if not match or match.lastgroup is None:
                raise TemplateError(f"unexpected {text[position:].strip()[:20]!r} in {{{{{text}}}}}")
            glued = position > 0 and match.start(match.lastgroup) == position
            self._tokens.append((match.lastgroup, match[match.lastgroup], glued))
            position = match.end()
        self._at = 0

    def _peek(self) -> tuple[str, str, bool]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "", False)

    def pipe(self) -> Pipe:
        pipe = self._pipe()
        if self._at != len(self._tokens):
            raise TemplateError(f"unexpected {self._peek()[1]!r} in {{{{{self._text}}}}}")
        return pipe

    def _pipe(self) -> Pipe:
        assign = None
        if self._peek()[0] == "variable" and len(self._tokens) > self._at + 1:
            mark = self._tokens[self._at + 1][1]
            if mark in (":=", "="):
                assign = (self._peek()[1], mark == ":=")
                self._at += 2
        commands = [self._command()]
        while self._peek()[1] == "|" and self._peek()[0] == "mark":
            self._at += 1
            commands.append(self._command())
        return Pipe(assign, tuple(commands))

    def _command(self) -> tuple[Any, ...]:
        words: list[Any] = []
        while self._peek()[0] and not (self._peek()[0] == "mark" and self._peek()[1] in "|)"):
            words.append(self._operand())
        if not words:
            raise TemplateError(f"missing value in {{{{{self._text}}}}}")
        return tuple(words)

    def _operand(self) -> Any:
        kind, text, _ = self._peek()
        self._at += 1
        value: Any
        if kind == "string":
            value = Literal(text[1:-1] if text[0] == "`" else _unquote(text))
        elif kind == "char":
            value = Literal(ord(_unquote('"' + text[1:-1].replace('"', '\\"') + '"')))
        elif kind == "number":
            value = Literal(_number(text))
        elif kind == "field":
            value = Field(None, tuple(text.split(".")[1:]) if text != "." else ())
        elif kind == "variable":
            value = Variable(text)
        elif kind == "name":
            constants = {"true": True, "false": False, "nil": None}
            value = Literal(constants[text]) if text in constants else Function(text)
        elif (kind, text) == ("mark", "("):
            value = self._pipe()
            if self._peek()[1] != ")":
                raise TemplateError(f"unclosed parenthesis in {{{{{self._text}}}}}")
            self._at += 1
        else:
            raise TemplateError(f"unexpected {text!r} in {{{{{self._text}}}}}")
        kind, text, glued = self._peek()
        if kind == "field" and glued and text != ".":  # $x.Name, (index .List 0).Name
            self._at += 1
            value = Field(value, tuple(text.split(".")[1:]))
        return value


def _number(text: str) -> float | int:
    try:
        return float(text) if "." in text else int(text, 16 if "x" in text.lower() else 10)
    except ValueError:  # more digits than anyone means
        raise TemplateError(f"invalid number {text[:20]}") from None


def _unquote(text: str) -> str:
    try:
        return str(json.loads(text.replace("\\'", "'")))
    except ValueError:
        raise TemplateError(f"invalid string {text}") from None

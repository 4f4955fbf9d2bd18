"""The part of Go's text/template that people use with ``--format``.

Fields and keys (``.State.Status``), chained and parenthesised pipelines, ``if``/``else if``/``else``, ``range`` with
variables, ``with``, variables, comments, trim markers, and the functions that docker adds (``json``, ``join``,
``split``, ``upper``, ``lower``, ``title``, ``pad``, ``truncate``, ``println``) beside Go's own. A value is what JSON
has: mapping, list, string, number, boolean, None; and in a mapping may be functions, as docker's ``{{.Label "name"}}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple


class TemplateError(InvalidError):
    """A template that does not parse, or does not fit its data."""

    def __init__(self, message: str) -> None:
        super().__init__(f"template: {message}", hint="a template looks like '{{.ID}} {{json .Config}}'")


class Template:
    """A parsed template; `render` may be called for any number of values."""

    def __init__(self, text: str) -> None:
        """Raises TemplateError when `text` does not parse."""
        try:
            self._nodes = _Parser(text).parse()
        except RecursionError:
            raise TemplateError("it is nested too deep") from None

    def render(self, value: Any) -> str:
        """Return the text for `value`. Raises TemplateError when a field that is not there is asked of it."""
        out: list[str] = []
        try:
            _Run(value, out).nodes(self._nodes, value)
        except RecursionError:
            raise TemplateError("it is nested too deep") from None
        return "".join(out)


_MOST = 100_000


class _Text(NamedTuple):
    text: str


class _Pipe(NamedTuple):
    assign: tuple[str, bool] | None  # the variable, and whether it is declared here
    commands: tuple[tuple[Any, ...], ...]


class _If(NamedTuple):
    word: str  # if, with
    pipe: _Pipe
    then: list[Any]
    other: list[Any]


class _Range(NamedTuple):
    names: tuple[str, ...]
    pipe: _Pipe
    body: list[Any]
    other: list[Any]


class _Field(NamedTuple):
    base: Any  # None: the dot
    names: tuple[str, ...]


class _Variable(NamedTuple):
    name: str


class _Literal(NamedTuple):
    value: Any


class _Function(NamedTuple):
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
                    nodes.append(_Text(text))
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

    def _branch(self, word: str, text: str) -> _If:
        pipe = _Expression(text).pipe()
        then, stop = self._nodes()
        return _If(word, pipe, then, self._closed(stop, word))

    def _range(self, text: str) -> _Range:
        names: tuple[str, ...] = ()
        match = re.match(r"(\$\w+)\s*(?:,\s*(\$\w+))?\s*:=", text)
        if match:
            names = tuple(name for name in match.groups() if name)
            text = text[match.end() :]
        pipe = _Expression(text).pipe()
        body, stop = self._nodes()
        return _Range(names, pipe, body, self._closed(stop, "range"))


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

    def pipe(self) -> _Pipe:
        pipe = self._pipe()
        if self._at != len(self._tokens):
            raise TemplateError(f"unexpected {self._peek()[1]!r} in {{{{{self._text}}}}}")
        return pipe

    def _pipe(self) -> _Pipe:
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
        return _Pipe(assign, tuple(commands))

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
            value = _Literal(text[1:-1] if text[0] == "`" else _unquote(text))
        elif kind == "char":
            value = _Literal(ord(_unquote('"' + text[1:-1].replace('"', '\\"') + '"')))
        elif kind == "number":
            value = _Literal(_number(text))
        elif kind == "field":
            value = _Field(None, tuple(text.split(".")[1:]) if text != "." else ())
        elif kind == "variable":
            value = _Variable(text)
        elif kind == "name":
            constants = {"true": True, "false": False, "nil": None}
            value = _Literal(constants[text]) if text in constants else _Function(text)
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
            value = _Field(value, tuple(text.split(".")[1:]))
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


class _Run:
    """One rendering: the scope of variables and the output."""

    def __init__(self, root: Any, out: list[str]) -> None:
        self._variables: dict[str, Any] = {"$": root}
        self._out = out

    def nodes(self, nodes: Sequence[Any], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, _Text):
                self._out.append(node.text)
            elif isinstance(node, _Pipe):
                value = self._pipe(node, dot)
                if node.assign is None:
                    self._out.append(_shown(value))
            elif isinstance(node, _If):
                value = self._pipe(node.pipe, dot)
                if _truth(value):
                    self._scoped(node.then, value if node.word == "with" else dot)
                else:
                    self._scoped(node.other, dot)
            else:
                self._each(node, dot)

    def _scoped(self, nodes: Sequence[Any], dot: Any) -> None:
        saved = dict(self._variables)
        self.nodes(nodes, dot)
        # Variables that were declared inside end here; assignments to outer ones stay.
        self._variables = {name: self._variables[name] for name in saved}

    def _each(self, node: _Range, dot: Any) -> None:
        value = self._pipe(node.pipe, dot)
        pairs: list[tuple[Any, Any]]
        if isinstance(value, Mapping):
            pairs = sorted(value.items())
        elif isinstance(value, (list, tuple)):
            pairs = list(enumerate(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            pairs = [(number, number) for number in range(_within_reason(value))]
        elif value is None:
            pairs = []
        else:
            raise TemplateError(f"range can't iterate over {_shown(value)}")
        if not pairs:
            self._scoped(node.other, dot)
        for key, item in pairs:
            saved = dict(self._variables)
            if len(node.names) == 1:
                self._variables[node.names[0]] = item
            elif node.names:
                self._variables[node.names[0]], self._variables[node.names[1]] = key, item
            self.nodes(node.body, item)
            self._variables = {name: self._variables[name] for name in saved}

    def _pipe(self, pipe: _Pipe, dot: Any) -> Any:
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        if pipe.assign:
            name, declared = pipe.assign
            if not declared and name not in self._variables:
                raise TemplateError(f"undefined variable {name}")
            self._variables[name] = value
        return value

    def _command(self, command: tuple[Any, ...], dot: Any, last: Any) -> Any:
        head, *operands = command
        if isinstance(head, _Function):
            function = _FUNCTIONS.get(head.name)
            if function is None:
                raise TemplateError(f"function {head.name!r} is not defined")
            arguments = [self._value(operand, dot) for operand in operands] + ([] if last is _NOTHING else [last])
            return _called(head.name, function, arguments)
        value = self._value(head, dot)
        arguments = [self._value(operand, dot) for operand in operands] + ([] if last is _NOTHING else [last])
        if callable(value):
            return _called(str(head.names[-1]), value, arguments)
        if arguments:
            raise TemplateError("only a function takes arguments")
        return value

    def _value(self, operand: Any, dot: Any) -> Any:
        if isinstance(operand, _Literal):
            return operand.value
        if isinstance(operand, _Variable):
            if operand.name not in self._variables:
                raise TemplateError(f"undefined variable {operand.name}")
            return self._variables[operand.name]
        if isinstance(operand, _Pipe):
            return self._pipe(operand, dot)
        if isinstance(operand, _Function):
            return self._command((operand,), dot, _NOTHING)
        value = dot if operand.base is None else self._value(operand.base, dot)
        for name in operand.names:
            value = _member(value, name)
        return value


def _called(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise TemplateError(f"{name}: {error}") from None


class _Nothing:
    """No value came through the pipe."""


_NOTHING = _Nothing()


def _member(value: Any, name: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TemplateError(f"can't evaluate field {name} in {_shown(value)[:60]}")
    if name in value:
        return value[name]
    if _is_free(value):
        return None
    raise TemplateError(f"there is no field {name}; there are {', '.join(sorted(map(str, value)))}"[:400])


def _is_free(value: Mapping[str, Any]) -> bool:
    """Tell whether a mapping has keys of its own (labels, ports) instead of the fields of a type."""
    return not value or any(not re.fullmatch(r"[A-Z]\w*", str(key)) for key in value)


def _truth(value: Any) -> bool:
    return bool(value) if not isinstance(value, _Nothing) else False


def _shown(value: Any) -> str:
    """Return a value as Go's %v prints it."""
    if value is None:
        return "<no value>"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{_shown(item)}" for key, item in _fields(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(_shown(item) for item in value) + "]"
    return str(value)


def _json(value: Any) -> str:
    if isinstance(value, Mapping):
        value = dict(_fields(value))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _fields(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the items of a mapping in Go's order, without those that are functions."""
    return [(name, field) for name, field in sorted(value.items()) if not callable(field)]


def _within_reason(number: int) -> int:
    """Return a width or a count, unless nobody can mean so much. Raises TemplateError."""
    if number > _MOST:
        raise TemplateError(f"{number} is more than {_MOST}")
    return number


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None if value is None else value[key]
    return value


def _printf(form: str, *values: Any) -> str:
    texts = iter(values)

    def one(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        value = next(texts, _NOTHING)
        if value is _NOTHING:
            raise ValueError(f"there is no value for {match[0]}")
        for width in re.findall(r"\d+", match[1]):
            _within_reason(int(width) if len(width) < 9 else _MOST + 1)
        if match[2] == "v":
            return f"%{match[1]}s" % _shown(value)
        if match[2] == "q":
            return json.dumps(str(value))
        return str(f"%{match[1]}{match[2]}" % value)

    return re.sub(r"%([-+ 0-9.]*)([vsdqxXfgt%])", one, form)


def _pad(text: str, before: int, after: int) -> str:
    return f"{' ' * _within_reason(before)}{text}{' ' * _within_reason(after)}" if text else text


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": _json,
    "join": lambda items, separator: separator.join(_shown(item) for item in items or ()),
    "split": lambda text, separator: text.split(separator),
    "upper": lambda text: _shown(text).upper(),
    "lower": lambda text: _shown(text).lower(),
    "title": lambda text: _shown(text).title(),
    "pad": _pad,
    "truncate": lambda text, width: text[:width],
    "println": lambda *values: " ".join(map(_shown, values)) + "\n",
    "print": lambda *values: "".join(map(_shown, values)),
    "printf": _printf,
    "len": lambda value: len(value or ()),
    "index": _index,
    "slice": lambda value, *bounds: value[slice(*bounds)] if len(bounds) != 1 else value[bounds[0] :],
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda first, other: first != other,
    "lt": lambda first, other: first < other,
    "le": lambda first, other: first <= other,
    "gt": lambda first, other: first > other,
    "ge": lambda first, other: first >= other,
    "and": lambda *values: next((value for value in values if not _truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if _truth(value)), values[-1]),
    "not": lambda value: not _truth(value),
}

"""The part of Go's text/template that people use with ``--format``.

Fields and keys (``.State.Status``), chained and parenthesised pipelines, ``if``/``else if``/``else``, ``range`` with
variables, ``with``, variables, comments, trim markers, and the functions that docker adds (``json``, ``join``,
``split``, ``upper``, ``lower``, ``title``, ``pad``, ``truncate``, ``println``) beside Go's own. A value is what JSON
has: mapping, list, string, number, boolean, None; and in a mapping may be functions, as docker's ``{{.Label "name"}}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boxwright.cli.template_functions import FUNCTIONS, NOTHING, shown, truth, within_reason
from boxwright.cli.template_syntax import (
    Function,
    If,
    Literal,
    Pipe,
    Range,
    TemplateError,
    Text,
    Variable,
    parse,
)

__all__ = ["Template", "TemplateError"]


class Template:
    """A parsed template; `render` may be called for any number of values."""

    def __init__(self, text: str) -> None:
        """Raises TemplateError when `text` does not parse."""
        try:
            self._nodes = parse(text)
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


class _Run:
    """One rendering: the scope of variables and the output."""

    def __init__(self, root: Any, out: list[str]) -> None:
        self._variables: dict[str, Any] = {"$": root}
        self._out = out

    def nodes(self, nodes: Sequence[Any], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self._out.append(node.text)
            elif isinstance(node, Pipe):
                value = self._pipe(node, dot)
                if node.assign is None:
                    self._out.append(shown(value))
            elif isinstance(node, If):
                value = self._pipe(node.pipe, dot)
                if truth(value):
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

    def _each(self, node: Range, dot: Any) -> None:
        value = self._pipe(node.pipe, dot)
        pairs: list[tuple[Any, Any]]
        if isinstance(value, Mapping):
            pairs = sorted(value.items())
        elif isinstance(value, (list, tuple)):
            pairs = list(enumerate(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            pairs = [(number, number) for number in range(within_reason(value))]
        elif value is None:
            pairs = []
        else:
            raise TemplateError(f"range can't iterate over {shown(value)}")
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

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = NOTHING
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
        if isinstance(head, Function):
            function = FUNCTIONS.get(head.name)
            if function is None:
                raise TemplateError(f"function {head.name!r} is not defined")
            arguments = [self._value(operand, dot) for operand in operands] + ([] if last is NOTHING else [last])
            return _called(head.name, function, arguments)
        value = self._value(head, dot)
        arguments = [self._value(operand, dot) for operand in operands] + ([] if last is NOTHING else [last])
        if callable(value):
            return _called(str(head.names[-1]), value, arguments)
        if arguments:
            raise TemplateError("only a function takes arguments")
        return value

    def _value(self, operand: Any, dot: Any) -> Any:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Variable):
            if operand.name not in self._variables:
                raise TemplateError(f"undefined variable {operand.name}")
            return self._variables[operand.name]
        if isinstance(operand, Pipe):
            return self._pipe(operand, dot)
        if isinstance(operand, Function):
            return self._command((operand,), dot, NOTHING)
        value = dot if operand.base is None else self._value(operand.base, dot)
        for name in operand.names:
            value = _member(value, name)
        return value


def _called(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise TemplateError(f"{name}: {error}") from None


def _member(value: Any, name: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TemplateError(f"can't evaluate field {name} in {shown(value)[:60]}")
    if name in value:
        return value[name]
    if _is_free(value):
        return None
    raise TemplateError(f"there is no field {name}; there are {', '.join(sorted(map(str, value)))}"[:400])


def _is_free(value: Mapping[str, Any]) -> bool:
    """Tell whether a mapping has keys of its own (labels, ports) instead of the fields of a type."""
    return not value or any(not re.fullmatch(r"[A-Z]\w*", str(key)) for key in value)

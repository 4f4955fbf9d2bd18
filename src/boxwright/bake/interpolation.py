"""``${NAME:-default}`` in compose files and in ``.env``, and what ``.env`` says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from boxwright.bake.values import ConversionError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*(.*)", re.ASCII)
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_MAX_DEPTH = 20
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def interpolate(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """Return a text with its variables replaced; one that isn't there is empty. Raises ConversionError."""
    if depth > _MAX_DEPTH:
        raise ConversionError("variables are nested too deeply")
    made: list[str] = []
    at = 0
    while at < len(text):
        dollar = text.find("$", at)
        if dollar < 0:
            made.append(text[at:])
            break
        made.append(text[at:dollar])
        if text.startswith("$$", dollar):
            made.append("$")
            at = dollar + 2
        elif text.startswith("${", dollar):
            end = _closing(text, dollar + 2)
            made.append(_braced(text[dollar + 2 : end], variables, depth))
            at = end + 1
        else:
            name = _NAME.match(text, dollar + 1)
            if name is None:
                raise ConversionError(f"invalid variable in {text[:200]!r}: write $$ for a $ as such")
            made.append(variables.get(name[0], ""))
            at = name.end()
    return "".join(made)


def dotenv(text: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a ``.env`` file sets; it can use `variables` and what stands before. Raises ConversionError."""
    found: dict[str, str] = {}
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConversionError(f"line {number} of .env is not NAME=VALUE")
        value = match[2]
        if value[:1] in ("'", '"'):
            quote = value[0]
            while _end_of_quote(value, quote) < 0:
                following = next(lines, None)
                if following is None:
                    raise ConversionError(f"line {number} of .env has a quote that is not closed")
                value += "\n" + following[1]
            value = value[1 : _end_of_quote(value, quote)]
            if quote == '"':
                value = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), value, flags=re.DOTALL)
        else:
            quote, value = "", re.split(r"\s+#", value, maxsplit=1)[0].rstrip()
        found[match[1]] = value if quote == "'" else interpolate(value, {**found, **variables})
    return found


def _end_of_quote(value: str, quote: str) -> int:
    at = 1
    while at < len(value):
        if value[at] == "\\" and quote == '"':
            at += 2
            continue
        if value[at] == quote:
            return at
        at += 1
    return -1


def _closing(text: str, at: int) -> int:
    """Return where the brace closes that was opened before `at`."""
    depth = 1
    for index in range(at, len(text)):
        if text[index] == "{" and text[index - 1] == "$":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if not depth:
                return index
    raise ConversionError(f"${{ is not closed in {text[:200]!r}")


def _braced(inner: str, variables: Mapping[str, str], depth: int) -> str:
    name = _NAME.match(inner)
    if name is None:
        raise ConversionError(f"invalid variable ${{{inner[:200]}}}")
    value, rest = variables.get(name[0]), inner[name.end() :]
    if not rest:
        return value or ""
    operator = next((each for each in _OPERATORS if rest.startswith(each)), None)
    if operator is None:
        raise ConversionError(f"invalid variable ${{{inner[:200]}}}")
    word = rest[len(operator) :]
    there = value is not None and (value != "" or not operator.startswith(":"))
    match operator[-1]:
        case "-":
            return (value or "") if there else interpolate(word, variables, depth + 1)
        case "+":
            return interpolate(word, variables, depth + 1) if there else ""
        case _:
            if there:
                return value or ""
            why = interpolate(word, variables, depth + 1) or "it is not set"
            raise ConversionError(f"the variable {name[0]} is required: {why}")

"""``build --call``: what a Dockerfile says of itself, as text or as the JSON that buildx prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.cli.parsing import UsageError
from boxwright.dockerfile.source import DockerfileError
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.checking import Checked
    from boxwright.build.outline import Outline, Target
    from boxwright.dockerfile.lint.rule import LintWarning
    from boxwright.dockerfile.source import Source, Span
    from boxwright.dockerfile.stages import Dockerfile
    from boxwright.engine.engine import Engine
    from boxwright.engine.wanted import Build
    from boxwright.errors import BoxwrightError

_METHODS = ("build", "check", "lint", "outline", "targets")
_FORMATS = ("text", "json")


class Call(NamedTuple):
    """What ``--call`` says."""

    method: str
    as_json: bool


def answer(call: str, wanted: Build, engine: Engine) -> int:
    """Print what ``--call`` asks for, and return the exit code: 1 for a check that found something.

    Raises UsageError for an unknown method or format, and what reading the Dockerfile raises.
    """
    asked = parse(call)
    code, shown = found(asked, wanted, engine)
    _print(shown)
    return code


def parse(call: str) -> Call:
    """Read the value of ``--call``. Raises UsageError for an unknown method or format."""
    method, _, option = call.partition(",")
    name, _, form = option.partition("=")
    if method not in _METHODS[1:]:
        raise UsageError(f"unknown method {method!r} of --call", hint=f"it is one of {', '.join(_METHODS)}")
    if option and (name != "format" or form not in _FORMATS):
        raise UsageError(f"invalid --call option {option!r}", hint="write --call=METHOD,format=json or format=text")
    return Call(method, form == "json")


def found(call: Call, wanted: Build, engine: Engine) -> tuple[int, dict[str, Any] | Iterable[str]]:
    """Return the exit code, and what is to be shown: JSON or lines. Raises what reading the Dockerfile raises."""
    if call.method == "outline":
        outline = engine.outline_build(wanted)
        return 0, _outline_json(outline) if call.as_json else _outline_text(outline)
    if call.method == "targets":
        dockerfile, targets = engine.build_targets(wanted)
        return 0, _targets_json(dockerfile, targets) if call.as_json else _targets_text(targets)
    try:
        checked = engine.check_build(wanted)
    except DockerfileError as error:  # who reads JSON gets JSON, also of a file that can't be read at all
        if not call.as_json:
            raise
        return 1, _check_json((), error)
    code = int(bool(checked.warnings or checked.error))
    return code, _check_json(checked.warnings, checked.error) if call.as_json else _check_text(checked)


def _print(shown: dict[str, Any] | Iterable[str]) -> None:
    if isinstance(shown, dict):
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print("\n".join(shown))


def _check_text(checked: Checked) -> Iterable[str]:
    for warning in checked.warnings:
        place, *lines = warning.excerpt()
        yield f"{warning.rule}: {warning.message}"
        yield f"  {place}"
        yield from (f"  {line}" for line in lines)
        yield ""
    if checked.error is not None:
        yield f"error: {checked.error.message}"
        yield from (f"  {line}" for line in checked.error.detail)
        if checked.error.hint:
            yield f"  {checked.error.hint}"
        yield ""
    count = len(checked.warnings)
    found = "no warnings" if not count else "1 warning" if count == 1 else f"{count} warnings"
    yield f"check complete, {found}{' and an error' if checked.error else ''}"


def _check_json(warnings: Sequence[LintWarning], error: BoxwrightError | None) -> dict[str, Any]:
    from boxwright.dockerfile.lint.rules import RULES

    summaries = {rule.name: rule.summary for rule in RULES}
    sources: list[Source] = []
    shown: dict[str, Any] = {
        "warnings": [
            {
                "ruleName": warning.rule,
                "description": summaries[warning.rule],
                "detail": warning.message,
                "location": _location(warning.span, sources),
            }
            for warning in warnings
        ]
    }
    if error is not None:
        shown["buildError"] = {"message": error.message, "location": {}}
        span: Span | None = getattr(error, "span", None)
        if span is not None:
            shown["buildError"]["location"] = _location(span, sources)
    shown["sources"] = [
        {"filename": source.name, "language": "Dockerfile", "data": _base64(source.text)} for source in sources
    ]
    return shown


def _location(span: Span, sources: list[Source]) -> dict[str, Any]:
    """Return a place as buildx tells it; its source is added to `sources` if need be."""
    if span.source not in sources:
        sources.append(span.source)
    where: dict[str, Any] = {"ranges": [{"start": {"line": span.first}, "end": {"line": span.last}}]}
    index = sources.index(span.source)
    return {"sourceIndex": index, **where} if index else where


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def _outline_text(outline: Outline) -> Iterable[str]:
    if outline.target or outline.description:
        heads = [["TARGET:", outline.target or "(default)"]]
        heads += [["DESCRIPTION:", outline.description]] if outline.description else []
        yield from _table(heads, gap=1)
    tables: list[list[list[str]]] = []
    if outline.arguments:
        rows = [[argument.name, argument.value, argument.description] for argument in outline.arguments]
        tables.append([["BUILD ARG", "VALUE", "DESCRIPTION"], *rows])
    for kind, title in (("secret", "SECRET"), ("ssh", "SSH")):
        rows = [[each.id, "true" if each.required else ""] for each in outline.needed if each.kind == kind]
        if rows:
            tables.append([[title, "REQUIRED"], *rows])
    rows = [[each.id] for each in outline.needed if each.kind == "cache"]
    if rows:
        tables.append([["CACHE"], *rows])
    first = not (outline.target or outline.description)
    for table in tables:
        if not first:
            yield ""
        first = False
        yield from _table(table)
    if first:
        yield "this build takes no arguments"


def _outline_json(outline: Outline) -> dict[str, Any]:
    sources = [outline.dockerfile.source]
    shown: dict[str, Any] = {}
    if outline.target:
        shown["name"] = outline.target
    if outline.description:
        shown["description"] = outline.description
    arguments = [
        _filled(name=each.name, description=each.description, value=each.value, location=_location(each.span, sources))
        for each in outline.arguments
    ]
    if arguments:
        shown["args"] = arguments
    for kind, title in (("secret", "secrets"), ("ssh", "ssh")):
        needed = [
            _filled(name=each.id, required=each.required, location=_location(each.span, sources))
            for each in outline.needed
            if each.kind == kind
        ]
        if needed:
            shown[title] = needed
    caches = [
        {"ID": each.id, "location": _location(each.span, sources)} for each in outline.needed if each.kind == "cache"
    ]
    if caches:
        shown["cache"] = caches
    return {**shown, "sources": [_base64(source.text) for source in sources]}


def _targets_text(targets: Iterable[Target]) -> Iterable[str]:
    rows = []
    for number, target in enumerate(targets):
        name = target.name or str(number)
        rows.append([f"{name} (default)" if target.default else name, target.description])
    return _table([["TARGET", "DESCRIPTION"], *rows], gap=1)


def _targets_json(dockerfile: Dockerfile, targets: Iterable[Target]) -> dict[str, Any]:
    sources = [dockerfile.source]
    shown = [
        _filled(
            name=target.name,
            default=target.default,
            description=target.description,
            base=target.base,
            platform=target.platform,
            location=_location(target.span, sources),
        )
        for target in targets
    ]
    return {"targets": shown, "sources": [_base64(source.text) for source in sources]}


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _table(rows: list[list[str]], gap: int = 3) -> Iterable[str]:
    """Return lines in columns, with the gaps that buildx leaves."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    justify: Callable[[str, int], str] = str.ljust
    return [(" " * gap).join(map(justify, row, widths)).rstrip() for row in rows]

"""Lists: a table by default, JSON lines, or whatever a Go template makes of each row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from boxwright.cli import table

# Headings of docker's tables, where they aren't the field's name with spaces.
_HEADINGS = {
    "ID": "ID",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Names": "NAMES",
    "LocalVolumes": "LOCAL VOLUMES",
    "CreatedBy": "CREATED BY",
}


def write(out: TextIO, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], form: str | None) -> None:
    """Print `rows`. `columns` maps a heading to the field below it; `form` is what ``--format`` said.

    A field that is a function, as docker's ``{{.Label "name"}}``, is for templates alone.

    Raises TemplateError.
    """
    if form in (None, "", "table"):
        table.write(out, list(columns), [[str(row[field]) for field in columns.values()] for row in rows])
        return
    assert form is not None
    if form == "json":
        import json

        for row in rows:
            plain = {name: value for name, value in sorted(row.items()) if not callable(value)}
            out.write(json.dumps(plain, separators=(",", ":"), ensure_ascii=False) + "\n")
        return
    from boxwright.cli.template import Template

    as_table = form.startswith("table ")
    template = Template(_unescaped(form.removeprefix("table ").strip() if as_table else form))
    lines = [template.render(dict(sorted(row.items()))) for row in rows]
    if not as_table:
        out.write("".join(line + "\n" for line in lines))
        return
    headings = template.render(_Headings(columns)).split("\t")
    table.write(out, headings, [_cells(line, len(headings)) for line in lines])


class _Headings(Mapping[str, Any]):
    """What a template for a table's rows makes its heading of: each field's name, whatever rows there are."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._named = {**_HEADINGS, **{field: heading for heading, field in columns.items()}}

    def __getitem__(self, field: str) -> Any:
        if field == "Label":
            return str  # of one label, its name
        return self._named.get(field) or _spaced(field)

    def __contains__(self, field: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)


def _unescaped(text: str) -> str:
    """A shell passes ``\\t`` on as two characters; in a template a tab is meant."""
    return text.replace("\\t", "\t").replace("\\n", "\n")


def _cells(line: str, count: int) -> list[str]:
    cells = line.split("\t")
    return [*cells, *[""] * (count - len(cells))][: max(count, 1)]


def _spaced(field: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).upper()

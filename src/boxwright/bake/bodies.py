"""Text → attributes and blocks: what an HCL file is made of."""

from __future__ import annotations

from boxwright.bake import templates
from boxwright.bake.cursor import Cursor
from boxwright.bake.expressions import expression
from boxwright.bake.syntax import Block, Body, Literal, Setting
from boxwright.dockerfile.source import Source


def parse_hcl(source: Source) -> Body:
    """Parse an HCL file. Raises BakeFileError."""
    cursor = Cursor(source)
    body = _body(cursor)
    if not cursor.at_end:
        cursor.fail("expected an attribute or a block")
    return body


def _body(cursor: Cursor) -> Body:
    settings: dict[str, Setting] = {}
    blocks: list[Block] = []
    while True:
        cursor.skip_lines()
        start = cursor.position
        name = cursor.name()
        if name is None:
            return Body(tuple(settings.values()), tuple(blocks))
        cursor.skip()
        if cursor.char == "=" and not cursor.peek("=="):
            cursor.position += 1
            value = expression(cursor)
            if name in settings:
                cursor.fail(f"{name} is set a second time", start)
            settings[name] = Setting(name, value, cursor.place(start))
            _end_of_line(cursor)
        else:
            blocks.append(_block(cursor, name, start))


def _block(cursor: Cursor, kind: str, start: int) -> Block:
    labels: list[str] = []
    while not cursor.take("{"):
        label = cursor.name()
        if label is None:
            if cursor.char != '"':
                cursor.fail(f"expected '=' or '{{' behind {kind}")
            at = cursor.position
            written = templates.quoted(cursor)
            if not (isinstance(written, Literal) and isinstance(written.value, str)):
                cursor.fail("a block's name cannot have ${…} in it", at, hint='use "name" with a "matrix"')
            label = written.value
        labels.append(label)
        cursor.skip()
    place = cursor.place(start)
    cursor.deeper()
    cursor.skip()
    on_one_line = cursor.char not in ("\n", "}", "")
    body = _body(cursor)
    if on_one_line and (len(body.settings) != 1 or body.blocks or "\n" in cursor.text[place.end : cursor.position]):
        hint = "what stands in the line of the brace is one attribute, and the closing brace stands behind it"
        cursor.fail(f"the block {kind} is neither on one line nor on several", start, hint=hint)
    cursor.back()
    cursor.expect("}", f"to close the block {kind}")
    _end_of_line(cursor)
    return Block(kind, tuple(labels), body, place)


def _end_of_line(cursor: Cursor) -> None:
    cursor.skip()
    if not cursor.at_end and cursor.char not in ("\n", "}"):
        cursor.fail("expected a new line")

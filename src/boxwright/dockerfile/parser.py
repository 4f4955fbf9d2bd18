"""Lines → nodes: continuations are joined, comments dropped, flags and arguments split.

A node is syntax only: whether its keyword exists, and what its arguments mean, is decided in `parse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.dockerfile.arguments import ArgumentsError, json_strings, name_values, split_flags, split_words
from boxwright.dockerfile.blanks import BLANKS, split_plain
from boxwright.dockerfile.directives import Directives, read_directives
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.heredoc import Heredoc, Marker

_MAX_LINE = 65535  # bytes
_LINE_END = "\r\n"
_HEREDOC_INSTRUCTIONS = frozenset({"ADD", "COPY", "RUN"})


class Node(NamedTuple):
    """One instruction as it is written."""

    keyword: str
    """In upper case; the text as written stands in `original`."""
    flags: tuple[str, ...]
    arguments: tuple[str, ...]
    """The words as written; the strings of a JSON array; ``name``, ``value``, ``name``, ``value`` for ENV and LABEL."""
    json: bool
    """The arguments are a JSON array."""
    legacy: bool
    """ENV or LABEL in the form ``NAME all the rest``."""
    escape: str
    """The escape token in force."""
    original: str
    """The whole instruction on one line."""
    span: Span
    heredocs: tuple[Heredoc, ...] = ()
    """The here-documents that the line starts, with their bodies. An ONBUILD has those of its trigger."""


class ParsedLines(NamedTuple):
    directives: Directives
    nodes: tuple[Node, ...]
    empty_continuations: tuple[Span, ...]
    """Instructions that go on across an empty line, which will be an error one day."""


def parse_lines(source: Source) -> ParsedLines:
    """Split a Dockerfile into nodes. Raises DockerfileError."""
    directives = read_directives(source)
    escape = directives.escape
    lines = source.lines()
    _refuse_nul(source, lines)
    nodes: list[Node] = []
    empty_continuations: list[Span] = []
    index = 0
    while index < len(lines):
        first = index
        text, continued = _physical_line(source, lines, index, escape)
        text = text.lstrip(BLANKS)
        index += 1
        if text.startswith("#") or (not text and not continued):
            continue
        parts = [text]
        across_empty = False
        while continued and index < len(lines):
            text, continues = _physical_line(source, lines, index, escape)
            index += 1
            bare = text.lstrip(BLANKS)
            if bare.startswith("#"):
                continue
            if not bare and not continues:
                across_empty = True
                continue
            parts.append(text)
            continued = continues
        line = "".join(parts).strip(BLANKS)
        if not line:
            continue
        if across_empty:
            empty_continuations.append(Span(source, first + 1, index))
        node, index = _node_with_bodies(line, escape, source, lines, first, index)
        nodes.append(node)
    if not nodes:
        raise DockerfileError("file with no instructions", Span(source, 1, max(len(lines), 1)))
    return ParsedLines(directives, tuple(nodes), tuple(empty_continuations))


def _refuse_nul(source: Source, lines: list[str]) -> None:
    if "\0" in source.text:
        number = next(number for number, line in enumerate(lines, start=1) if "\0" in line)
        raise DockerfileError(
            "the file holds a NUL character", Span(source, number, number), mark="\0", hint="is it a text file?"
        )


def _physical_line(source: Source, lines: list[str], index: int, escape: str) -> tuple[str, bool]:
    """Return a line without its continuation mark, and whether it has one."""
    line = lines[index]
    if len(line) > _MAX_LINE // 4 and len(line.encode(errors="surrogatepass")) > _MAX_LINE:
        raise DockerfileError(
            f"dockerfile line greater than maximum allowed size of {_MAX_LINE}", Span(source, index + 1, index + 1)
        )
    line = line.rstrip(_LINE_END)
    bare = line.rstrip(" \t")
    if not bare.endswith(escape) or line.lstrip(BLANKS).startswith("#"):
        return line, False
    # The mark continues the line unless it is itself escaped; one after nothing but the mark always does.
    body = bare[:-1]
    return (body, True) if not body.endswith(escape) else (line, False)


def parse_text(text: str, escape: str, source: Source) -> Node:
    """Parse a text that is one instruction: a line, and the bodies of its here-documents. Raises DockerfileError.

    A line break that belongs to no body is a blank.
    """
    lines = text.split("\n")
    last = max(len(source.lines()), 1)
    node, end = _node_with_bodies(lines[0], escape, source, lines, 0, 1)
    if not node.heredocs:
        return parse_node(text.replace("\n", " "), escape, Span(source, 1, last))
    if any(line.strip(BLANKS) for line in lines[end:]):
        raise DockerfileError("there is more than one instruction", Span(source, end + 1, last))
    return node


def _node_with_bodies(
    line: str, escape: str, source: Source, lines: list[str], first: int, index: int
) -> tuple[Node, int]:
    """Return the node of an instruction that began at `lines[first]`, and the index of the first line behind it.

    `index` is that of the line behind the instruction itself, where the bodies of its here-documents begin.
    """
    node = parse_node(line, escape, Span(source, first + 1, index))
    markers = heredoc_markers(node)
    if not markers:
        return node, index
    from boxwright.dockerfile.heredoc import Unterminated, read_bodies

    try:
        heredocs, index = read_bodies(markers, lines, index)
    except Unterminated as error:
        marker = error.marker
        raise DockerfileError(
            f"unterminated heredoc {marker.text}",
            node.span,
            mark=marker.text,
            hint=f"end it with a line that is just {marker.name}",
        ) from None
    return node._replace(span=Span(source, first + 1, index), heredocs=heredocs), index


def heredoc_markers(node: Node) -> tuple[Marker, ...]:
    """Return the markers of the here-documents that an instruction starts."""
    if "<<" not in node.original:
        return ()
    if node.keyword == "ONBUILD" and node.arguments:
        node = parse_node(node.arguments[0], node.escape, node.span)
    if node.json or node.keyword not in _HEREDOC_INSTRUCTIONS:
        return ()
    from boxwright.dockerfile.heredoc import find_markers

    return find_markers(node.original, node.escape)


def parse_node(line: str, escape: str, span: Span) -> Node:
    """Parse an instruction's own line, without any bodies of here-documents. Raises DockerfileError."""
    line = line.strip(BLANKS)
    word, *rest = split_plain(line, 1)
    keyword = word.upper()
    flags, text = split_flags(rest[0]) if rest else ((), "")
    arguments: tuple[str, ...] = ()
    json = legacy = False
    try:
        match keyword:
            case "ADD" | "COPY" | "VOLUME" | "RUN" | "CMD" | "ENTRYPOINT" | "SHELL":
                arguments, json = _json_or(text, words=keyword in ("ADD", "COPY", "VOLUME"))
            case "HEALTHCHECK":
                kind, _, command = _cut_word(text)
                arguments, json = _json_or(command, words=False)
                arguments = (kind, *arguments) if kind else ()
            case "ENV" | "LABEL":
                pairs, legacy = name_values(text, keyword, escape)
                arguments = tuple(part for pair in pairs for part in pair)
            case "ARG":
                arguments = tuple(split_words(text, escape))
            case "FROM" | "EXPOSE":
                arguments = tuple(split_plain(text)) if text else ()
            case _:
                arguments = (text,) if text else ()
    except ArgumentsError as error:
        raise DockerfileError(error.message, span, mark=error.mark) from None
    return Node(keyword, flags, arguments, json, legacy, escape, line, span)


def _json_or(text: str, *, words: bool) -> tuple[tuple[str, ...], bool]:
    strings = json_strings(text)
    if strings is not None:
        return strings, True
    if not text:
        return (), False
    return (tuple(split_plain(text)) if words else (text,)), False


def _cut_word(text: str) -> tuple[str, str, str]:
    """Return (first word, blanks, rest)."""
    end = next((index for index, char in enumerate(text) if char in BLANKS), len(text))
    rest = text[end:].lstrip(BLANKS)
    return text[:end], text[end : len(text) - len(rest)], rest

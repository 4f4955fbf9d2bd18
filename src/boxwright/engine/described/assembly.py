"""An Image and those that it needs → a Dockerfile, as a value and as a text.

Each instruction is written as a line of a Dockerfile and read by the parser, so that nothing can mean something else
here than it does there; its place is the Python line that asked for it. What is more than a line can hold (a line
break in an ENV) is understood all the same, and only its text cannot be had.
"""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.dockerfile.directives import Directives
from boxwright.dockerfile.instructions import Instruction
from boxwright.dockerfile.parse import Parsed, parse_instruction
from boxwright.dockerfile.parser import Node, parse_lines, parse_node, parse_text
from boxwright.dockerfile.source import DockerfileError, Source, Span
from boxwright.dockerfile.stages import Dockerfile
from boxwright.dockerfile.stages import assemble as assemble_stages
from boxwright.engine.described.callers import Files
from boxwright.engine.described.image import Image
from boxwright.engine.described.line import Line
from boxwright.errors import UnsupportedError
from boxwright.values import NamedTuple

_ESCAPE = "\\"
_SHOWN_BREAK = "\\n"


class NotWritable(UnsupportedError):
    """A Dockerfile has no way to say an instruction, though it can be built."""

    def __init__(self, span: Span) -> None:
        super().__init__(
            "a Dockerfile has no way to write this down",
            detail=span.excerpt(),
            hint="it may be a line break in a value, or a line of more than 65,535 bytes",
        )
        self.span = span


class Written(NamedTuple):
    """An instruction as a line of a Dockerfile, and what it means."""

    text: str
    body: bool
    node: Node


class Assembled(NamedTuple):
    stages: tuple[tuple[Written, ...], ...]
    title: str
    """The Python file that the last FROM stands in."""

    def text(self) -> str:
        """Return the Dockerfile as a text. Raises NotWritable, and what `value` raises."""
        self.value()
        stages = []
        for stage in self.stages:
            for line in stage:
                _check_writable(line)
            stages.append("".join(f"{line.text}\n" for line in stage))
        return "\n".join(stages)

    def value(self) -> Dockerfile:
        """Return the Dockerfile as a value. Raises DockerfileError and UnsupportedSyntax."""
        instructions: list[Instruction] = [parse_instruction(line.node) for stage in self.stages for line in stage]
        return assemble_stages(Parsed(Source(self.title, ""), Directives(), tuple(instructions), ()))


def assemble(image: Image) -> Assembled:
    """Write down an image after all others that it needs, each once. Raises DockerfileError."""
    ordered = _ordered(image)
    taken = _images_by_name(ordered)
    names: dict[int, str] = {}
    known: dict[tuple[str, ...], str] = {}
    files = Files()
    stages: list[tuple[Written, ...]] = []
    for each in ordered:
        texts = tuple(line.text(names) for line in (each.first, *each.lines))
        # Two that say the same are one, but the last one is asked for.
        if each is not image and (same := known.get((each.name or "", *texts))):
            names[id(each)] = same
            continue
        name = _free_name(each.name or f"stage-{len(stages)}", taken)
        written = each.name is not None or each is not image
        names[id(each)] = known[(each.name or "", *texts)] = name
        if written:
            taken.add(name.lower())
            texts = (f"{texts[0]} AS {name}", *texts[1:])
        stages.append(
            tuple(_write(line, text, files) for line, text in zip((each.first, *each.lines), texts, strict=True))
        )
    return Assembled(tuple(stages), stages[-1][0].node.span.source.name)


def _ordered(image: Image) -> list[Image]:
    """Return the images that `image` needs and itself, each behind those that it needs itself."""
    ordered: list[Image] = []
    done: set[int] = set()
    stack = [(image, False)]
    while stack:
        each, entered = stack.pop()
        if id(each) in done:
            continue
        if entered:
            done.add(id(each))
            ordered.append(each)
            continue
        stack.append((each, True))
        stack += [(needed, False) for line in (*reversed(each.lines), each.first) for needed in line.images()]
    return ordered


def _images_by_name(images: Sequence[Image]) -> set[str]:
    """Return every word that might be the name of an image, which a stage of that name would hide."""
    words: set[str] = set()
    for image in images:
        if isinstance(image.base, str):
            words.add(image.base.lower())
        for line in image.lines:
            for part in line.parts:
                if isinstance(part, str):
                    words.update(part.lower().replace(",", "=").split("="))
    return words


def _free_name(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _write(line: Line, text: str, files: Files) -> Written:
    span = files.span(line.place, text)
    _check_text(text, span)
    if line.body:
        node = parse_text(text, _ESCAPE, Source(span.source.name, text))._replace(span=span)
    else:
        node = parse_node(text, _ESCAPE, span)
        node = node._replace(original=node.original.replace("\n", _SHOWN_BREAK))
    return Written(text, line.body, node)


def _check_text(text: str, span: Span) -> None:
    if "\0" in text:
        raise DockerfileError("a value holds a NUL character", span)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DockerfileError("a value holds half of a surrogate pair, which is no character", span) from None


def _check_writable(line: Written) -> None:
    """Raise NotWritable unless the text, read as a file, is this one instruction."""
    node = line.node
    try:
        nodes = parse_lines(Source("", line.text + "\n")).nodes
    except DockerfileError as error:
        raise NotWritable(node.span) from error
    if len(nodes) != 1 or nodes[0]._replace(span=node.span) != node:
        raise NotWritable(node.span)

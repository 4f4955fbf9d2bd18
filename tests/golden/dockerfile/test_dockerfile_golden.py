"""Whole Dockerfiles against what they are known to mean.

After a wanted change run this file by itself: it writes every ``result`` anew, for a look at the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.dockerfile.instructions import keyword
from boxwright.dockerfile.lint.rule import Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.parse import parse
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import assemble

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/Dockerfile"))


def dump(data: bytes) -> str:
    """Return one line for each instruction, then one for each warning."""
    parsed = parse(Source.decode("Dockerfile", data))
    lines = [f"escape {parsed.directives.escape}  syntax {parsed.directives.syntax}"]
    for instruction in parsed.instructions:
        fields = zip(instruction._fields[:-2], instruction[:-2], strict=True)
        shown = "  ".join(f"{name}={value!r}" for name, value in fields)
        lines.append(f"{instruction.span.first}-{instruction.span.last} {keyword(instruction)}  {shown}")
    found = lint(Subject(assemble(parsed)), parsed.directives.check)
    lines += [f"{warning.span.first} {warning.rule}: {warning.message}" for warning in found]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_a_dockerfile_means_what_it_is_known_to_mean(case: Path) -> None:
    assert dump((case / "Dockerfile").read_bytes()) == (case / "result").read_text(encoding="utf-8")


if __name__ == "__main__":
    for directory in CASES:
        (directory / "result").write_text(dump((directory / "Dockerfile").read_bytes()), encoding="utf-8")

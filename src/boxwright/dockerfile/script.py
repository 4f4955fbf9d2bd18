"""What a RUN with here-documents means: a text for the shell, or a program that its own first line names.

RUN <<EOF               the body is what the shell runs; with #! at its start it becomes a file and is executed
RUN python3 <<EOF       the line and its bodies are what the shell runs, which knows here-documents itself
RUN <<A cat 3<<B
"""

from __future__ import annotations

from boxwright.dockerfile.instructions import Run
from boxwright.values import NamedTuple

_SHEBANG = "#!"


class Script(NamedTuple):
    """A file that a RUN brings along to execute it."""

    name: str
    """What the here-document is called, as far as that can be the name of a file."""
    content: str


class Resolved(NamedTuple):
    argv: tuple[str, ...]
    script: Script | None = None


def resolve(run: Run, shell: tuple[str, ...], directory: str) -> Resolved:
    """Return the words to execute, given the shell that is set at this line; a script will lie in `directory`."""
    command = run.command
    if not run.heredocs:
        return Resolved(command.resolve(shell))
    from boxwright.dockerfile.heredoc import written

    text, first = " ".join(command.argv), run.heredocs[0]
    if text != first.marker.text:
        return Resolved((*shell, written(text, run.heredocs)))
    if not first.content.startswith(_SHEBANG):
        return Resolved((*shell, first.content))
    script = Script(_file_name(first.marker.name), first.content)
    return Resolved((*shell, f"{directory}/{script.name}"), script)


def summary(run: Run) -> str:
    """Return the instruction on one line for a person to recognise: with the beginning of a body that stands alone."""
    if not run.heredocs or " ".join(run.command.argv) != run.heredocs[0].marker.text:
        return run.original
    line, *more = run.heredocs[0].content.strip().splitlines() or [""]
    return f"{run.original} ({line}{'…' if more else ''})"


def _file_name(name: str) -> str:
    """Return a name for a file that a shell needs no quotes for."""
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name)

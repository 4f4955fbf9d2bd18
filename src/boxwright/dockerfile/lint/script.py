"""What a RUN executes, as far as that can be told without a shell: its simple commands, word by word.

Nothing is guessed: a word with a substitution keeps its ``$``, and a text that is not understood to its end gives the
commands up to there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxwright.dockerfile.instructions import Run
from boxwright.dockerfile.mounts import read_mount
from boxwright.dockerfile.source import DockerfileError
from boxwright.values import NamedTuple

_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+)
      | (?P<end>&&|\|\||;;|[;|&\n()])
      | (?P<comment>\#[^\n]*)
      | (?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|\$\([^()]*\)|`[^`]*`|\$\{[^{}]*\}|[^\s;|&()'"\\`])+)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""\\(.)|'([^']*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_OPENERS = frozenset({"{", "if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "command", "env"})
_CLOSERS = frozenset({"}", "fi", "done", "esac"})


class SimpleCommand(NamedTuple):
    """A program and its arguments; quotes are removed."""

    words: tuple[str, ...]
    sudo: bool = False
    """It was run through sudo, which is left out of the words."""
    written: str = ""
    """The program as it stands in the text."""

    @property
    def name(self) -> str:
        """The program without its directory."""
        return self.words[0].rpartition("/")[2]

    @property
    def operands(self) -> tuple[str, ...]:
        """The arguments that are no options."""
        return tuple(word for word in self.words[1:] if not word.startswith("-"))

    def has(self, *options: str) -> bool:
        """Whether one of these options is given, with a value behind ``=`` or without."""
        return any(word in options or word.partition("=")[0] in options for word in self.words[1:])


def commands(run: Run) -> tuple[SimpleCommand, ...]:
    """Return the commands of a RUN in the order of its text; those of a here-document are among them."""
    if not run.command.shell:
        words = run.command.argv
        if (
            words
            and words[0].rpartition("/")[2] in ("sh", "bash", "ash")
            and len(words) >= 3
            and words[1].startswith("-")
        ):
            return tuple(_split(words[2]))
        return (SimpleCommand(tuple(words), written=words[0]),) if words else ()
    text = " ".join(run.command.argv)
    if run.heredocs:
        first = run.heredocs[0]
        # Only a body that stands alone is a script of the shell; another belongs to whatever program reads it.
        text = first.content if text == first.marker.text and not first.content.startswith("#!") else ""
    return tuple(_split(text))


def _split(text: str) -> Iterator[SimpleCommand]:
    words: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return
        position = match.end()
        if match.lastgroup == "word":
            words.append(match[0])
        elif match.lastgroup == "end":
            yield from _command(words)
            words = []
    yield from _command(words)


def _command(words: list[str]) -> Iterator[SimpleCommand]:
    sudo = False
    start = 0
    while start < len(words):
        word = words[start]
        if word == "sudo":
            sudo = True
            start += 1
            while start < len(words) and words[start].startswith("-"):
                start += 1
        elif word in _OPENERS or _ASSIGNMENT.match(word):
            start += 1
        else:
            break
    bare = tuple(_QUOTED.sub(_unquoted, word) for word in words[start:])
    if bare and bare[0] and bare[0] not in _CLOSERS:
        yield SimpleCommand(bare, sudo, words[start])


def _unquoted(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group is not None), "")


def mounted(run: Run) -> tuple[str, ...]:
    """Return where a RUN has mounts whose files do not come into the layer, as far as no variable is needed to tell."""
    targets = []
    for fields in run.mounts:
        try:
            mount = read_mount(fields, run.span)
        except DockerfileError:
            continue  # a value that is only known once it is expanded
        if mount.kind in ("cache", "tmpfs", "bind"):
            targets.append(mount.target.rstrip("/") or "/")
    return tuple(targets)


def is_mounted(run: Run, *paths: str) -> bool:
    """Whether one of these paths lies in a mount of the RUN."""
    return any(path == target or path.startswith(f"{target}/") for target in mounted(run) for path in paths)

"""Rules of our own about files: what layers carry in vain, what is never copied, ADD and COPY."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.instructions import Add, Copy, Instruction, Run, Workdir, keyword
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, everywhere, lineage
from boxwright.dockerfile.lint.script import SimpleCommand, commands, is_mounted

_SPECIAL = frozenset("$*?[\\\"'")
_REMOTE = ("http://", "https://", "git://", "git@", "ssh://")
_ARCHIVES = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".gz", ".bz2", ".xz", ".zst")


def _plain(text: str) -> bool:
    return not _SPECIAL & set(text)


def _local_sources(instruction: Copy | Add) -> tuple[str, ...]:
    if isinstance(instruction, Copy) and instruction.from_ is not None:
        return ()
    return tuple(source for source in instruction.sources if not source.startswith(_REMOTE))


def _ignored(subject: Subject) -> Iterator[Finding]:
    if not subject.ignore:
        return
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, Copy | Add):
            for source in _local_sources(instruction):
                if _plain(source) and _is_ignored(subject.ignore, source):
                    yield Finding(
                        f"{keyword(instruction)} of '{source}', which .dockerignore keeps out of the context",
                        instruction.span,
                        source,
                    )


def _is_ignored(rules: IgnoreRules, path: str) -> bool:
    names = [name for name in posixpath.normpath(posixpath.join("/", path)).split("/") if name]
    if not names:
        return False
    scope = rules.root
    for name in names[:-1]:
        scope = scope.enter(name)
    # A directory of which a later line brings something back can be copied.
    return scope.excludes(names[-1]) and scope.enter(names[-1]).prunable


def _plain_adds(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        if not isinstance(instruction, Add):
            continue
        sources = _local_sources(instruction)
        if instruction.unpack is not None or not sources:
            continue
        if len(sources) == len(instruction.sources) and all(
            _plain(source) and not source.lower().endswith(_ARCHIVES) for source in sources
        ):
            yield Finding("COPY does the same, and unpacks nothing by surprise", instruction.span)


class _Made:
    """The files that the layers of a stage have so far, as far as they are named, and the lines that made them."""

    def __init__(self) -> None:
        self.directory: str | None = None
        """The working directory; None when it is the base image's."""
        self._lines: dict[str, int] = {}

    def absolute(self, path: str) -> str | None:
        if not path or path.startswith(("~", "-")) or not _plain(path.replace("*", "")):
            return None
        if not path.startswith("/") and self.directory is None:
            return None
        return posixpath.normpath(posixpath.join(self.directory or "/", path))

    def add(self, path: str, line: int) -> None:
        absolute = self.absolute(path)
        if absolute is not None and "*" not in path and absolute != "/":
            self._lines[absolute] = line

    def removed(self, path: str) -> tuple[str, int] | None:
        """Return a file that goes away with `path`, and the line that made it."""
        absolute = self.absolute(path)
        if absolute is None or absolute == "/":
            return None
        for made, line in self._lines.items():
            if made == absolute or made.startswith(f"{absolute}/") or ("*" in path and _matches(made, absolute)):
                return made, line
        return None


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")


def _removed_late(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.dockerfile
    made = _Made()
    for stage in lineage(dockerfile, dockerfile.stages[-1]):
        for instruction in stage.instructions:
            if isinstance(instruction, Workdir):
                path = instruction.path.strip("\"'")
                made.directory = made.absolute(path)
            elif isinstance(instruction, Copy | Add):
                for path in _copied_files(instruction):
                    made.add(path, instruction.span.first)
            elif isinstance(instruction, Run):
                yield from _late_removals(instruction, made)


def _late_removals(run: Run, made: _Made) -> Iterator[Finding]:
    found = commands(run)
    outside = made.directory
    here: list[str] = []
    for command in found:
        if command.name in ("cd", "pushd"):
            made.directory = None  # relative names are somewhere else from here on
        if command.name == "rm":
            for path in command.operands:
                gone = made.removed(path)
                if gone is not None and path not in here and not is_mounted(run, gone[0]):
                    yield Finding(
                        f"{gone[0]} stays in the layer of line {gone[1]}: it takes room although it is removed here",
                        run.span,
                        path,
                    )
        else:
            here += [path for path in (_downloaded(command),) if path and made.absolute(path)]
    made.directory = outside
    removed = {path for command in found if command.name == "rm" for path in command.operands}
    for path in here:
        absolute = made.absolute(path)
        if path not in removed and absolute is not None and not is_mounted(run, absolute):
            made.add(path, run.span.first)


def _copied_files(instruction: Instruction) -> Iterator[str]:
    """Return the files that a COPY or ADD certainly makes, if its sources are files."""
    assert isinstance(instruction, Copy | Add)
    sources, destination = instruction.sources, instruction.destination
    if not _plain(destination) or (isinstance(instruction, Copy) and instruction.parents):
        return
    if not destination.endswith("/") and destination not in (".", "./"):
        # With one source this is its name; should it be a directory that is there, it was not removed by name.
        if len(sources) == 1:
            yield destination
        return
    for source in sources:
        name = posixpath.basename(source.rstrip("/").partition("?")[0])
        # Of a directory the contents are copied, not itself; what has an extension is a file nearly always.
        unpacked = isinstance(instruction, Add) and name.lower().endswith(_ARCHIVES) and not source.startswith("http")
        if name not in ("", ".", "..") and _plain(source) and "." in name[1:] and not unpacked:
            yield destination + name if destination.endswith("/") else name


def _downloaded(command: SimpleCommand) -> str | None:
    """Return the file that a download writes, if it is named."""
    options = {"curl": ("-o", "--output"), "wget": ("-O", "--output-document")}.get(command.name)
    words = command.words
    if options is not None:
        for word, following in zip(words[1:], (*words[2:], ""), strict=True):
            name, equals, value = word.partition("=")
            if word == options[0] or (word == options[1] and not equals):
                return following
            if name == options[1] and equals:
                return value
            if word.startswith("-") and not word.startswith("--") and word.endswith(options[0][1]) and len(word) > 2:
                return following  # the letters of several options: curl -fsSLo FILE
    if command.name == "git" and command.operands[:1] == ("clone",) and len(command.operands) == 3:
        return command.operands[2]
    return None


RULES = (
    Rule(
        "CopyIgnoredFile",
        "COPY and ADD name nothing that .dockerignore keeps out",
        "The file is not in the context, so that the step fails.",
        _ignored,
    ),
    Rule(
        "RemovedTooLate",
        "A file is removed in the step that made it",
        "A later step only hides it: it stays in the layer below, is pushed and pulled, and can be read.",
        _removed_late,
        bad="FROM debian:12\nCOPY tool.deb /tmp/tool.deb\nRUN dpkg -i /tmp/tool.deb && rm /tmp/tool.deb",
        good="FROM debian:12\nRUN --mount=type=bind,source=tool.deb,target=/tmp/tool.deb dpkg -i /tmp/tool.deb",
        own=True,
        in_builds=False,
    ),
    Rule(
        "AddInsteadOfCopy",
        "COPY copies, ADD is for archives, URLs and repositories",
        "ADD looks into each file and unpacks what is an archive, whatever its name.",
        _plain_adds,
        bad="FROM busybox:1\nADD site.conf /etc/site.conf",
        good="FROM busybox:1\nCOPY site.conf /etc/site.conf",
        own=True,
        in_builds=False,
    ),
)

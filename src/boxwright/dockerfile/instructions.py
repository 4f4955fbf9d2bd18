"""The instructions of a Dockerfile, as values.

Fields hold what is written: words still have their quotes, escapes and variables, which `expand` removes. Every
instruction ends with `original`, its text on one line without comments, and `span`, where it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.dockerfile.source import Span
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.dockerfile.heredoc import Heredoc
    from boxwright.dockerfile.mounts import Fields


class Command(NamedTuple):
    """What RUN, CMD and ENTRYPOINT run: ``("text",)`` for a shell, or the words of the exec (JSON) form."""

    argv: tuple[str, ...]
    shell: bool

    def resolve(self, shell: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words to execute, given the shell (``("/bin/sh", "-c")``) that is set at this line."""
        return (*shell, " ".join(self.argv)) if self.shell else self.argv


class From(NamedTuple):
    image: str
    """The image or the stage to start from."""
    name: str | None
    """The stage's name, in lower case."""
    platform: str | None
    original: str
    span: Span


class Maintainer(NamedTuple):
    author: str
    original: str
    span: Span


class Run(NamedTuple):
    command: Command
    """The line alone: `boxwright.dockerfile.script` puts it together with its here-documents."""
    heredocs: tuple[Heredoc, ...]
    mounts: tuple[Fields, ...]
    """`boxwright.dockerfile.mounts` tells what they mean."""
    network: str | None
    """``default``, ``none`` or ``host``."""
    security: str | None
    """``sandbox`` or ``insecure``."""
    original: str
    span: Span


class Cmd(NamedTuple):
    command: Command
    original: str
    span: Span


class Entrypoint(NamedTuple):
    command: Command
    original: str
    span: Span


class Label(NamedTuple):
    pairs: tuple[tuple[str, str], ...]
    legacy: bool
    """Written as ``LABEL name all the rest``."""
    original: str
    span: Span


class Env(NamedTuple):
    pairs: tuple[tuple[str, str], ...]
    legacy: bool
    """Written as ``ENV name all the rest``."""
    original: str
    span: Span


class Expose(NamedTuple):
    ports: tuple[str, ...]
    """As written; expanded, they are sorted and unique ``port/protocol``."""
    original: str
    span: Span


class Add(NamedTuple):
    sources: tuple[str, ...]
    destination: str
    chown: str | None
    chmod: str | None
    """Octal, or symbolic as in `boxwright.dockerfile.modes`."""
    link: bool
    """Its files form a layer that knows nothing of what is below it."""
    excludes: tuple[str, ...]
    """Patterns as in a .dockerignore, below each source."""
    checksum: str | None
    """What a URL's content or a repository's commit has to be."""
    keep_git_dir: bool | None
    unpack: bool | None
    """Whether archives are unpacked; None: those of the context, and those of URLs not."""
    heredocs: tuple[Heredoc, ...]
    """Files that the instruction brings along, besides `sources`."""
    original: str
    span: Span


class Copy(NamedTuple):
    sources: tuple[str, ...]
    destination: str
    from_: str | None
    """A stage's name or number, or an image; None copies from the context."""
    chown: str | None
    chmod: str | None
    link: bool
    parents: bool
    """Sources keep the directories that they are in, from the source's root or its first ``/./`` on."""
    excludes: tuple[str, ...]
    heredocs: tuple[Heredoc, ...]
    original: str
    span: Span


class Volume(NamedTuple):
    paths: tuple[str, ...]
    original: str
    span: Span


class User(NamedTuple):
    user: str
    original: str
    span: Span


class Workdir(NamedTuple):
    path: str
    original: str
    span: Span


class ArgValue(NamedTuple):
    name: str
    default: str | None
    """None when there is no ``=``."""


class Arg(NamedTuple):
    values: tuple[ArgValue, ...]
    original: str
    span: Span


class Onbuild(NamedTuple):
    trigger: str
    """The instruction to keep, on one line; the bodies of its here-documents on further ones."""
    original: str
    span: Span


class Stopsignal(NamedTuple):
    signal: str
    original: str
    span: Span


class Healthcheck(NamedTuple):
    """`test` is ``("NONE",)``, ``("CMD-SHELL", text)`` or ``("CMD", words…)``. Times are in ns; 0 means: inherit."""

    test: tuple[str, ...]
    interval: int
    timeout: int
    start_period: int
    start_interval: int
    retries: int
    original: str
    span: Span


class Shell(NamedTuple):
    argv: tuple[str, ...]
    original: str
    span: Span


Instruction = (
    From
    | Maintainer
    | Run
    | Cmd
    | Entrypoint
    | Label
    | Env
    | Expose
    | Add
    | Copy
    | Volume
    | User
    | Workdir
    | Arg
    | Onbuild
    | Stopsignal
    | Healthcheck
    | Shell
)


def keyword(instruction: Instruction) -> str:
    """Return the instruction's keyword in upper case; the classes are named after it."""
    return type(instruction).__name__.upper()

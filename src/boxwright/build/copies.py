"""What a COPY or an ADD is to do: an expanded instruction → the action of a step. Pure, like all of planning."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from boxwright.dockerfile.instructions import Add, Copy
from boxwright.dockerfile.parse import check_mode
from boxwright.dockerfile.source import DockerfileError
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.planned import BaseImage
    from boxwright.dockerfile.git_url import GitUrl

_HTTP = ("http://", "https://")
_SHA256 = re.compile("sha256:([0-9a-f]{64})")


class Destination(NamedTuple):
    path: str
    """Absolute, not resolved yet."""
    directory: bool
    """It was written as one: with a slash at its end, or as ``.``."""

    @classmethod
    def parse(cls, text: str, working_dir: str) -> Destination:
        """Read an instruction's last argument; a relative one is below `working_dir`."""
        directory = text in ("", ".") or text.endswith(("/", "/."))
        return cls(posixpath.normpath(posixpath.join("/", working_dir, text).replace("//", "/")), directory)


class InlineFile(NamedTuple):
    """A file that is written in the Dockerfile itself, as a here-document."""

    name: str
    """What it is called in a directory."""
    content: str


class CopyAction(NamedTuple):
    keyword: str
    """``COPY`` or ``ADD``."""
    sources: tuple[str, ...]
    """Those that lie in the context, the stage or the image."""
    destination: Destination
    stage: int | None
    """The stage that is copied from."""
    image: BaseImage | None
    """The image that is copied from; without one, a stage and a name in `context`, it is the build context."""
    chown: str | None
    mode: int | str | None
    """Permission bits, or a symbolic mode."""
    link: bool = False
    """What is below the layer plays no part in it."""
    parents: bool = False
    """Sources keep the directories that they are in."""
    excludes: tuple[str, ...] = ()
    """Patterns that are known to be good ones."""
    files: tuple[InlineFile, ...] = ()
    urls: tuple[str, ...] = ()
    repositories: tuple[GitUrl, ...] = ()
    checksum: str = ""
    """What `urls`, only one then, must contain: a sha256 in hex."""
    unpack: bool | None = None
    """Whether archives are unpacked; None unpacks those that ADD finds in the context."""
    context: str | None = None
    """The named context that is copied from."""


class Origin(NamedTuple):
    """Where an instruction takes files from; with none of them, it is the build context."""

    stage: int | None = None
    image: BaseImage | None = None
    context: str | None = None
    """The name of a named context."""


def copy_action(instruction: Copy | Add, working_dir: str, origin: Origin) -> CopyAction:
    """Return what an expanded instruction does, given where the files of its ``--from`` are.

    Raises DockerfileError for what can't be: a URL that COPY names, a bad pattern, a checksum of nothing.
    """
    destination = Destination.parse(instruction.destination, working_dir)
    mode = None if instruction.chmod is None else check_mode(instruction.chmod, instruction.span)
    action = CopyAction(
        "ADD" if isinstance(instruction, Add) else "COPY",
        instruction.sources,
        destination,
        origin.stage,
        origin.image,
        instruction.chown,
        mode,
        # With a mode, the parents that a linked layer has to bring along would take it from all that is in them: /etc
        # would become 0644 by a configuration file. So it isn't linked then, in BuildKit neither.
        instruction.link and mode is None,
        excludes=instruction.excludes,
        files=tuple(InlineFile(heredoc.marker.name, heredoc.content) for heredoc in instruction.heredocs),
        context=origin.context,
    )
    if instruction.excludes:
        from boxwright.dockerfile.ignore import IgnoreRules

        IgnoreRules.of(instruction.excludes, instruction.span)
    remote = any(_may_be_remote(source) for source in instruction.sources)
    if isinstance(instruction, Copy):
        if remote:
            _refuse_remote(instruction)
        if instruction.parents:
            action = action._replace(parents=True, destination=destination._replace(directory=True))
    elif remote or instruction.checksum is not None:
        action = _with_remotes(action, instruction)
    if isinstance(instruction, Add) and instruction.unpack is not None:
        action = action._replace(unpack=instruction.unpack)
    return action


def _may_be_remote(source: str) -> bool:
    """A quick look, for most sources are paths."""
    return "://" in source or ("@" in source and ":" in source)


def _refuse_remote(instruction: Copy) -> None:
    for source in instruction.sources:
        if source.startswith(_HTTP) or _git_url(source, instruction) is not None:
            raise DockerfileError(
                f"source can't be a URL for COPY: {source}", instruction.span, mark=source, hint="use ADD"
            )


def _git_url(source: str, instruction: Copy | Add) -> GitUrl | None:
    from boxwright.dockerfile.git_url import GitUrlInvalid, parse_git_url

    try:
        return parse_git_url(source)
    except GitUrlInvalid as error:
        raise DockerfileError(error.message, instruction.span, mark=source, hint=error.hint) from None


def _with_remotes(action: CopyAction, instruction: Add) -> CopyAction:
    """Sort the sources by where they are, and give the repositories what the flags say."""
    span = instruction.span
    local: list[str] = []
    urls: list[str] = []
    repositories: list[GitUrl] = []
    for source in instruction.sources:
        git = _git_url(source, instruction)
        if git is not None:
            if (
                None not in (git.keep_git_dir, instruction.keep_git_dir)
                and git.keep_git_dir != instruction.keep_git_dir
            ):
                raise DockerfileError("inconsistent keep-git-dir configuration", span, mark=source)
            keep = git.keep_git_dir if instruction.keep_git_dir is None else instruction.keep_git_dir
            repositories.append(git._replace(keep_git_dir=bool(keep)))
        else:
            (urls if source.startswith(_HTTP) else local).append(source)
    sha256 = ""
    if instruction.checksum is not None:
        if len(instruction.sources) + len(instruction.heredocs) != 1:
            raise DockerfileError("checksum can't be specified for multiple sources", span, mark="--checksum")
        if repositories:
            repositories = [_with_checksum(repositories[0], instruction)]
        elif urls:
            sha256 = _sha256(instruction)
        else:
            raise DockerfileError("checksum requires HTTP(S) or Git sources", span, mark="--checksum")
    return action._replace(sources=tuple(local), urls=tuple(urls), repositories=tuple(repositories), checksum=sha256)


def _with_checksum(git: GitUrl, instruction: Add) -> GitUrl:
    from boxwright.dockerfile.git_url import is_checksum

    checksum = (instruction.checksum or "").lower()
    if not is_checksum(checksum):
        raise DockerfileError(
            f"invalid checksum {instruction.checksum}: a repository's is a commit",
            instruction.span,
            mark="--checksum",
            hint="give 7 hex digits of it or more",
        )
    if git.checksum and git.checksum != checksum:
        raise DockerfileError(f"checksum mismatch: {checksum}, {git.checksum}", instruction.span, mark="--checksum")
    return git._replace(checksum=checksum)


def _sha256(instruction: Add) -> str:
    match = _SHA256.fullmatch(instruction.checksum or "")
    if match is None:
        raise DockerfileError(
            f"invalid checksum {instruction.checksum}",
            instruction.span,
            mark="--checksum",
            hint="write sha256: and 64 hex digits, as sha256sum prints them",
        )
    return match[1]

"""What a bake file may ask for only when a command line allows it: files elsewhere, agents, and what RUN steps may do.

Below the current folder everything may be read and written; a file of somebody else's is built without a second look,
and must not be able to take a private key along, or to write over something.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from boxwright.bake.overrides import Granted
from boxwright.bake.selection import HERE, Selection, is_elsewhere
from boxwright.bake.targets import Target
from boxwright.engine.given import ENTITLEMENTS
from boxwright.errors import DeniedError, InvalidError
from boxwright.values import NamedTuple

_READ, _WRITE, _BOTH, _SSH = "fs.read", "fs.write", "fs", "ssh"
_ANY = "*"
_STDOUT = "-"
_LAYOUT = "oci-layout://"


class NotGranted(DeniedError):
    """Targets ask for more than the command line allows."""

    def __init__(self, needed: Sequence[tuple[str, str]]) -> None:
        """`needed` are what has to be allowed, and the target that wants it."""
        flags = " ".join(f"--allow {permission}" for permission in dict.fromkeys(each for each, _ in needed))
        super().__init__(
            "the bake file asks for more than is allowed",
            detail=[f"{target}: {permission}" for permission, target in needed],
            hint=f"if you trust it, allow it: {flags}",
        )
        self.needed = tuple(permission for permission, _ in needed)


class Permissions(NamedTuple):
    """What ``--allow`` gives."""

    entitlements: frozenset[str] = frozenset()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    ssh: bool = False
    files: bool = True
    """Whether files are looked at at all."""

    @classmethod
    def parse(cls, texts: Iterable[str], *, files: bool = True) -> Permissions:
        """Read the values of ``--allow``. Raises InvalidError."""
        entitlements: set[str] = set()
        reads: list[str] = []
        writes: list[str] = []
        ssh = False
        for text in texts:
            name, equals, path = text.partition("=")
            if text in ENTITLEMENTS:
                entitlements.add(text)
            elif text == _SSH:
                ssh = True
            elif equals and path and name in (_READ, _WRITE, _BOTH):
                reads += [path] if name != _WRITE else []
                writes += [path] if name != _READ else []
            else:
                known = ", ".join((*ENTITLEMENTS, _SSH, f"{_BOTH}=PATH", f"{_READ}=PATH", f"{_WRITE}=PATH"))
                raise InvalidError(f"unknown --allow {text!r}", hint=f"it is one of {known}")
        return cls(frozenset(entitlements), tuple(reads), tuple(writes), ssh, files)

    def with_granted(self, granted: Granted) -> Permissions:
        """Return these, and what the command line names elsewhere."""
        return self._replace(
            entitlements=self.entitlements | granted.entitlements,
            reads=(*self.reads, *granted.reads),
            writes=(*self.writes, *granted.writes),
        )

    def check(self, selection: Selection) -> None:
        """Raises NotGranted when the targets want more."""
        needed = [(each, name) for name, target in selection.targets.items() for each in self._missing(target)]
        if needed:
            raise NotGranted(needed)

    def _missing(self, target: Target) -> Iterable[str]:
        wanted = target.entitlements or ()
        unknown = next((each for each in wanted if each not in ENTITLEMENTS), None)
        if unknown is not None:
            raise InvalidError(
                f"{target.name} has an unknown entitlement {unknown!r}", hint=f"there are {', '.join(ENTITLEMENTS)}"
            )
        yield from (each for each in wanted if each not in self.entitlements)
        if not self.files:
            return
        if any(not each.paths for each in target.ssh or ()) and not self.ssh:
            yield _SSH
        yield from _beyond(_READ, _reads(target), self.reads)
        yield from _beyond(_WRITE, _writes(target), self.writes)


def _reads(target: Target) -> Iterable[str]:
    assert target.context is not None
    assert target.dockerfile is not None
    if not is_elsewhere(target.context):
        yield target.context
    path = dockerfile_path(target)
    if path is not None:
        yield path
    for where in (target.contexts or {}).values():
        if where.startswith(_LAYOUT):
            yield _folder(where.removeprefix(_LAYOUT))
        elif not is_elsewhere(where):
            yield where
    for entry in target.cache_from or ():
        if entry.type == "local" and "src" in entry.attributes:
            yield entry.attributes["src"]
    yield from (secret.source for secret in target.secret or () if secret.source)
    yield from (path for agent in target.ssh or () for path in agent.paths)


def _folder(layout: str) -> str:
    """Return the folder of ``FOLDER[:TAG|@DIGEST]``."""
    path = layout.partition("@")[0]
    parent, slash, name = path.rpartition("/")
    return f"{parent}{slash}{name.partition(':')[0]}"


def _writes(target: Target) -> Iterable[str]:
    for entry in target.cache_to or ():
        if entry.type == "local" and "dest" in entry.attributes:
            yield entry.attributes["dest"]
    yield from (output.dest for output in target.output or () if output.dest not in ("", _STDOUT))


def dockerfile_path(target: Target) -> str | None:
    """Return where the Dockerfile of a target is on this machine, if it is."""
    assert target.context is not None
    assert target.dockerfile is not None
    if target.dockerfile_inline is not None:
        return None
    if target.dockerfile.startswith(HERE):
        return os.path.normpath(target.dockerfile.removeprefix(HERE))
    if is_elsewhere(target.context) or is_elsewhere(target.dockerfile):
        return None
    return os.path.join(target.context, target.dockerfile)


def _beyond(permission: str, paths: Iterable[str], allowed: Sequence[str]) -> Iterable[str]:
    """Yield what has to be allowed so that the paths may be used."""
    if _ANY in allowed:
        return
    roots = [os.path.realpath(root) for root in (os.curdir, *allowed)]
    for path in dict.fromkeys(paths):
        real = os.path.realpath(path)
        if not any(real == root or real.startswith(os.path.join(root, "")) for root in roots):
            yield f"{permission}={path}"

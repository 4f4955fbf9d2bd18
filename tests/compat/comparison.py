"""Two images → what differs, by name; and the differences that are meant to be, from ``differences.toml``."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from support.image_archive import ArchivedImage, File

Difference = tuple[Any, Any]
"""The peer's value and ours; None where there is none."""

NOW = "now"

_CONFIG = (
    *("Env", "Cmd", "Entrypoint", "ExposedPorts", "Volumes", "WorkingDir", "User", "Labels", "OnBuild", "Shell"),
    *("Healthcheck", "StopSignal"),
)


def describe(image: ArchivedImage, since: float) -> dict[str, Any]:
    """Return all that an image says, by what it is: ``config Env``, ``history 2``, ``/etc/passwd mode``.

    Times at or after `since` (seconds) are those of the build itself, and all alike.
    """
    facts: dict[str, Any] = {name: image.config.get(name) for name in ("architecture", "os")}
    config = image.config.get("config") or {}
    facts.update({f"config {name}": config[name] for name in _CONFIG if config.get(name)})
    for number, entry in enumerate(image.config.get("history") or ()):
        facts[f"history {number}"] = entry.get("created_by", "") + (" (empty)" if entry.get("empty_layer") else "")
    for path, file in image.tree().items():
        facts.update(_describe(path, file, since))
    return facts


def _describe(path: str, file: File, since: float) -> Iterator[tuple[str, Any]]:
    yield f"{path} mode", stat.filemode(file.mode)
    yield f"{path} owner", f"{file.uid}:{file.gid}"
    if path != "/":  # docker's layers leave the root out, so its time is of no image
        name = "directory-mtime" if file.is_dir else "mtime"
        yield f"{path} {name}", NOW if file.mtime >= since else file.mtime
    if stat.S_ISREG(file.mode):
        yield f"{path} content", f"{file.size} {file.digest}"
    if file.target:
        yield f"{path} target", file.target
    if file.device is not None:
        yield f"{path} device", "{}:{}".format(*file.device)
    if file.xattrs:
        yield f"{path} xattrs", file.xattrs
    if len(file.names) > 1:
        yield f"{path} names", " ".join(sorted(file.names))


def compare(peer: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Difference]:
    """Return what differs between two descriptions; a file that only one has is one difference."""
    differences: dict[str, Difference] = {}
    for key in sorted(peer.keys() | ours.keys()):
        theirs, mine = peer.get(key), ours.get(key)
        if theirs == mine:
            continue
        path = key.rpartition(" ")[0]
        if key.startswith("/") and (f"{path} mode" not in peer or f"{path} mode" not in ours):
            # Which it is is said by its mode; all else follows from that.
            if key.endswith(" mode"):
                differences[f"{path} exists"] = (theirs, mine)
        elif key == "/ mode" and None in (theirs, mine):
            continue
        else:
            differences[key] = (theirs, mine)
    return differences


class Declared(NamedTuple):
    """A difference that is meant to be."""

    case: str
    """A pattern for names of cases."""
    what: str
    """A pattern for names of differences."""
    reason: str
    peer: str | None = None
    """A pattern for the value that BuildKit has, if only such are covered."""
    as_classic: bool | None = None
    """Whether docker's classic builder does as we do; None where it does something third, or cannot build the case."""

    def covers(self, case: str, what: str, values: Difference) -> bool:
        return (
            fnmatchcase(case, self.case)
            and fnmatchcase(what, self.what)
            and (self.peer is None or fnmatchcase(str(values[0]), self.peer))
        )


def load_declared(path: Path) -> list[Declared]:
    with open(path, "rb") as stream:
        return [Declared(**entry) for entry in tomllib.load(stream)["difference"]]

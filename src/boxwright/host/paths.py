"""Paths, as a str that ``/`` joins.

pathlib costs 4 ms of every start, since it imports what parses URLs and addresses, and microseconds for every join. So
boxwright's own paths are of this small class. Whoever calls may give any `StrPath`; a function that is given one and
wants to join makes it a `Path`. The methods are pathlib's, as far as they are used here.

Nothing is normalised: a path stays the text that it was made of.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

StrPath = str | os.PathLike[str]


class Path(str):
    __slots__ = ()

    def __new__(cls, path: StrPath, *more: StrPath) -> Path:
        return str.__new__(cls, os.path.join(path, *more) if more else os.fspath(path))

    def __truediv__(self, name: StrPath) -> Path:
        return Path(os.path.join(self, name))

    @property
    def name(self) -> str:
        """The last component."""
        return os.path.basename(self.rstrip("/"))

    @property
    def parent(self) -> Path:
        """Everything before the last component: ``.`` when there is only one, ``/`` above the root."""
        head = os.path.dirname(self.rstrip("/"))
        return Path(head or ("/" if self.startswith("/") else "."))

    @property
    def suffix(self) -> str:
        """The last component's ending with its dot, or nothing."""
        return os.path.splitext(self)[1]

    def with_name(self, name: str) -> Path:
        """Return the path of a sibling."""
        return Path(os.path.join(os.path.dirname(self.rstrip("/")), name))

    def with_suffix(self, suffix: str) -> Path:
        """Return the path with another ending; `suffix` has its dot."""
        return Path(os.path.splitext(self)[0] + suffix)

    # ---- looking

    def stat(self) -> os.stat_result:
        return os.stat(self)

    def lstat(self) -> os.stat_result:
        return os.lstat(self)

    def exists(self) -> bool:
        return os.path.exists(self)

    def is_dir(self) -> bool:
        return os.path.isdir(self)

    def is_file(self) -> bool:
        return os.path.isfile(self)

    def is_symlink(self) -> bool:
        return os.path.islink(self)

    def iterdir(self) -> Iterator[Path]:
        """Yield the paths of what is in the directory, in no order."""
        for name in os.listdir(self):
            yield self / name

    def read_bytes(self) -> bytes:
        with open(self, "rb") as stream:
            return stream.read()

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        with open(self, encoding=encoding, errors=errors) as stream:
            return stream.read()

    # ---- changing

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Make a directory; missing `parents` get the usual mode, whatever `mode` is."""
        try:
            os.mkdir(self, mode)
        except FileNotFoundError:
            if not parents or self.parent == self:
                raise
            self.parent.mkdir(parents=True, exist_ok=True)
            self.mkdir(mode, exist_ok=exist_ok)
        except OSError:
            # Not EEXIST alone: a directory may also be read-only.
            if not exist_ok or not self.is_dir():
                raise

    def rmdir(self) -> None:
        os.rmdir(self)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            os.unlink(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def chmod(self, mode: int) -> None:
        os.chmod(self, mode)

    def write_bytes(self, data: bytes) -> None:
        with open(self, "wb") as stream:
            stream.write(data)

    def write_text(self, text: str) -> None:
        with open(self, "w", encoding="utf-8") as stream:
            stream.write(text)

    def resolve(self) -> Path:
        """Return the absolute path without symbolic links."""
        return Path(os.path.realpath(self))

"""What a selection of files contains, as one digest: the part of a COPY's cache key that depends on files.

It covers what the copy would differ by: names, types, modes, owners where they are kept, sizes, link texts, devices,
attributes, and content; no times. Reading all files is what a warm build has no time for, so the digest of a context
is remembered by its fingerprint, and the digests of its files one by one: after an edit only what was edited is read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence

from boxwright.build.filechanges import FileChange, FileState, compare
from boxwright.build.scan import Item
from boxwright.build.trees import Selection
from boxwright.hashes import hexdigest
from boxwright.oci.digest import Digest
from boxwright.store.contexts import ContextCache, identity_of, is_settled
from boxwright.values import NamedTuple

_CHUNK = 1 << 20

Hasher = Callable[[Item], str]
"""Returns the sha256 (hex) of a regular file's content."""


class Known(NamedTuple):
    """What was seen of a file once."""

    identity: str
    """Empty where the content has to be read again."""
    content: str
    """As that of `FileState`, as are the size and the mode."""
    size: int
    mode: int

    @property
    def state(self) -> FileState:
        return FileState(self.content, self.size, self.mode)


def digest_of(selections: Sequence[Selection], hasher: Hasher, *, owned: bool) -> Digest:
    """Return the digest of what is selected; `owned` tells whether the files' owners count. Raises OSError."""
    import hashlib

    from boxwright.build.writing import portable_xattrs

    digest = hashlib.sha256()
    for selection in selections:
        digest.update(b"\0source\0" + os.fsencode(selection.name))
        digest.update(_line(selection.top, hasher, owned, portable_xattrs))
        lines = [_line(item, hasher, owned, portable_xattrs) for item in selection.below]
        digest.update(b"".join(lines))
    return Digest("sha256:" + digest.hexdigest())


def _line(item: Item, hasher: Hasher, owned: bool, xattrs: Callable[[str], Mapping[str, bytes]]) -> bytes:
    path, real, state = item
    mode = state.st_mode
    owner = f"{state.st_uid} {state.st_gid}" if owned else "0 0"
    content = ""
    if stat.S_ISREG(mode):
        content = f"{state.st_size} {hasher(item)}"
    elif stat.S_ISLNK(mode):
        content = os.readlink(real)
    elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        content = str(state.st_rdev)
    attributes = xattrs(real)
    extra = repr(sorted(attributes.items())) if attributes else ""
    # No field but the last two holds a NUL or is of free length; those are framed by their lengths.
    line = f"\0{path}\0{mode:o}\0{owner}\0{len(content)}\0{content}\0{len(extra)}\0{extra}"
    return line.encode("utf-8", "surrogateescape")


def hash_file(item: Item) -> str:
    """Return the sha256 (hex) of a file's content. Raises OSError."""
    import hashlib

    descriptor = os.open(item.real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        digest = hashlib.sha256()
        while data := os.read(descriptor, _CHUNK):
            digest.update(data)
            if len(data) < _CHUNK:
                break
        return digest.hexdigest()
    finally:
        os.close(descriptor)


class ContextContents:
    """What one COPY takes from the context: its digest, remembered from one build to the next."""

    __slots__ = ("_cache", "_key", "_selections", "digests")

    def __init__(self, cache: ContextCache, key: str, selections: Sequence[Selection]) -> None:
        """`key` names the context and what is selected from it, across builds."""
        self._cache = cache
        self._key = key
        self._selections = selections
        self.digests: Mapping[str, str] = {}
        """The sha256 of each regular file's content, by its path on disk, once it was computed."""

    def recall(self) -> Digest | None:
        """Return the digest if nothing was touched since it was remembered; costs one row."""
        return self._cache.digest(self._key, self._fingerprint())

    def compute(self) -> tuple[Digest, list[FileChange]]:
        """Read what has changed since the last time; return the digest, and what was found to be different."""
        known = self._index()
        seen: dict[str, Known] = {}

        def hasher(item: Item) -> str:
            identity = identity_of(item.stat)
            before = known.get(item.real)
            sha256 = before.content if before is not None and before.identity == identity else hash_file(item)
            seen[item.real] = Known(identity, sha256, item.stat.st_size, item.stat.st_mode)
            return sha256

        digest = digest_of(self._selections, hasher, owned=False)
        self.digests = {path: file.content for path, file in seen.items()}
        self._note_others(seen)
        self._remember(digest, seen)
        return digest, self._changes(known, seen)

    def settle(self, copied: Mapping[str, str]) -> tuple[Digest, list[FileChange]]:
        """Return the digest of what was copied (file → sha256), whatever the files hold by now, and remember it."""
        known = self._index()
        seen: dict[str, Known] = {}

        def hasher(item: Item) -> str:
            sha256 = copied.get(item.real) or hash_file(item)
            seen[item.real] = Known(identity_of(item.stat), sha256, item.stat.st_size, item.stat.st_mode)
            return sha256

        digest = digest_of(self._selections, hasher, owned=False)
        self._note_others(seen)
        self._remember(digest, seen)
        return digest, self._changes(known, seen)

    def _fingerprint(self) -> str:
        parts = [(selection.name, selection.top.real, selection.fingerprint) for selection in self._selections]
        return hexdigest(repr(parts).encode("utf-8", "surrogateescape"))

    def _index(self) -> dict[str, Known]:
        data = self._cache.get_index(self._key)
        if data is None:
            return {}
        # Rows that an older version wrote don't know the mode: they are as good as none.
        return {path: Known(*row) for path, row in json.loads(data).items() if len(row) == len(Known._fields)}

    def _remember(self, digest: Digest, seen: Mapping[str, Known]) -> None:
        if all(selection.settled for selection in self._selections):
            self._cache.put_digest(self._key, self._fingerprint(), digest)
        # A file that has only just been changed may be changed again without its times showing it: next time it is
        # read again. Its digest is kept all the same, so that what changed can be told.
        doubtful = {item.real for item in self._files() if not is_settled(item.stat)}
        rows = {path: ("" if path in doubtful else known.identity, *known[1:]) for path, known in seen.items()}
        self._cache.put_index(self._key, json.dumps(rows, separators=(",", ":")).encode())

    def _files(self) -> Iterator[Item]:
        for selection in self._selections:
            yield selection.top
            yield from selection.below

    def _note_others(self, seen: dict[str, Known]) -> None:
        """Add what has no content to read: directories, links, devices."""
        for item in self._files():
            if item.real not in seen:
                target = os.readlink(item.real) if stat.S_ISLNK(item.stat.st_mode) else ""
                seen[item.real] = Known("", target, 0, item.stat.st_mode)

    @staticmethod
    def _changes(known: Mapping[str, Known], seen: Mapping[str, Known]) -> list[FileChange]:
        if not known:
            return []
        before = {path: file.state for path, file in known.items()}
        return compare(before, {path: file.state for path, file in seen.items()})


def states_of(selections: Sequence[Selection], hasher: Hasher) -> dict[str, FileState]:
    """Return what each selected file is, with its owner, by its name in the copy. Raises OSError."""
    states = {}
    for selection in selections:
        for path, real, state in (selection.top, *selection.below):
            mode, content, size = state.st_mode, "", 0
            if stat.S_ISREG(mode):
                content, size = hasher(Item(path, real, state)), state.st_size
            elif stat.S_ISLNK(mode):
                content = os.readlink(real)
            name = "/".join(filter(None, (selection.name, path)))
            states[name] = FileState(content, size, mode, f"{state.st_uid}:{state.st_gid}")
    return states

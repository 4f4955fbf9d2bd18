"""COPY and ADD: what they depend on, and the layer that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.build import keys
from boxwright.build.actions import Document, Layers, Made
from boxwright.build.contents import ContextContents, digest_of, hash_file
from boxwright.build.filechanges import FileChange
from boxwright.build.plan import CopyAction
from boxwright.build.trees import Selection, Tree
from boxwright.host.paths import Path
from boxwright.oci.digest import Digest

if TYPE_CHECKING:
    from boxwright.build.downloads import Download
    from boxwright.build.placing import Staging
    from boxwright.layer.entry import Entry
    from boxwright.layer.reader import Content
    from boxwright.store.contexts import ContextCache
    from boxwright.store.snapshots import Draft

_SEEN = "seen"


class CopyWork:
    """COPY or ADD from the context, a stage or an image.

    What is copied decides, so the content of the sources is in the key. It is known beforehand where nothing has
    changed, and worth finding out where the same copy was done before; else it is what came by when it was copied.
    """

    __slots__ = (
        "_action",
        "_cache",
        "_cancelled",
        "_changes",
        "_content",
        "_downloads",
        "_layers",
        "_made_ns",
        "_memory",
        "_owned",
        "_revision",
        "_selections",
        "_tree",
    )

    def __init__(
        self,
        action: CopyAction,
        layers: Layers,
        tree: Tree,
        cache: ContextCache,
        *,
        origin: str,
        revision: str | None,
        downloads: Sequence[Download] = (),
        made_ns: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`origin` names the tree across builds. `revision` names its content, if that never changes under the name
        (a stage's or an image's layers); None for the context, whose files belong to nobody. `downloads` are the
        sources that are URLs, and not among those in `tree`."""
        self._action = action
        self._layers = layers
        self._tree = tree
        self._cache = cache
        self._revision = revision
        self._owned = revision is not None
        self._downloads = downloads
        self._made_ns = made_ns
        self._cancelled = cancelled
        self._memory = keys.slot("sources", origin, self._sources)
        self._selections: list[Selection] | None = None
        self._content: Digest | None = None
        self._changes: list[FileChange] = []

    # -- what it depends on

    def document(self) -> Document | None:
        if self._content is None:
            self._content = self._recall()
        return None if self._content is None else self.made_of()

    def made_of(self) -> Document:
        document = self._definition()
        document["content"] = self._content
        if self._downloads:
            document["downloads"] = [[download.name, download.digest()] for download in self._downloads]
        return document

    def changes(self) -> list[FileChange]:
        return self._changes

    @property
    def lock(self) -> str:
        return keys.slot(self._definition(), self._memory)

    def _definition(self) -> dict[str, Any]:
        action = self._action
        return {
            "op": action.keyword.lower(),
            "parent": self._layers.chain,
            "destination": action.destination.path,
            "directory": action.destination.directory,
            "chown": action.chown,  # a name's number is in the parent
            "mode": action.mode,
        }

    def _recall(self) -> Digest | None:
        """Return the content's digest, where finding it out costs less than it saves."""
        if self._revision is not None:
            known = self._cache.digest(self._memory, self._revision)
            if known is None and self._was_seen():
                known = digest_of(self._selected(), hash_file, owned=True)
                self._cache.put_digest(self._memory, self._revision, known)
            return known
        contents = self._context_contents()
        known = contents.recall()
        if known is None and self._was_seen():
            known, self._changes = contents.compute()
        return known

    def _was_seen(self) -> bool:
        return self._cache.digest(keys.slot(self._definition()), _SEEN) is not None

    def _context_contents(self) -> ContextContents:
        return ContextContents(self._cache, self._memory, self._selected())

    @property
    def _sources(self) -> tuple[str, ...]:
        if not self._downloads:
            return self._action.sources
        return tuple(source for source in self._action.sources if not is_url(source))

    def _selected(self) -> list[Selection]:
        if self._selections is None:
            self._selections = self._tree.select(self._sources)
        return self._selections

    # -- the layer

    def make(self, draft: Draft) -> Made:
        from boxwright.build import owners
        from boxwright.build.placing import Attributes, Staging
        from boxwright.build.writing import write

        action = self._action
        view = self._layers.view()
        owner = owners.chown(action.chown, view) if action.chown is not None else None
        selections = self._selected()
        staging = Staging(view, Attributes(owner, action.mode), owned=self._owned, made_ns=self._made_ns)
        staging.check(action.keyword, len(selections) + len(self._downloads), action.destination)
        archives = self._archives(selections)
        if archives:
            unpacked = Path(draft.work, "unpacked")
            self._unpack(archives, unpacked, staging, owner)
            staging.absorb(unpacked)
        for selection in selections:
            if selection not in archives:
                staging.copy(selection, action.destination)
        for download in self._downloads:
            staging.add_file(download.fetch(draft.work), action.destination, download.name)
        written = write(staging.placements(), draft.fs, cancelled=self._cancelled)
        self._settle(written.digests)
        return Made(written.diff_id, written.size, written.content)

    def _archives(self, selections: Sequence[Selection]) -> list[Selection]:
        if self._action.keyword != "ADD":
            return []
        from boxwright.build.archives import is_archive

        return [selection for selection in selections if is_archive(selection.top)]

    def _unpack(
        self, archives: Sequence[Selection], target: Path, staging: Staging, owner: tuple[int, int] | None
    ) -> None:
        from boxwright.build import archives as format_
        from boxwright.layer.apply import apply_entries

        prefix = staging.resolve_directory(self._action.destination)

        def members() -> Iterator[tuple[Entry, Content | None]]:
            if staging.is_missing(prefix):
                yield format_.made_up(prefix, self._made_ns, owner), None
            for archive in archives:
                with format_.open_item(archive.top) as stream:
                    yield from format_.members(stream, prefix, owner)

        apply_entries(members(), target, lower=self._layers.view())

    def _settle(self, copied: Mapping[str, str]) -> None:
        """Note what the content was, as it was read while it was copied."""
        if self._revision is None:
            self._content, changes = self._context_contents().settle(copied)
            self._changes = changes or self._changes
        elif self._content is None:
            digest = digest_of(self._selected(), lambda item: copied.get(item.real) or hash_file(item), owned=True)
            self._cache.put_digest(self._memory, self._revision, digest)
            self._content = digest
        self._cache.put_digest(keys.slot(self._definition()), _SEEN, self._content)


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))

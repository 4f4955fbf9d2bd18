"""COPY and ADD: what they depend on, and the layer that they make."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boxwright.build import keys
from boxwright.build.actions import Document, Layers, Made
from boxwright.build.contents import ContextContents, digest_of, hash_file
from boxwright.build.copies import CopyAction, InlineFile
from boxwright.build.filechanges import FileChange
from boxwright.build.scan import Item
from boxwright.build.trees import Selection, Tree
from boxwright.hashes import hexdigest
from boxwright.host.paths import Path
from boxwright.oci.digest import DiffID, Digest

if TYPE_CHECKING:
    from boxwright.build.downloads import Download
    from boxwright.build.filters import Filter
    from boxwright.build.placing import Staging
    from boxwright.build.repositories import RemoteRepository
    from boxwright.build.writing import EarlierLayer, Placement
    from boxwright.layer.entry import Entry
    from boxwright.layer.reader import Content
    from boxwright.store.contexts import ContextCache
    from boxwright.store.snapshots import Draft

_SEEN = "seen"
_MADE = "made"


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
        "_digests",
        "_downloads",
        "_filter",
        "_layers",
        "_made_ns",
        "_memory",
        "_owned",
        "_repositories",
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
        repositories: Sequence[RemoteRepository] = (),
        made_ns: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`origin` names the tree across builds. `revision` names its content, if that never changes under the name
        (a stage's or an image's layers); None for the context, whose files belong to nobody. `downloads` and
        `repositories` are the sources that are elsewhere."""
        self._action = action
        self._layers = layers
        self._tree = tree
        self._cache = cache
        self._revision = revision
        self._owned = revision is not None
        self._downloads = downloads
        self._repositories = repositories
        self._made_ns = made_ns
        self._cancelled = cancelled
        self._filter: Filter | None = None
        selected: list[object] = [action.sources]
        if action.parents or action.excludes:
            from boxwright.build.filters import Filter

            self._filter = Filter(action.excludes, parents=action.parents)
            selected += [action.excludes, action.parents]
        self._memory = keys.slot("sources", origin, *selected)
        self._selections: list[Selection] | None = None
        self._content: Digest | None = None
        self._changes: list[FileChange] = []
        self._digests: Mapping[str, str] = {}

    # -- what it depends on

    def document(self) -> Document | None:
        if self._content is None:
            self._content = self._recall()
            if self._content is not None and self._cache.eager:
                # What another machine did is then done here, as far as the next build is concerned.
                self._cache.put_digest(keys.slot(self._definition()), _SEEN, self._content)
        return None if self._content is None else self.made_of()

    def made_of(self) -> Document:
        document = self._definition()
        document["content"] = self._content
        if self._downloads:
            document["downloads"] = [[download.name, download.digest()] for download in self._downloads]
        if self._repositories:
            document["repositories"] = [repository.document() for repository in self._repositories]
        return document

    def changes(self) -> list[FileChange]:
        return self._changes

    @property
    def lock(self) -> str:
        return keys.slot(self._definition(), self._memory)

    def _definition(self) -> dict[str, Any]:
        action = self._action
        document: dict[str, Any] = {
            "op": action.keyword.lower(),
            "parent": self._layers.chain,
            "destination": action.destination.path,
            "directory": action.destination.directory,
            "chown": action.chown,  # a name's number is in the parent
            "mode": action.mode,
        }
        if action.link:
            document["link"] = True
        if self._filter is not None:  # which files it lets through is in the content
            document["filtered"] = True
        if action.files:
            document["files"] = [[file.name, hexdigest(_encode(file.content))] for file in action.files]
        if action.unpack is not None:
            document["unpack"] = action.unpack
        return document

    def _recall(self) -> Digest | None:
        """Return the content's digest, where finding it out costs less than it saves."""
        if not self._action.sources:
            return digest_of((), hash_file, owned=self._owned)
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
            self._digests = contents.digests
        return known

    def _was_seen(self) -> bool:
        return self._cache.eager or self._cache.digest(keys.slot(self._definition()), _SEEN) is not None

    def _context_contents(self) -> ContextContents:
        return ContextContents(self._cache, self._memory, self._selected())

    def _selected(self) -> list[Selection]:
        if self._selections is None:
            self._selections = self._tree.select(self._action.sources, self._filter)
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
        repositories = [repository.select() for repository in self._repositories]
        staging = Staging(view, Attributes(owner, action.mode), owned=self._owned, made_ns=self._made_ns)
        directories = len(repositories) + sum(selection.is_dir for selection in selections)
        files = len(selections) + len(repositories) - directories + len(self._downloads) + len(action.files)
        staging.check(action.keyword, files, directories, action.destination)
        downloads = {download.name: download.fetch(draft.work) for download in self._downloads}
        archives = self._archives(selections)
        fetched = self._fetched_archives(downloads)
        if archives or fetched:
            unpacked = Path(draft.work, "unpacked")
            items = [selection.top for selection in archives] + list(fetched.values())
            self._unpack(items, unpacked, staging, owner)
            staging.absorb(unpacked)
        if self._filter is not None and action.destination.directory:
            staging.directory(action.destination.path)
        for selection in (*selections, *self._filtered(repositories)):
            if selection not in archives:
                staging.copy(selection, action.destination)
        for name, placement in downloads.items():
            if name not in fetched and not (self._filter and self._filter.drops(name)):
                staging.add_file(placement, action.destination, name)
        for file in action.files:
            if not (self._filter and self._filter.drops(file.name)):
                staging.add_file(self._written(file), action.destination, file.name)
        written = write(staging.placements(), draft.fs, earlier=self._earlier(), cancelled=self._cancelled)
        self._settle(written.digests)
        if self._revision is None:
            self._cache.put_digest(self._place, _MADE, written.diff_id)
        return Made(written.diff_id, written.size, written.content)

    @property
    def _place(self) -> str:
        """What layers of this copy have in common, whatever the sources held and whatever was below."""
        action = self._action
        return keys.slot("layer", self._memory, action.keyword, *action.destination, action.chown, action.mode)

    def _earlier(self) -> EarlierLayer | None:
        """Return what this copy made the last time, where that is known to hold some of the same files."""
        from boxwright.build.writing import EarlierLayer

        diff_id = self._cache.digest(self._place, _MADE) if self._digests else None
        root = self._layers.directory(DiffID(diff_id)) if diff_id is not None else None
        return EarlierLayer(root, self._digests) if root is not None else None

    def _written(self, file: InlineFile) -> Placement:
        from boxwright.build.writing import Placement

        data = _encode(file.content)
        return Placement("", stat.S_IFREG | 0o644, 0, 0, self._made_ns, len(data), data=data)

    def _filtered(self, repositories: Sequence[Selection]) -> Sequence[Selection]:
        """Return what is left of repositories, whose files no tree has filtered yet."""
        if self._filter is None or self._filter.rules is None:
            return repositories
        from boxwright.build.filters import Kept

        rules = self._filter.rules
        return [selection._replace(below=Kept(selection.below, rules)) for selection in repositories]

    def _archives(self, selections: Sequence[Selection]) -> list[Selection]:
        if self._action.keyword != "ADD" or self._action.unpack is False:
            return []
        from boxwright.build.archives import is_archive

        return [selection for selection in selections if is_archive(selection.top)]

    def _fetched_archives(self, downloads: Mapping[str, Placement]) -> dict[str, Item]:
        """Return the downloads that are to be unpacked: archives, if that was asked for."""
        if not self._action.unpack:
            return {}
        from boxwright.build.archives import is_archive

        items = {name: Item("", file.source, os.lstat(file.source)) for name, file in downloads.items()}
        return {name: item for name, item in items.items() if is_archive(item)}

    def _unpack(self, archives: Sequence[Item], target: Path, staging: Staging, owner: tuple[int, int] | None) -> None:
        from boxwright.build import archives as format_
        from boxwright.layer.apply import apply_entries

        prefix = staging.resolve_directory(self._action.destination)

        def members() -> Iterator[tuple[Entry, Content | None]]:
            if staging.is_missing(prefix):
                yield format_.made_up(prefix, self._made_ns, owner), None
            for archive in archives:
                with format_.open_item(archive) as stream:
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


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

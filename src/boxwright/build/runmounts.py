"""The mounts of a RUN: what its result depends on because of them, and all that is needed to have them ready.

A bind mount is in the key with its files, whatever may be written to it, since what is written is thrown away. A
cache is in it by its place alone: a command that works only with a full cache is wrong anyway. Of a secret it is the
ID, never the value; of memory and agents what they are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from boxwright.build import keys
from boxwright.build.contents import ContextContents, digest_of, hash_file
from boxwright.build.copies import Destination
from boxwright.build.planned import SCRIPTS, MountAction, RunAction
from boxwright.build.runner import AgentMount, HostMount, MemoryMount, SecretMount, StepMount, UnionMount
from boxwright.build.secrets import AgentNotGiven, Secret, SecretNotGiven
from boxwright.build.trees import SourceNotFound, Tree
from boxwright.dockerfile.pattern import has_wildcards
from boxwright.host.paths import Path
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.actions import Layers, RunOptions
    from boxwright.build.filechanges import FileChange
    from boxwright.build.imports import Imports
    from boxwright.build.trees import Selection
    from boxwright.dockerfile.mounts import RunMount
    from boxwright.store.cache_mounts import CacheKey
    from boxwright.store.contexts import ContextCache
    from boxwright.store.store import Store

_AGENT_VARIABLE = "SSH_AUTH_SOCK"
_AGENT_TARGET = "/run/buildkit/ssh_agent.{}"
_SECRETS = "/run/secrets"


class MountSource(NamedTuple):
    """The files that a mount shows: a tree and, unless it is the context, the layers that it is made of."""

    tree: Tree
    origin: str
    """A name for the tree, across builds."""
    layers: Layers | None


class Ready(NamedTuple):
    """Mounts for the time of one command."""

    mounts: tuple[StepMount, ...]
    env: dict[str, str]
    secrets: dict[str, Secret]
    """Variables that hold secrets."""


class RunMounts:
    """The mounts and the script of one RUN."""

    def __init__(
        self,
        action: RunAction,
        sources: Sequence[MountSource | None],
        store: Store,
        options: RunOptions,
        *,
        made_ns: int,
        cancelled: Callable[[], bool],
        contents: ContextCache,
        imports: Imports | None = None,
    ) -> None:
        """`sources` has, for each mount of `action`, the files that it shows; None for one without any. `contents` is
        what is known of files; `imports` may have what a cache that isn't here holds elsewhere."""
        self._action = action
        self._store = store
        self._options = options
        self._made_ns = made_ns
        self._cancelled = cancelled
        self._imports = imports
        self._files = [
            _Files(action.mounts[index], source, contents) if source is not None else None
            for index, source in enumerate(sources)
        ]

    # -- what the result depends on

    def document(self) -> dict[str, Any]:
        """Return the fields of the step's key; reads the files that are bound. Raises SourceNotFound."""
        fields: dict[str, Any] = {}
        if self._action.script is not None:
            fields["script"] = self._action.script.content
        if self._action.mounts:
            fields["mounts"] = [_described(mount.mount) for mount in self._action.mounts]
            contents = [files.content() if files is not None else None for files in self._files]
            if any(contents):
                fields["content"] = contents
        return fields

    def changes(self) -> list[FileChange]:
        """Return which files of the context are not as they were the last time."""
        return [change for files in self._files if files is not None for change in files.changes]

    # -- ready for the command

    @contextmanager
    def ready(self, directory: Path) -> Iterator[Ready]:
        """Yield the mounts; `directory` is a name for what they need on disk, which is gone after the block.

        Raises SourceNotFound, SecretNotGiven, AgentNotGiven, CancelledError while a cache is waited for.
        """
        from boxwright.host.trees import remove_tree

        os.mkdir(directory, 0o700)
        with ExitStack() as stack:
            stack.callback(remove_tree, directory)
            yield self._ready(directory, stack)

    def _ready(self, directory: Path, stack: ExitStack) -> Ready:
        ready = Ready((), {}, {})
        mounts: list[StepMount] = []
        if self._action.script is not None:
            script = directory / "script"
            fd = os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
            with open(fd, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(self._action.script.content)
                os.fchmod(fd, 0o755)
            mounts.append(HostMount(f"{SCRIPTS}/{self._action.script.name}", script, True))
        caches = self._caches(stack)
        agents = 0
        for index, (action, files) in enumerate(zip(self._action.mounts, self._files, strict=True)):
            mount, place = action.mount, directory / str(index)
            if mount.kind == "tmpfs":
                mounts.append(MemoryMount(mount.target, mount.size, mount.read_only))
            elif mount.kind == "cache":
                mounts.append(HostMount(mount.target, caches[index], mount.read_only))
            elif mount.kind == "secret":
                mounts += self._secret(action, ready.secrets)
            elif mount.kind == "ssh":
                if self._agent(action, agents, mounts):
                    ready.env.setdefault(_AGENT_VARIABLE, mounts[-1].target)
                    agents += 1
            else:
                os.mkdir(place, 0o700)
                mounts.append(self._bind(action, files, place, stack))
        return ready._replace(mounts=tuple(mounts))

    def _bind(self, action: MountAction, files: _Files | None, place: Path, stack: ExitStack) -> StepMount:
        mount = action.mount
        upper, work = place / "upper", place / "work"
        os.mkdir(upper, 0o755)
        os.mkdir(work, 0o700)
        lowers: tuple[Path, ...] = ()
        path = "/"
        if files is not None:
            lowers, path = stack.enter_context(files.layers_and_path(self._store, self._made_ns, self._cancelled))
        return UnionMount(mount.target, lowers, path, mount.read_only, upper, work)

    def _caches(self, stack: ExitStack) -> dict[int, Path]:
        """Take the locks of all caches, in one order whatever the file says: two steps never wait for each other."""
        wanted: dict[CacheKey, tuple[str, list[int]]] = {}
        for index, (action, files) in enumerate(zip(self._action.mounts, self._files, strict=True)):
            if action.mount.kind == "cache":
                key = _cache_key(action, files)
                sharing, indexes = wanted.get(key, ("", []))
                # One step that mounts a cache twice has it once, for itself alone if either mount says so.
                strictest = max(sharing, action.mount.sharing, key=("", "shared", "private", "locked").index)
                wanted[key] = (strictest, [*indexes, index])
        paths: dict[int, Path] = {}
        for key in sorted(wanted, key=lambda key: key.name()):
            sharing, indexes = wanted[key]
            files = self._files[indexes[0]]

            def fill(data: Path, files: _Files | None = files) -> None:
                if files is not None:
                    files.fill(data, self._made_ns, self._cancelled)

            imported = self._imports.filler(key) if self._imports is not None else None
            data = stack.enter_context(
                self._store.cache_mounts.mounted(key, sharing, fill=imported or fill, cancelled=self._cancelled)
            )
            paths.update(dict.fromkeys(indexes, data))
        return paths

    def _secret(self, action: MountAction, variables: dict[str, Secret]) -> list[StepMount]:
        mount = action.mount
        secret = self._options.secrets.get(mount.id)
        if secret is None:
            if mount.required:
                raise SecretNotGiven(mount.id)
            return []
        if mount.env is not None:
            variables[mount.env] = secret
            if not mount.target:
                return []
        mode = 0o400 if mount.mode is None else mount.mode
        target = mount.target or f"{_SECRETS}/{os.path.basename(mount.id)}"
        return [SecretMount(target, secret, mode, mount.uid or 0, mount.gid or 0)]

    def _agent(self, action: MountAction, number: int, mounts: list[StepMount]) -> bool:
        mount = action.mount
        agent = self._options.agents.get(mount.id)
        if agent is None:
            if mount.required:
                raise AgentNotGiven(mount.id)
            return False
        mode = 0o600 if mount.mode is None else mount.mode
        target = mount.target or _AGENT_TARGET.format(number)
        mounts.append(AgentMount(target, agent, mode, mount.uid or 0, mount.gid or 0))
        return True


class _Files:
    """What one mount shows."""

    def __init__(self, action: MountAction, source: MountSource, contents: ContextCache) -> None:
        self._source = "/" + action.mount.source.lstrip("/")
        self._tree, origin, self.layers = source
        self._cache = contents
        self._memory = keys.slot("sources", origin, (self._source,))
        self._selected: list[Selection] | None = None
        self._content: Digest | None = None
        self.changes: list[FileChange] = []

    def content(self) -> str:
        """Return what names the files. Raises SourceNotFound."""
        if self.layers is not None and self._source == "/":
            return str(self.layers.chain)  # no need to read a whole image
        if self._content is None:
            self._content = self._find_content()
        return str(self._content)

    def _find_content(self) -> Digest:
        if self.layers is None:
            contents = ContextContents(self._cache, self._memory, self._selection())
            known = contents.recall()
            if known is None:
                known, self.changes = contents.compute()
            return known
        revision = str(self.layers.chain)
        known = self._cache.digest(self._memory, revision)
        if known is None:
            known = digest_of(self._selection(), hash_file, owned=True)
            self._cache.put_digest(self._memory, revision, known)
        return known

    def _selection(self) -> list[Selection]:
        if self._selected is None:
            self._selected = self._tree.select([_literally(self._source)])
            if not self._selected:
                raise SourceNotFound(self._source, "the source of the mount")
        return self._selected

    @contextmanager
    def layers_and_path(
        self, store: Store, made_ns: int, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[tuple[Path, ...], str]]:
        """Yield layers that have what is shown, the lowest first, and its path in them, all links followed.

        Raises SourceNotFound.
        """
        if self.layers is not None:
            node = self.layers.view().lookup(self._source)
            if node is None:
                raise SourceNotFound(self._source, "the source of the mount")
            yield tuple(Path(path) for path in self.layers.paths()), node.path
            return
        from boxwright.build.contextcopies import NAME, context_copy

        self.content()
        assert self._content is not None
        with context_copy(
            store, self._selection(), self._content, self._settle, made_ns=made_ns, cancelled=cancelled
        ) as layer:
            yield (layer,), f"/{NAME}"

    def _settle(self, copied: Mapping[str, str]) -> Digest:
        """Note what the files were when they were copied (file → sha256)."""
        contents = ContextContents(self._cache, self._memory, self._selection())
        self._content, changes = contents.settle(copied)
        self.changes = changes or self.changes
        return self._content

    def fill(self, data: Path, made_ns: int, cancelled: Callable[[], bool]) -> None:
        """Copy what is shown into the empty directory `data`, with its owners."""
        from boxwright.build.placing import Staging
        from boxwright.build.writing import write
        from boxwright.layer.union import UnionView

        staging = Staging(UnionView([]), owned=True, made_ns=made_ns)
        (selection,) = self._selection()
        staging.copy(selection, Destination("/", True))
        write(staging.placements(), data, cancelled=cancelled)
        if selection.is_dir:
            state = selection.top.stat
            os.chown(data, state.st_uid, state.st_gid)
            os.chmod(data, stat.S_IMODE(state.st_mode))


def _described(mount: RunMount) -> dict[str, Any]:
    """Return what a mount changes about a result, beside the files that it shows."""
    fields: dict[str, Any] = {"type": mount.kind, "target": mount.target}
    if mount.kind in ("bind", "cache", "tmpfs"):
        fields["ro"] = mount.read_only
    if mount.kind == "tmpfs":
        fields["size"] = mount.size
    if mount.kind in ("cache", "secret", "ssh"):
        fields |= {"mode": mount.mode, "uid": mount.uid, "gid": mount.gid}
    if mount.kind in ("secret", "ssh"):
        fields |= {"id": mount.id, "env": mount.env}
        if mount.required:  # what came about without it is no answer then
            fields["required"] = True
    return fields


def _cache_key(action: MountAction, files: _Files | None) -> CacheKey:
    from boxwright.store.cache_mounts import CacheKey

    mount = action.mount
    fields = {"uid": mount.uid, "gid": mount.gid, "mode": mount.mode}
    given = {name: value for name, value in fields.items() if value is not None}
    return CacheKey(mount.id, origin=files.content() if files is not None else "", **given)


def _literally(path: str) -> str:
    """Return a pattern that matches a path alone."""
    if not has_wildcards(path):
        return path
    return "".join(f"[{char}]" if char in "*?[" else "\\\\" if char == "\\" else char for char in path)

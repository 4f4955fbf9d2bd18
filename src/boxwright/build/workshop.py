"""From an action of the plan to work on the files that are there: which layers are below, where sources come from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from boxwright.build.actions import CommandIO, Layers, RunOptions, RunWork, Work, WorkdirWork
from boxwright.build.context import Context
from boxwright.build.copies import CopyAction
from boxwright.build.planned import Action, MountAction, RunAction
from boxwright.build.runner import Runner
from boxwright.host.paths import Path
from boxwright.oci.digest import ChainID
from boxwright.oci.platform import Platform
from boxwright.store.contexts import ContextCache
from boxwright.store.store import Store

if TYPE_CHECKING:
    from threading import Event

    from boxwright.build.copying import CopyWork
    from boxwright.build.imports import Imports
    from boxwright.build.namedcontexts import NamedContexts
    from boxwright.build.runmounts import MountSource, RunMounts
    from boxwright.build.trees import Tree


class Workshop:
    """What all steps of one build have in common; thread-safe."""

    def __init__(
        self,
        store: Store,
        context: Context,
        named: NamedContexts | None,
        runner: Runner,
        options: RunOptions,
        stage_chain: Callable[[int], ChainID | None],
        scratch: Callable[[], Path],
        *,
        made_ns: int,
        cancelled: Event,
        need: Callable[[ChainID | None], None],
        contents: ContextCache | None = None,
        imports: Imports | None = None,
    ) -> None:
        """`named` are further contexts. `stage_chain` returns what a stage ends with, once it has; `scratch` a
        directory for downloads; `made_ns` is the time of directories that steps make up, since the epoch. `need` has
        layers in the store; `contents` is what is known of files, that of the store where it isn't given; `imports`
        may have what cache mounts hold."""
        self._store = store
        self._need = need
        self._contexts = contents if contents is not None else store.contexts
        self._imports = imports
        self._context = context
        self._named = named
        self._runner = runner
        self._options = options
        self._stage_chain = stage_chain
        self._scratch = scratch
        self._made_ns = made_ns
        self._cancelled = cancelled
        self._trees: dict[str | None, Tree] = {}
        self._tree_lock = threading.Lock()

    def work(self, action: Action, chain: ChainID | None, platform: Platform, io: CommandIO) -> Work:
        """Return the work of an action on top of `chain`; waits for the stage that it copies from."""
        layers = Layers(self._store, chain, self._need)
        if isinstance(action, RunAction):
            return RunWork(
                action,
                layers,
                platform,
                self._options,
                self._runner,
                io,
                self._cancelled,
                self._mounts(action) if action.mounts or action.script else None,
            )
        if isinstance(action, CopyAction):
            return self._copy(action, layers)
        return WorkdirWork(action, layers, self._made_ns)

    def _mounts(self, action: RunAction) -> RunMounts:
        from boxwright.build.runmounts import RunMounts

        return RunMounts(
            action,
            [self._mount_source(mount) for mount in action.mounts],
            self._store,
            self._options,
            made_ns=self._made_ns,
            cancelled=self._cancelled.is_set,
            contents=self._contexts,
            imports=self._imports,
        )

    def _mount_source(self, action: MountAction) -> MountSource | None:
        """Return the files that a mount shows; waits for the stage that they are in."""
        from boxwright.build.runmounts import MountSource
        from boxwright.build.trees import ViewTree

        if action.stage is not None:
            chain, name = self._stage_chain(action.stage), f"stage {action.stage}"
        elif action.image is not None:
            chain, name = action.image.chain, f"image {action.image.name}"
        elif action.context is not None or (action.mount.kind == "bind" and action.mount.from_ is None):
            context = self.context_of(action.context)
            return MountSource(self._tree(context, action.context), f"context {context.identity}", None)
        else:
            return None
        layers = Layers(self._store, chain, self._need)
        return MountSource(ViewTree(layers, name), f"chain {chain}", layers)

    def context_of(self, name: str | None) -> Context:
        """Return a named context, opened if it hasn't been, or the build's own, which has no name."""
        if name is None:
            return self._context
        assert self._named is not None
        return self._named.open(name)

    def _tree(self, context: Context, name: str | None) -> Tree:
        from boxwright.build.trees import ContextTree, NoTree

        with self._tree_lock:
            tree = self._trees.get(name)
            if tree is None:
                where = "the build context" if name is None else f"the context {name}"
                tree = NoTree() if context.root is None else ContextTree(context.root, context.rules, where)
                self._trees[name] = tree
            return tree

    def _copy(self, action: CopyAction, layers: Layers) -> CopyWork:
        from boxwright.build.copying import CopyWork

        if action.link:
            layers = Layers(self._store, None)
        if action.stage is not None:
            return self._copy_from(action, layers, self._stage_chain(action.stage), f"stage {action.stage}")
        if action.image is not None:
            return self._copy_from(action, layers, action.image.chain, f"image {action.image.name}")
        downloads = []
        if action.urls:
            from boxwright.build.downloads import Download

            scratch = self._scratch()
            downloads = [Download(url, self._contexts, scratch, action.checksum) for url in action.urls]
        repositories = []
        if action.repositories:
            from boxwright.build.repositories import remote_repository

            secrets, agents = self._options.secrets, self._options.agents
            repositories = [remote_repository(git, secrets, agents, self._scratch) for git in action.repositories]
        context = self.context_of(action.context)
        return CopyWork(
            action,
            layers,
            self._tree(context, action.context),
            self._contexts,
            origin=f"context {context.identity}",
            revision=None,
            downloads=downloads,
            repositories=repositories,
            made_ns=self._made_ns,
            cancelled=self._cancelled.is_set,
        )

    def _copy_from(self, action: CopyAction, layers: Layers, chain: ChainID | None, name: str) -> CopyWork:
        from boxwright.build.copying import CopyWork
        from boxwright.build.trees import ViewTree

        # Layers never change under their ChainID: what a path in them holds needs to be found out only once.
        revision = str(chain)
        return CopyWork(
            action,
            layers,
            ViewTree(Layers(self._store, chain, self._need), name),
            self._contexts,
            origin=f"chain {revision}",
            revision=revision,
            made_ns=self._made_ns,
            cancelled=self._cancelled.is_set,
        )

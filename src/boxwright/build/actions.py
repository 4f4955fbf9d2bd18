"""What RUN, COPY, ADD and WORKDIR do to the files of an image: each can say what its result depends on, and make it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from boxwright.build.failure import CommandFailed
from boxwright.build.keys import step_key
from boxwright.build.planned import RunAction, WorkdirAction
from boxwright.build.runner import Runner, StepCancelled, StepLimits, StepProcess
from boxwright.oci.digest import ChainID, DiffID
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from threading import Event

    from boxwright.build.filechanges import FileChange
    from boxwright.build.runmounts import RunMounts
    from boxwright.build.secrets import Secret
    from boxwright.layer.union import UnionView
    from boxwright.store.snapshots import Draft, Snapshot
    from boxwright.store.store import Store

Document = Mapping[str, Any]
"""What a step's result depends on (see `keys.step_key`)."""


_HOSTNAME = "buildkitsandbox"
"""BuildKit's, and always the same: programs write it into what they make."""


class Made(NamedTuple):
    """A finished layer in a draft."""

    diff_id: DiffID
    size: int
    """Bytes of its tar."""
    content: int
    """Bytes of the files in it."""


class Work(Protocol):
    """One step's work on one parent."""

    def document(self) -> Document | None:
        """Return what the result depends on; None when that is known only once the work is done."""

    def make(self, draft: Draft) -> Made | None:
        """Do the work into an empty draft; None when there is nothing to do, and so no layer."""

    def made_of(self) -> Document:
        """Return what the result did depend on, after `make`."""

    def changes(self) -> list[FileChange]:
        """Return which files of the context are not as they were the last time, as far as that is known."""

    @property
    def lock(self) -> str:
        """A name that this work has in common with all that would give the same: only one at a time does it."""


class Layers:
    """The layers below a step: their directories, and a view of them that is made when it is needed."""

    __slots__ = ("_need", "_snapshots", "_store", "_view", "chain")

    def __init__(
        self, store: Store, chain: ChainID | None, need: Callable[[ChainID | None], None] = lambda chain: None
    ) -> None:
        """`need` is called before the directories are used, and has them in the store on return."""
        self._store = store
        self._need = need
        self._snapshots: list[Snapshot] | None = None
        self._view: UnionView | None = None
        self.chain = chain

    def paths(self) -> list[str]:
        """Return the directories, lowest first. Raises SnapshotNotFound."""
        if self._snapshots is None:
            self._need(self.chain)
            self._snapshots = self._store.snapshots.stack(self.chain)
        return [str(self._store.snapshots.path(snapshot)) for snapshot in self._snapshots]

    def directory(self, diff_id: DiffID) -> str | None:
        """Return the directory of any layer in the store, below or not; None where it isn't, or is gone."""
        found = self._store.snapshots.with_diff_id(diff_id)
        return str(self._store.snapshots.path(found[0])) if found else None

    def view(self) -> UnionView:
        from boxwright.layer.union import UnionView

        if self._view is None:
            self._view = UnionView(self.paths())
        return self._view


class RunOptions(NamedTuple):
    """What the command line says about all RUN steps."""

    network: str = "default"
    hostname: str = ""
    """Empty for the one that all builds have."""
    extra_hosts: tuple[str, ...] = ()
    shm_size: int | None = None
    """Bytes of /dev/shm; None leaves it to the runtime."""
    ulimits: tuple[str, ...] = ()
    limits: StepLimits = StepLimits()
    secrets: Mapping[str, Secret] = {}
    """By their IDs."""
    agents: Mapping[str, str] = {}
    """SSH agents: ID → the path of a socket."""


class CommandIO(NamedTuple):
    """How a RUN's command is connected."""

    id: str
    """64 hex digits, the name of its container."""
    started: Callable[[], None]
    """Called when the command is about to run."""
    output: Callable[[str, str], None]
    """Takes (line, stream)."""
    running: Callable[[], None] = lambda: None
    """Called when the command has been started, unless others are about to be."""


class RunWork:
    """RUN."""

    __slots__ = ("_action", "_cancelled", "_io", "_layers", "_mounts", "_options", "_platform", "_runner", "process")

    def __init__(
        self,
        action: RunAction,
        layers: Layers,
        platform: Platform,
        options: RunOptions,
        runner: Runner,
        io: CommandIO,
        cancelled: Event,
        mounts: RunMounts | None = None,
    ) -> None:
        """`mounts` are those of the action, if it has any, and its script."""
        self._action = action
        self._mounts = mounts
        self._layers = layers
        self._platform = platform
        self._options = options
        self._runner = runner
        self._io = io
        self._cancelled = cancelled
        self.process: StepProcess | None = None
        """What was run, once it was."""

    def document(self) -> Document:
        # Not in here: proxies, extra hosts, limits. They change how a command gets at things, not what it does.
        document = {
            "op": "run",
            "parent": self._layers.chain,
            "argv": list(self._action.argv),
            "env": dict(self._action.env),
            "cwd": self._action.cwd,
            "user": self._action.user,
            "network": self._network,
            "platform": str(self._platform),
        }
        if self._options.hostname:
            document["hostname"] = self._options.hostname
        if self._action.insecure:
            document["security"] = "insecure"
        if self._mounts is not None:
            document |= self._mounts.document()
        return document

    made_of = document

    def changes(self) -> list[FileChange]:
        return self._mounts.changes() if self._mounts is not None else []

    @property
    def _network(self) -> str:
        return self._action.network or self._options.network

    @property
    def lock(self) -> str:
        return step_key(self.document()).key

    def make(self, draft: Draft) -> Made:
        _like_root_below(draft, self._layers.view())
        if self._mounts is None:
            self._run(self._process(draft))
        else:
            with self._mounts.ready(draft.path / "mounts") as ready:
                process = self._process(draft)
                env = {**process.env, **ready.env}
                self._run(process._replace(mounts=ready.mounts, env=env, secrets=ready.secrets))
        from boxwright.layer.diff import measure_layer

        measured = measure_layer(draft.fs)
        return Made(measured.diff_id, measured.size, measured.content)

    def _process(self, draft: Draft) -> StepProcess:
        from boxwright.host.paths import Path

        return StepProcess(
            self._io.id,
            tuple(Path(path) for path in self._layers.paths()),
            draft.fs,
            draft.work,
            self._action.argv,
            {**self._action.proxies, **self._action.env},
            self._action.cwd,
            self._action.user,
            self._network,
            self._options.hostname or _HOSTNAME,
            self._options.extra_hosts,
            self._options.shm_size,
            self._options.ulimits,
            lambda line: self._io.output(line, "stdout"),
            lambda line: self._io.output(line, "stderr"),
            self._cancelled,
            privileged=self._action.insecure,
            limits=self._options.limits,
            platform=self._platform,
            running=self._io.running,
        )

    def _run(self, process: StepProcess) -> None:
        """Raises CommandFailed, StepCancelled, and what the runner raises."""
        if self._cancelled.is_set():
            raise StepCancelled
        self._io.started()
        self.process = process
        exit_code = self._runner.run(process)
        if exit_code:
            raise CommandFailed(exit_code, process)


class WorkdirWork:
    """WORKDIR: the directory is made where it is missing, with its parents, all of them the current user's."""

    __slots__ = ("_action", "_layers", "_made_ns")

    def __init__(self, action: WorkdirAction, layers: Layers, made_ns: int) -> None:
        self._action = action
        self._layers = layers
        self._made_ns = made_ns

    def document(self) -> Document:
        return {
            "op": "workdir",
            "parent": self._layers.chain,
            "path": self._action.path,
            "user": self._action.user,
        }

    made_of = document

    def changes(self) -> list[FileChange]:
        return []

    @property
    def lock(self) -> str:
        return step_key(self.document()).key

    def make(self, draft: Draft) -> Made | None:
        from boxwright.build import owners
        from boxwright.build.placing import Staging
        from boxwright.build.writing import write

        view = self._layers.view()
        node = view.lookup(self._action.path)
        if node is not None and node.is_dir:
            return None
        staging = Staging(view, made_ns=self._made_ns)
        staging.directory(self._action.path, owners.workdir(self._action.user, view))
        written = write(staging.placements(), draft.fs)
        return Made(written.diff_id, written.size, 0)


def _like_root_below(draft: Draft, view: UnionView) -> None:
    """Give the new layer's root what the root has: in the merged tree, the topmost layer's own is the one seen."""
    root = view.lookup("/")
    if root is not None and root.location:
        state = root.stat
        os.chown(draft.fs, state.st_uid, state.st_gid)
        os.chmod(draft.fs, stat.S_IMODE(state.st_mode))
        os.utime(draft.fs, ns=(state.st_mtime_ns, state.st_mtime_ns))

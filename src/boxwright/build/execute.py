"""A plan → the image that it describes; stages that don't need each other are built side by side.

Each stage has a thread. It waits for the stages that it starts from or copies from at the step that needs them, not
before. Whatever is asked for twice at once, by two stages or by two builds, is done once: the other one waits.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from boxwright.build.caching import Cache
from boxwright.build.failure import Keeper, LayersLost
from boxwright.build.planned import Plan, PlannedStage, RunAction
from boxwright.build.progress import Event, Sink, StepDone
from boxwright.build.runner import Runner, StepCancelled
from boxwright.build.state import ImageState
from boxwright.build.steps import StageSteps, Surroundings
from boxwright.build.together import Together
from boxwright.build.workshop import Workshop
from boxwright.errors import CancelledError
from boxwright.host.paths import Path
from boxwright.store.contexts import ContextCache
from boxwright.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from boxwright.build.exports import Exported
    from boxwright.build.imports import Imports
    from boxwright.build.request import BuildRequest


class Execution:
    """One run of a plan."""

    def __init__(
        self,
        request: BuildRequest,
        plan: Plan,
        store: Store,
        runner: Runner,
        *,
        sink: Sink,
        keep: Keeper,
        together: Together,
        imports: Imports | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """`imports` are caches from elsewhere, already loaded. `meanwhile` is called while a command runs."""
        self._plan = plan
        self._store = store
        self._sink = sink
        self._cancelled = cancelled = together.cancelled
        self._telling = threading.Lock()
        self._scratch: Path | None = None
        self._scratch_lock = threading.Lock()
        self._ends = {stage.number: _End() for stage in plan.stages}
        written_ns = request.context.written_ns
        written = None if written_ns is None else written_ns // 1_000_000_000
        self.cache = Cache(store, read=not request.no_cache, imports=imports, together=together, written=written)
        self._contents = _contents(request, store, imports)
        self.cached_steps = 0
        workshop = Workshop(
            store,
            request.context,
            request.named,
            runner,
            request.run,
            lambda number: self._ends[number].wait().chain,
            self._make_scratch,
            made_ns=_made_ns(request),
            cancelled=cancelled,
            need=self.cache.need,
            contents=self._contents,
            imports=imports,
        )
        around = Surroundings(
            request,
            store,
            self.cache,
            workshop,
            self._tell,
            keep,
            together.commands,
            together.copies,
            {stage.number: stage for stage in plan.stages},
            lambda number: self._ends[number].wait(),
            plan.total,
            meanwhile,
        )
        self._steps = {stage.number: StageSteps(stage, around) for stage in plan.stages}

    def run(self) -> ImageState:
        """Build all stages; return what the target is. Raises BuildFailed, CancelledError, and what a step raises."""
        stages = self._plan.stages
        if len(stages) == 1:
            self._run_stage(stages[0])
        else:
            threads = [
                threading.Thread(target=self._run_stage, args=(stage,), name=f"boxwright-stage-{stage.number}")
                for stage in stages
            ]
            try:
                for thread in threads:
                    thread.start()
                self._wait()
            except BaseException:  # Ctrl-C comes to the main thread alone
                self._cancelled.set()
                for stage, thread in zip(stages, threads, strict=True):
                    if thread.ident is None:  # not begun; should it still begin, it finds that all is over
                        self._ends[stage.number].fail(StepCancelled())
                self._wait()
                raise
        errors = [end.error for end in self._ends.values() if end.error is not None]
        if errors:
            # What stopped the others goes before their having been stopped; what failed for good, before all.
            raise min(errors, key=lambda error: (isinstance(error, CancelledError), isinstance(error, LayersLost)))
        return self._ends[stages[-1].number].wait()

    def _wait(self) -> None:
        """Wait until all stages have ended, well or not."""
        # Not by joining their threads: a join that Ctrl-C interrupted takes its thread for ended ever after
        # (CPython before 3.13), and a second one would return while commands still run.
        for end in self._ends.values():
            end.done.wait()

    def downloads(self) -> dict[str, str]:
        """Return what ADD fetched in this build, or found unchanged: URL → digest."""
        return {url: digest for steps in self._steps.values() for url, digest in steps.downloads.items()}

    def finish(self) -> None:
        """Note in the cache what was used, and where; give up and remove what was only for this build.

        Call it in any case.
        """
        if self._scratch is not None:
            from boxwright.host.trees import remove_tree

            remove_tree(self._scratch)
        self.cache.finish()
        self._store.steps.place({slot: key for steps in self._steps.values() for slot, key in steps.slots.items()})

    def _run_stage(self, stage: PlannedStage) -> None:
        end, steps = self._ends[stage.number], self._steps[stage.number]
        try:
            state = steps.start(lambda: self._begin(stage))
            for index, step in enumerate(stage.steps):
                if self._cancelled.is_set():
                    raise StepCancelled
                state = steps.take(index, step, state)
            end.set(state)
        except LayersLost as error:
            # The build is about to begin anew: what the others are at is not to be done twice.
            end.fail(error)
        except BaseException as error:
            # One stage's end with an error is the end of all.
            self._cancelled.set()
            end.fail(error)

    def _begin(self, stage: PlannedStage) -> ImageState:
        if stage.stage is None:
            return ImageState.start(stage)
        return self._ends[stage.stage].wait().branch(stage)

    def exported(self, target: ImageState) -> Exported:
        """Return what a build that went well has to give to others; `target` is its end."""
        from boxwright.build.contentnotes import SharedContents
        from boxwright.build.exports import Exported

        own = set(target.diff_ids)
        mounts = {
            mount.mount.id
            for stage in self._plan.stages
            for step in stage.steps
            if isinstance(step.action, RunAction)
            for mount in step.action.mounts
            if mount.mount.kind == "cache"
        }
        notes = self._contents.notes() if isinstance(self._contents, SharedContents) else ()
        answers = tuple(tuple(steps.answers) for steps in self._steps.values())
        return Exported(answers, notes, frozenset(own), tuple(sorted(mounts)))

    # -- what stages share

    def _make_scratch(self) -> Path:
        import tempfile

        with self._scratch_lock:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="boxwright-build-"))
            return self._scratch

    def _tell(self, event: Event) -> None:
        with self._telling:
            if isinstance(event, StepDone) and event.cached:
                self.cached_steps += 1
            self._sink(event)


def _made_ns(request: BuildRequest) -> int:
    """Return the time of what the Dockerfile alone makes up, directories and here-documents: that of the Dockerfile.

    So the same inputs give the same layers whenever they are built, and what is written anew is newer than what was
    made of it.
    """
    if request.epoch is not None:
        return request.epoch * 1_000_000_000
    written_ns = request.context.written_ns
    return time.time_ns() if written_ns is None else written_ns


def _contents(request: BuildRequest, store: Store, imports: Imports | None) -> ContextCache:
    """Return what is known of files: with what caches elsewhere know, and noted where it is to be given on."""
    if imports is None and not request.exports:
        return store.contexts
    from boxwright.build.contentnotes import SharedContents

    foreign = imports.content if imports is not None and not request.no_cache else None
    return SharedContents(store.database, foreign, eager=foreign is not None)


class _End:
    """How a stage ended, for whoever waits for it."""

    __slots__ = ("_state", "done", "error")

    def __init__(self) -> None:
        self.done = threading.Event()
        self._state: ImageState | None = None
        self.error: BaseException | None = None

    def set(self, state: ImageState) -> None:
        self._state = state
        self.done.set()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done.set()

    def wait(self) -> ImageState:
        """Wait for the end and return the state. Raises StepCancelled when the stage failed."""
        self.done.wait()
        if self._state is None:
            raise StepCancelled
        return self._state

"""A plan → the image that it describes, step by step; stages that don't need each other side by side.

Each stage has a thread. It waits for the stages that it starts from or copies from at the step that needs them, not
before. Whatever is asked for twice at once, by two stages or by two builds, is done once: the other one waits.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from boxwright.build import keys
from boxwright.build.caching import Answer, Cache
from boxwright.build.failure import BuildFailed, CommandFailed, FailedStep, Keeper, KeptContainer, locate
from boxwright.build.plan import Plan, PlannedStage, RunAction, Step
from boxwright.build.progress import Event, Sink, StepDone, StepOutput, StepRunning, StepStarted
from boxwright.build.runner import Runner, StepCancelled
from boxwright.build.state import ImageState
from boxwright.build.workshop import CommandIO, Workshop
from boxwright.errors import BoxwrightError, CancelledError
from boxwright.host.clock import rfc3339
from boxwright.host.trees import remove_tree
from boxwright.oci.digest import Digest
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.actions import Work
    from boxwright.build.request import BuildRequest
    from boxwright.store.snapshots import Draft

_MOST_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
"""Commands and copies under way at the same time in one build."""


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
        cancelled: threading.Event,
    ) -> None:
        self._request = request
        self._plan = plan
        self._store = store
        self._sink = sink
        self._keep = keep
        self._cancelled = cancelled
        self._scratch: Path | None = None
        self._scratch_lock = threading.Lock()
        self._telling = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._ends = {stage.number: _End() for stage in plan.stages}
        self._slots: dict[str, str] = {}
        self.cache = Cache(store, read=not request.no_cache)
        self.cached_steps = 0
        self._workshop = Workshop(
            store,
            request.context,
            runner,
            request.run,
            lambda number: self._ends[number].wait().chain,
            self._make_scratch,
            made_ns=time.time_ns() if request.epoch is None else request.epoch * 1_000_000_000,
            cancelled=cancelled,
        )

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
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    thread.join()
            except BaseException:  # Ctrl-C comes to the main thread alone
                self._cancelled.set()
                for thread in threads:
                    thread.join()
                raise
        errors = [end.error for end in self._ends.values() if end.error is not None]
        if errors:
            # What stopped the others goes before their having been stopped.
            raise min(errors, key=lambda error: isinstance(error, CancelledError))
        return self._ends[stages[-1].number].wait()

    def finish(self) -> None:
        """Note in the cache what was used, and where; give up and remove what was only for this build.

        Call it in any case.
        """
        if self._scratch is not None:
            remove_tree(self._scratch)
        self.cache.finish()
        self._store.steps.place(self._slots)

    # -- stages

    def _run_stage(self, stage: PlannedStage) -> None:
        end = self._ends[stage.number]
        try:
            state = self._start(stage)
            for index, step in enumerate(stage.steps):
                if self._cancelled.is_set():
                    raise StepCancelled
                state = self._step(stage, index, step, state)
            end.set(state)
        except BaseException as error:
            # One stage's end with an error is the end of all.
            self._cancelled.set()
            end.fail(error)

    def _start(self, stage: PlannedStage) -> ImageState:
        self._tell(StepStarted(stage.first, self._plan.total, stage.title, stage.from_text))
        started = time.monotonic()
        state = ImageState.start(stage) if stage.stage is None else self._ends[stage.stage].wait().branch(stage)
        done = StepDone(
            stage.first,
            self._plan.total,
            stage.title,
            stage.from_text,
            state.cached,
            time.monotonic() - started,
            None,
            None,
            state.image,
        )
        self._tell(done)
        return state

    # -- steps

    def _step(self, stage: PlannedStage, index: int, step: Step, state: ImageState) -> ImageState:
        started = time.monotonic()
        self._tell(StepStarted(step.number, self._plan.total, stage.title, step.text))
        explanation = ""
        if step.action is None:
            answer = self.cache.metadata(state.lineage, step.history)
        else:
            try:
                answer, explanation = self._answer(stage, index, step, state, started)
            except BoxwrightError as error:
                locate(error, step.span)
                raise
        after = self._after(step, state, answer)
        if self._request.intermediate:
            record = self._store.images.add(after.image_config(), parent=state.image, intermediate=True)
            after = after._replace(image=record.id)
        self._tell(
            StepDone(
                step.number,
                self._plan.total,
                stage.title,
                step.text,
                answer.cached and (step.action is not None or state.cached),
                time.monotonic() - started,
                answer.added,
                None,
                after.image,
                explanation,
            )
        )
        return after

    def _answer(
        self, stage: PlannedStage, index: int, step: Step, state: ImageState, started: float
    ) -> tuple[Answer, str]:
        """Return what a step that changes files gave, and why it wasn't cached, if that is to be told."""
        assert step.action is not None
        io = CommandIO(os.urandom(32).hex(), lambda line, stream: self._tell(StepOutput(step.number, line, stream)))
        work = self._workshop.work(step.action, state.chain, state.platform, io)
        answer = self.cache.answer(work, state.chain)
        place = keys.slot(self._request.context.identity, self._request.context.dockerfile.name, stage.title, index)
        explanation = ""
        if answer is None:
            if isinstance(step.action, RunAction):
                self._tell(StepRunning(step.number, io.id))
            before = self._store.steps.previous(place) if self._request.explain else None
            answer = self._do(stage, step, state, work, started)
            if self._request.explain and not answer.cached:
                from boxwright.build.explain import rebuilt

                document = before.document if before is not None else None
                root = self._request.context.root
                explanation = rebuilt(document, answer.document, work.changes(), root, step.number - 1)
        elif self._request.explain and not state.cached:
            explanation = "what it is built from has the same bytes as before"
        self._slots[place] = answer.key
        return answer, explanation

    def _do(self, stage: PlannedStage, step: Step, state: ImageState, work: Work, started: float) -> Answer:
        kept: list[tuple[KeptContainer | None, Digest | None]] = []

        def failed(failure: CommandFailed, draft: Draft) -> None:
            image = self._last_good_image(state)
            container = None
            if not self._request.force_rm:
                step_ = FailedStep(failure.process, failure.exit_code, draft, state.chain, image, state.image_config())
                container = self._keep(step_)
            kept.append((container, image))

        with self._places:
            try:
                return self.cache.do(work, state.chain, failed)
            except CommandFailed as failure:
                seconds = time.monotonic() - started
                self._tell(
                    StepDone(
                        step.number,
                        self._plan.total,
                        stage.title,
                        step.text,
                        False,
                        seconds,
                        None,
                        failure.exit_code,
                        None,
                    )
                )
                container, image = kept[0]
                raise BuildFailed(step, failure.exit_code, container, image) from None

    def _after(self, step: Step, state: ImageState, answer: Answer) -> ImageState:
        created = self._request.epoch if self._request.epoch is not None else answer.created
        layer = None
        if answer.diff_id is not None:
            assert answer.chain is not None
            layer = (answer.chain, answer.diff_id)
        return state.after(step, answer.key, rfc3339(created), cached=answer.cached, layer=layer)

    def _last_good_image(self, state: ImageState) -> Digest | None:
        """Return the image of what was built before a step failed, made so that it can be run."""
        if state.image is not None or state.chain is None:
            return state.image
        return self._store.images.add(state.image_config(), intermediate=True).id

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


class _End:
    """How a stage ended, for whoever waits for it."""

    __slots__ = ("_done", "_state", "error")

    def __init__(self) -> None:
        self._done = threading.Event()
        self._state: ImageState | None = None
        self.error: BaseException | None = None

    def set(self, state: ImageState) -> None:
        self._state = state
        self._done.set()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._done.set()

    def wait(self) -> ImageState:
        """Wait for the end and return the state. Raises StepCancelled when the stage failed."""
        self._done.wait()
        if self._state is None:
            raise StepCancelled
        return self._state

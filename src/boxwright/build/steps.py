"""The steps of one stage: through the cache or done, told as they go, explained when they fail."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from boxwright.build.actions import CommandIO
from boxwright.build.caching import Answer, Cache
from boxwright.build.copies import CopyAction
from boxwright.build.failure import BuildFailed, CommandFailed, EndedStep, Keeper, StepImpossible, locate
from boxwright.build.places import Earlier, StagePlaces
from boxwright.build.planned import Action, PlannedStage, RunAction, Step
from boxwright.build.progress import FIRST_TIME, Sink, StepDone, StepKept, StepOutput, StepRunning, StepStarted
from boxwright.build.provenance import fetched
from boxwright.build.state import ImageState
from boxwright.build.workshop import Workshop
from boxwright.errors import BoxwrightError
from boxwright.host.clock import rfc3339
from boxwright.oci.digest import Digest
from boxwright.store.images import ImageRecord
from boxwright.store.store import Store
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from threading import Semaphore

    from boxwright.build.actions import Work
    from boxwright.build.filechanges import FileChange
    from boxwright.build.request import BuildRequest
    from boxwright.store.snapshots import Draft

_TAIL_LINES = 50


class Surroundings(NamedTuple):
    """What the stages of one build share; all of it is thread-safe."""

    request: BuildRequest
    store: Store
    cache: Cache
    workshop: Workshop
    tell: Sink
    keep: Keeper
    commands: Semaphore
    """Bounds how many run at once."""
    copies: Semaphore
    stages: Mapping[int, PlannedStage]
    stage_end: Callable[[int], ImageState]
    """Returns what a stage ended with, once it has."""
    total: int
    """How many steps the build has."""
    meanwhile: Callable[[], None]
    """Called while commands run, for what can be done in the background then."""


class StageSteps:
    """Takes the steps of one stage. `slots` is filled with the places of each step and the key that it has now,
    `downloads` with the digests of what came from URLs, `answers` with what each step gave."""

    __slots__ = ("_anew", "_around", "_places", "_stage", "answers", "downloads", "slots")

    def __init__(self, stage: PlannedStage, around: Surroundings) -> None:
        self._stage = stage
        self._anew = stage.title in around.request.no_cache_stages
        self._around = around
        self._places = StagePlaces(around.request.context, stage)
        self.slots: dict[str, str] = {}
        self.answers: list[Answer] = []
        self.downloads: dict[str, str] = {}

    def start(self, begin: Callable[[], ImageState]) -> ImageState:
        """Take the FROM; `begin` returns what the stage starts from, and may wait for it."""
        stage, around = self._stage, self._around
        around.tell(StepStarted(stage.first, around.total, stage.title, stage.from_text, self._ends(stage.stage)))
        started = time.monotonic()
        state = begin()
        seconds = time.monotonic() - started
        image = state.image
        around.tell(
            StepDone(stage.first, around.total, stage.title, stage.from_text, state.cached, seconds, None, None, image)
        )
        return state

    def take(self, index: int, step: Step, state: ImageState) -> ImageState:
        """Take the step at `index`; return the state after it. Raises BuildFailed, and what its work raises."""
        around = self._around
        inputs = (step.number - 1, *(end for stage in _stages(step.action) for end in self._ends(stage)))
        around.tell(StepStarted(step.number, around.total, self._stage.title, step.text, inputs))
        started = time.monotonic()
        explanation = ""
        if step.action is None:
            answer = around.cache.metadata(state.lineage, step.history, anew=self._anew)
            cached = answer.cached and state.cached
        else:
            try:
                answer, explanation = self._answer(index, step, state)
            except BuildFailed as failure:
                self._done(step, started, exit_code=failure.exit_code)
                raise
            except BoxwrightError as error:
                locate(error, step.span)
                raise
            except OSError as error:
                if error.filename is None:  # not about a file: whoever is told of the build is gone
                    raise
                raise StepImpossible(error, step.span) from error
            cached = answer.cached
        self.answers.append(answer)
        after = self._after(step, state, answer)
        self._done(step, started, cached=cached, added=answer.added, image=after.image, explanation=explanation)
        return after

    def _ends(self, number: int | None) -> tuple[int, ...]:
        """Return the number of a stage's last step."""
        if number is None:
            return ()
        stage = self._around.stages[number]
        return (stage.first + len(stage.steps),)

    def _done(
        self,
        step: Step,
        started: float,
        *,
        cached: bool = False,
        added: int | None = None,
        exit_code: int | None = None,
        image: Digest | None = None,
        explanation: str = "",
    ) -> None:
        seconds = time.monotonic() - started
        title, total = self._stage.title, self._around.total
        self._around.tell(
            StepDone(step.number, total, title, step.text, cached, seconds, added, exit_code, image, explanation)
        )

    def _answer(self, index: int, step: Step, state: ImageState) -> tuple[Answer, str]:
        """Return what a step that changes files gave, and why it wasn't cached, if that is to be told."""
        assert step.action is not None
        around, request = self._around, self._around.request
        id = os.urandom(32).hex()
        tail: deque[str] = deque(maxlen=_TAIL_LINES)

        def output(line: str, stream: str) -> None:
            tail.append(line)
            around.tell(StepOutput(step.number, line, stream))

        io = CommandIO(id, lambda: around.tell(StepRunning(step.number, id)), output, around.meanwhile)
        work = around.workshop.work(step.action, state.chain, state.platform, io)
        answer = around.cache.answer(work, state.chain) if not self._anew else None
        if answer is None:
            before = self._places.previous(index, around.store.steps) if request.explain else None
            with around.commands if isinstance(step.action, RunAction) else around.copies:
                answer = around.cache.do(
                    work,
                    state.chain,
                    lambda failure, draft: self._failed(step, state, failure, draft, tail),
                    lambda draft: self._keep(step, state, work, draft),
                    anew=self._anew,
                )
            explanation = self._why(step, state, work, answer, before) if request.explain else ""
        else:
            explanation = self._why_not(step, state) if request.explain else ""
        if isinstance(step.action, CopyAction):
            self.downloads.update(fetched(step.action, answer.document))
        place = self._places.steps[index]
        self.slots.update(dict.fromkeys((place.line, place.words, self._places.end), answer.key))
        return answer, explanation

    def _why(self, step: Step, state: ImageState, work: Work, answer: Answer, before: Earlier | None) -> str:
        """Say why a step was done anew."""
        from boxwright.build import explain

        if answer.cached:  # another build has just done it
            return ""
        request, store = self._around.request, self._around.store
        if request.no_cache or self._anew:
            return explain.NOT_ASKED
        if before is None:
            return FIRST_TIME
        explanation = explain.Explanation(step, state, store, self._stage.image)
        source = step.action.context if isinstance(step.action, CopyAction) else None
        changes, root = work.changes(), self._around.workshop.context_of(source).root
        if isinstance(step.action, CopyAction) and step.action.stage is not None:
            changes, root = self._changes_of(step.action, step.action.stage), None
        return explanation.rebuilt(before, answer.document, changes, root)

    def _why_not(self, step: Step, state: ImageState) -> str:
        """Say which step, done anew, made no difference to this one, which wasn't."""
        others = [self._around.stage_end(stage).anew for stage in _stages(step.action)]
        anew = state.anew or max(others, default=0)
        return f"step {anew} gave the same bytes as before" if anew else ""

    def _changes_of(self, action: CopyAction, stage: int) -> list[FileChange]:
        """Return how the files that are copied from a stage differ from those that it had the last time."""
        from boxwright.build.stagefiles import changes_between

        store = self._around.store
        end = store.steps.previous(StagePlaces(self._around.request.context, self._around.stages[stage]).end)
        before = end.chain if end is not None else None
        chain = self._around.stage_end(stage).chain
        self._around.cache.need(chain)
        return changes_between(store, before, chain, action)

    def _failed(
        self, step: Step, state: ImageState, failure: CommandFailed, draft: Draft, output: Iterable[str]
    ) -> BuildFailed:
        """Keep what a failed command left, as far as it is wanted, and return the error that tells of it."""
        from boxwright.build.hints import copied_later

        image = self._last_good_image(state)
        container = None
        if not self._around.request.force_rm:
            config = state.image_config()
            container = self._around.keep(
                EndedStep(failure.process, failure.exit_code, draft, state.chain, image, config)
            )
        hint = copied_later(output, self._around.request.context.root, self._stage.steps, step)
        return BuildFailed(step, failure.process.argv, failure.exit_code, container, image, hint)

    def _keep(self, step: Step, state: ImageState, work: Work, draft: Draft) -> None:
        """Keep the container of a command that went well, if that is wanted."""
        from boxwright.build.actions import RunWork

        if not self._around.request.keep_steps or not isinstance(work, RunWork) or work.process is None:
            return
        image = self._last_good_image(state)
        kept = self._around.keep(EndedStep(work.process, 0, draft, state.chain, image, state.image_config()))
        if kept is not None:
            self._around.tell(StepKept(step.number, kept.id, kept.name))

    def _last_good_image(self, state: ImageState) -> Digest | None:
        """Return the image of what was built before a step failed, made so that it can be run."""
        if state.image is not None or state.chain is None:
            return state.image
        return self._add(state, None).id

    def _after(self, step: Step, state: ImageState, answer: Answer) -> ImageState:
        request = self._around.request
        layer = None
        if answer.diff_id is not None:
            assert answer.chain is not None
            layer = (answer.chain, answer.diff_id)
        created = self._created(state, answer)
        after = state.after(step, answer.key, created, cached=answer.cached, layer=layer)
        if request.intermediate:
            self._around.cache.need(after.chain)
            after = after._replace(image=self._add(after, state.image).id)
        return after

    def _add(self, state: ImageState, parent: Digest | None) -> ImageRecord:
        """Make an image of the state between two steps."""
        images, created = self._around.store.images, self._around.request.listed_time()
        return images.add(state.image_config(), parent=parent, intermediate=True, created=created)

    def _created(self, state: ImageState, answer: Answer) -> str:
        """Return the time of a step as the image tells it, RFC 3339.

        It is that of the Dockerfile when the step was first taken, or of the base where that is newer: the same files
        give the same image, whenever and wherever it is built. When that was, the store knows.
        """
        request = self._around.request
        return max(state.created, rfc3339(answer.created)) if request.epoch is None else rfc3339(request.epoch)


def _stages(action: Action | None) -> list[int]:
    """Return the stages that an action takes files from."""
    if isinstance(action, RunAction):
        return [mount.stage for mount in action.mounts if mount.stage is not None]
    return [action.stage] if isinstance(action, CopyAction) and action.stage is not None else []

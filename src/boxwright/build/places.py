"""Where a step stands, as names that stay the same while what is built there changes.

What stood at a place the last time is what a step is compared with when it is explained. A step has two places: by
its line, counted in its stage, and by its words. The words find a step again that only moved; the line finds one
whose words were changed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from boxwright.build import keys
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.context import Context
    from boxwright.build.planned import PlannedStage
    from boxwright.store.steps import StepCache


class Place(NamedTuple):
    line: str
    """A slot (see `keys.slot`), as the other one."""
    words: str


class Earlier(NamedTuple):
    """What a step was the last time."""

    document: str
    reworded: bool
    """The instruction had other words then."""


class StagePlaces:
    """The places of one stage's steps, from one build of a Dockerfile to the next."""

    __slots__ = ("_stage", "end", "steps")

    def __init__(self, context: Context, stage: PlannedStage) -> None:
        where = (context.identity, context.dockerfile.name, stage.title)
        self._stage = stage
        self.end = keys.slot(*where, "end")
        """Where the last step that changed files stands."""
        seen: Counter[str] = Counter()
        self.steps = []
        for index, step in enumerate(stage.steps):
            self.steps.append(Place(keys.slot(*where, index), keys.slot(*where, step.text, seen[step.text])))
            seen[step.text] += 1

    def previous(self, index: int, steps: StepCache) -> Earlier | None:
        """Return what the step at `index` was the last time; None for one that is new."""
        place = self.steps[index]
        found = steps.previous(place.words)
        if found is not None:
            return Earlier(found.document, reworded=False)
        found = steps.previous(place.line)
        if found is None:
            return None
        # What stood on this line may only have moved, to make room for a new one.
        for other, moved in enumerate(self.steps):
            if other != index and self._stage.steps[other].action is not None:
                kept = steps.previous(moved.words)
                if kept is not None and kept.key == found.key:
                    return None
        return Earlier(found.document, reworded=True)

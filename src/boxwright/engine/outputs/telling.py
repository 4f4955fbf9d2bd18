"""Builds for several platforms, told through one sink."""

from __future__ import annotations

from boxwright.build.progress import Event, ImageBuilt, Sink, StepDone, StepKept, StepOutput, StepRunning, StepStarted
from boxwright.oci.platform import Platform


def for_platform(sink: Sink, platform: Platform, before: int) -> Sink:
    """Return a sink that names the platform beside the stage of each step, whose numbers go on after `before`."""

    def tell(event: Event) -> None:
        if isinstance(event, (StepStarted, StepDone)):
            stage = "" if event.stage.isdigit() else f" {event.stage}"
            event = event._replace(number=event.number + before, total=event.total + before, stage=f"{platform}{stage}")
            if isinstance(event, StepStarted):
                event = event._replace(inputs=tuple(number + before for number in event.inputs))
        elif isinstance(event, (StepOutput, StepRunning, StepKept)):
            event = event._replace(number=event.number + before)
        elif isinstance(event, ImageBuilt):
            event = event._replace(names=(str(platform),))
        sink(event)

    return tell

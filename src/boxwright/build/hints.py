"""What can be said about a failed step beyond that it failed; only what is certain is said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from boxwright.build.copies import CopyAction
from boxwright.build.planned import Step
from boxwright.build.trees import clean

_MISSING = (
    "no such file",
    "not found",
    "enoent",
    "could not read",
    "cannot open",
    "can't open",
    "cannot find",
    "missing",
)
_AROUND = "\"'`()[]{}<>,;:="


def copied_later(output: Iterable[str], root: str | None, steps: Sequence[Step], failed: Step) -> str | None:
    """Say so if a step's output complains about a file that the context has and that is copied only further down.

    `output` are the last lines of the step, `root` is the context, `steps` are those of its stage.
    """
    if root is None:
        return None
    earlier = [step for step in steps if step.number < failed.number]
    later = [step for step in steps if step.number > failed.number]
    for path in _complained_about(output, root):
        if any(_copies(step, path) for step in earlier):
            continue
        step = next((step for step in later if _copies(step, path)), None)
        if step is not None:
            return f"{path} is in the context, but is copied only at line {step.span.first}"
    return None


def _complained_about(output: Iterable[str], root: str) -> Iterable[str]:
    """Yield files of the context whose names stand in lines that say that something isn't there."""
    for line in output:
        if not any(phrase in line.lower() for phrase in _MISSING):
            continue
        for word in line.split():
            names = [name for name in word.strip(_AROUND).split("/") if name not in ("", ".", "..")]
            # /app/src/x.c in the container may be src/x.c in the context.
            for start in range(len(names)):
                path = "/".join(names[start:])
                if os.path.isfile(os.path.join(root, path)):
                    yield path
                    break


def _copies(step: Step, path: str) -> bool:
    action = step.action
    if not isinstance(action, CopyAction) or action.stage is not None or action.image is not None or action.context:
        return False
    sources = [clean(source) for source in action.sources]
    return any(source in ("", path) or path.startswith(source + "/") for source in sources)

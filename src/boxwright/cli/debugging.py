"""``build --debug``: from a failed step into a shell that stands where it failed."""

from __future__ import annotations

import sys

from boxwright.build.failure import BuildFailed
from boxwright.cli.report import report
from boxwright.cli.session import Session
from boxwright.errors import BoxwrightError


def look_inside(session: Session, error: BoxwrightError) -> int:
    """Report why a build failed, and on a terminal open a shell in the container of its step.

    Returns the exit code that the build has without it. Raises `error` where no container was kept.
    """
    if not isinstance(error, BuildFailed) or error.container is None:
        raise error
    report(error)
    name = error.container.name
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write(
            "  --debug opens a shell on a terminal, and this is none; later:\n"
            f"  boxwright commit {name} broken && boxwright run --rm -it broken sh\n"
        )
        return error.exit_code
    sys.stderr.write(f"  a shell in {name}, as the command left it; its end ends the build\n")
    try:
        session.engine.look_inside(error.container.id)
    except BoxwrightError as trouble:
        report(trouble)
    return error.exit_code

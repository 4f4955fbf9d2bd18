"""Nothing, except what went wrong: warnings are the report's."""

from __future__ import annotations

from boxwright.build.progress import Event
from boxwright.cli.progress import base


class Quiet(base.Base):
    def __call__(self, event: Event) -> None:
        return

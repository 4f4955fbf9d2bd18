"""For programs: each event as one line of JSON, with its fields and, under ``event``, its name."""

from __future__ import annotations

import json
from typing import TextIO

from boxwright.build.progress import Event
from boxwright.cli.progress import base


class RawJson(base.Base):
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        value = {"event": type(event).__name__, **event._asdict()}
        self._out.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n")
        self._out.flush()

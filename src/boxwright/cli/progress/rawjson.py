"""For programs: BuildKit's status messages, one JSON object a line, as ``docker buildx --progress=rawjson`` has them.

A line has up to four lists. ``vertexes`` are steps: what is known of one is told again, in full, whenever it changes.
``logs`` are lines of output (``data`` in base64), ``statuses`` what else is told of a step, ``warnings`` warnings.
"""

from __future__ import annotations

import json
import os
import time
from types import TracebackType
from typing import Any, TextIO

from boxwright.build.progress import (
    BuildStarted,
    Delivered,
    Event,
    ImageBuilt,
    StepDone,
    StepKept,
    StepOutput,
    StepRunning,
    StepStarted,
    Warned,
)
from boxwright.cli.progress import base
from boxwright.errors import BoxwrightError
from boxwright.hashes import hexdigest

_STREAMS = {"stdout": 1, "stderr": 2}
_CONTEXT, _IMAGE = "context", "image"


class RawJson(base.Base):
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._build = os.urandom(16).hex()
        self._vertexes: dict[str, dict[str, Any]] = {}
        self._context = _CONTEXT

    def __call__(self, event: Event) -> None:
        now = _now()
        if isinstance(event, BuildStarted):
            self._context = f"{_CONTEXT} {event.dockerfile}"
            self._vertex(self._context, f"[internal] load {base.opening(event)}", started=now, completed=now)
        elif isinstance(event, StepStarted):
            name = base.heading(event)
            inputs = [self._digest(str(number)) for number in event.inputs]
            self._vertex(str(event.number), name, inputs=inputs, started=now)
        elif isinstance(event, StepRunning):
            self._status(str(event.number), f"running in {event.container[:12]}", now)
        elif isinstance(event, StepKept):
            self._status(str(event.number), base.kept(event), now)
        elif isinstance(event, StepOutput):
            self._log(event, now)
        elif isinstance(event, StepDone):
            self._done(event, now)
        elif isinstance(event, Warned):
            self._warn(event)
        elif isinstance(event, ImageBuilt):
            self._built(event, now)
        elif isinstance(event, Delivered):
            name = f"exporting to {event.target}" if event.action == "wrote" else f"{event.action} {event.target}"
            self._vertex(f"output {event.target}", name, started=now, completed=now)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell of steps that were never finished: one alone failed, several were stopped by what failed."""
        left = [vertex for vertex in self._vertexes.values() if "completed" not in vertex]
        message = str(error) if isinstance(error, BoxwrightError) and len(left) == 1 else "canceled"
        for vertex in left:
            vertex.update(completed=_now(), error=message)
        if left:
            self._write(vertexes=left)

    def _done(self, event: StepDone, now: str) -> None:
        id = str(event.number)
        if event.explanation:
            self._status(id, base.explanation(event), now)
        if event.added is not None:
            self._status(id, "layer", now, event.added)
        facts: dict[str, Any] = {"completed": now}
        if event.cached:
            facts["cached"] = True
        if event.exit_code is not None:
            facts["error"] = f"the command exited with {event.exit_code}"
        self._vertexes[id].update(facts)
        self._write(vertexes=[self._vertexes[id]])

    def _built(self, event: ImageBuilt, now: str) -> None:
        last = [vertex["digest"] for id, vertex in self._vertexes.items() if id == str(event.before + event.steps)]
        image = f"{_IMAGE} {event.image} {event.target}"
        name = f"[{event.target}] exporting to image" if event.target else "exporting to image"
        self._vertex(image, name, inputs=last, started=now)
        self._status(image, f"writing image {event.image}", now)
        for name in event.names:
            self._status(image, f"naming to {name}", now)
        self._vertexes[image]["completed"] = now
        self._write(vertexes=[self._vertexes[image]])

    def _vertex(self, id: str, name: str, **facts: Any) -> None:
        self._vertexes[id] = {
            "digest": self._digest(id),
            **{key: facts[key] for key in ("inputs",) if facts.get(key)},
            "name": name,
            **{key: value for key, value in facts.items() if key != "inputs"},
        }
        self._write(vertexes=[self._vertexes[id]])

    def _digest(self, id: str) -> str:
        """Return a name that no vertex of another build has."""
        return "sha256:" + hexdigest(f"{self._build} {id}".encode())

    def _status(self, id: str, text: str, now: str, size: int = 0) -> None:
        status = {"id": text, "vertex": self._digest(id), "total": size, "current": size}
        self._write(statuses=[{**status, "timestamp": now, "started": now, "completed": now}])

    def _log(self, event: StepOutput, now: str) -> None:
        data = _base64(event.line + "\n")
        log = {"vertex": self._digest(str(event.number)), "stream": _STREAMS[event.stream], "data": data}
        self._write(logs=[{**log, "timestamp": now}])

    def _warn(self, event: Warned) -> None:
        detail = [_base64(event.source)] if event.source else []
        warning = {"vertex": self._digest(self._context), "level": 1, "short": _base64(event.message)}
        self._write(warnings=[{**warning, **({"detail": detail} if detail else {})}])

    def _write(self, **lists: Any) -> None:
        self._out.write(json.dumps(lists, separators=(",", ":")) + "\n")
        self._out.flush()


def _base64(text: str) -> str:
    from binascii import b2a_base64

    return b2a_base64(text.encode("utf-8", "surrogateescape"), newline=False).decode()


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"

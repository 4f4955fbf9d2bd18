"""A build for programs: BuildKit's status messages; and the colours that the environment asks for."""

from __future__ import annotations

import base64
import io
import json
import re
from contextlib import suppress
from typing import Any

import pytest

from boxwright.build.context import Census
from boxwright.build.progress import (
    BuildStarted,
    Event,
    ImageBuilt,
    StepDone,
    StepOutput,
    StepRunning,
    StepStarted,
    Warned,
)
from boxwright.cli.progress.colours import Colours, colours
from boxwright.cli.progress.rawjson import RawJson
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest

IMAGE = Digest("sha256:" + "a" * 64)
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def said(events: list[Event], error: Exception | None = None) -> list[dict[str, Any]]:
    out = io.StringIO()
    with suppress(InvalidError), RawJson(out) as sink:
        for event in events:
            sink(event)
        if error is not None:
            raise error
    return [json.loads(line) for line in out.getvalue().splitlines()]


def done(number: int, text: str, **facts: Any) -> StepDone:
    values = {"cached": False, "seconds": 1.5, "added": None, "exit_code": None, "image": None, **facts}
    return StepDone(number, 3, "0", text, **values)


def test_a_build_is_told_as_vertexes_statuses_logs_and_warnings() -> None:
    lines = said(
        [
            BuildStarted("web/Dockerfile", Census(2, 2048, 1), 3),
            StepStarted(1, 3, "0", "FROM base"),
            done(1, "FROM base", cached=True),
            StepStarted(2, 3, "0", "RUN make", (1,)),
            StepRunning(2, "d" * 64),
            StepOutput(2, "odd \udcff", "stderr"),
            done(2, "RUN make", added=1234, explanation="built for the first time"),
            StepStarted(3, 3, "0", "CMD x", (2,)),
            done(3, "CMD x"),
            Warned("no shell", "Dockerfile:3"),
            ImageBuilt(IMAGE, ("web:latest",), 5_000_000, 2, 3.25, 3, 1),
        ]
    )
    assert {key for line in lines for key in line} == {"vertexes", "statuses", "logs", "warnings"}
    told: dict[str, dict[str, Any]] = {}
    for line in lines:
        for vertex in line.get("vertexes", []):
            told[vertex["digest"]] = vertex
    names = {vertex["name"]: vertex for vertex in told.values()}
    assert list(names) == [
        "[internal] load web/Dockerfile · context 2 files, 2.05 kB · 1 ignored",
        "[1/3] FROM base",
        "[2/3] RUN make",
        "[3/3] CMD x",
        "exporting to image",
    ]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in told)
    assert all(_TIME.fullmatch(vertex[name]) for vertex in told.values() for name in ("started", "completed"))
    assert [vertex.get("cached") for vertex in told.values()] == [None, True, None, None, None]
    assert names["[2/3] RUN make"]["inputs"] == [names["[1/3] FROM base"]["digest"]]
    assert names["exporting to image"]["inputs"] == [names["[3/3] CMD x"]["digest"]]

    statuses = [
        (status["id"], status["vertex"], status["total"]) for line in lines for status in line.get("statuses", [])
    ]
    make, image = names["[2/3] RUN make"]["digest"], names["exporting to image"]["digest"]
    assert statuses == [
        ("running in dddddddddddd", make, 0),
        ("built for the first time", make, 0),
        ("layer", make, 1234),
        (f"writing image {IMAGE}", image, 0),
        ("naming to web:latest", image, 0),
    ]
    (log,) = [log for line in lines for log in line.get("logs", [])]
    assert (log["vertex"], log["stream"], base64.b64decode(log["data"])) == (make, 2, b"odd \xff\n")
    (warning,) = [warning for line in lines for warning in line.get("warnings", [])]
    assert base64.b64decode(warning["short"]) == b"no shell"
    assert [base64.b64decode(text) for text in warning["detail"]] == [b"Dockerfile:3"]


def test_a_failed_command_and_a_step_that_it_stopped() -> None:
    lines = said(
        [
            StepStarted(1, 3, "0", "RUN a"),
            StepStarted(2, 3, "1", "RUN b"),
            StepStarted(3, 3, "2", "RUN c"),
            done(1, "RUN a", exit_code=7),
        ]
    )
    last = {vertex["name"]: vertex for line in lines for vertex in line["vertexes"]}
    assert [vertex.get("error") for vertex in last.values()] == ["the command exited with 7", "canceled", "canceled"]
    assert all("completed" in vertex for vertex in last.values())


def test_a_step_that_failed_without_a_command() -> None:
    lines = said([StepStarted(1, 3, "0", "COPY a b")], InvalidError("a: not found"))
    assert lines[-1]["vertexes"][0]["error"] == "a: not found"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Colours()),
        ({"NO_COLOR": ""}, Colours()),
        ({"NO_COLOR": "1", "BUILDKIT_COLORS": "run=red"}, Colours("", "", "", "", "", "")),
        ({"BUILDKIT_COLORS": "run=green"}, Colours(run="\x1b[32m")),
        (
            {"BUILDKIT_COLORS": " run=lightblue : error=255, 0,10:warning=Yellow:cancel=red"},
            Colours(run="\x1b[94m", error="\x1b[38;2;255;0;10m", warning="\x1b[33m"),
        ),
        ({"BUILDKIT_COLORS": "run=pink:error=1,2:error=256,0,0:warning=:what:built=red"}, Colours()),
    ],
)
def test_colours_of_the_environment(environ: dict[str, str], expected: Colours) -> None:
    assert colours(environ) == expected

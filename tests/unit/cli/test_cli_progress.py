"""A build's events in the voice of docker's first builder, and in a log: line by line."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest

from boxwright.build.context import Census
from boxwright.build.failure import BuildFailed, KeptContainer
from boxwright.build.planned import Step
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
from boxwright.cli.progress.classic import Classic
from boxwright.cli.progress.plain import Plain
from boxwright.cli.progress.quiet import Quiet
from boxwright.dockerfile.source import Source, Span
from boxwright.oci.config import RunConfig
from boxwright.oci.digest import Digest

BASE, MADE, FINAL = (Digest("sha256:" + digit * 64) for digit in "abc")
RUNNING = "d" * 64
TEXTS = ("FROM base", "RUN make", "CMD x")


def done(number: int, *, cached: bool = False, image: Digest | None = None, code: int | None = None) -> StepDone:
    added = 1_234 if number == 2 and not cached else None
    return StepDone(number, 3, "0", TEXTS[number - 1], cached, 1.5, added, code, image)


def started(number: int) -> StepStarted:
    return StepStarted(number, 3, "0", TEXTS[number - 1])


OPENING = BuildStarted("web/Dockerfile", Census(2, 2048, 1), 3)
FRESH: list[Event] = [
    OPENING,
    Warned("one or more build-args [A B] were not consumed"),
    started(1),
    done(1, cached=True, image=BASE),
    started(2),
    StepRunning(2, RUNNING),
    StepOutput(2, "made", "stdout"),
    StepOutput(2, "odd", "stderr"),
    done(2, image=MADE),
    started(3),
    done(3, image=FINAL),
    Warned("JSONArgsRecommended: no shell", "Dockerfile:3"),
    ImageBuilt(FINAL, ("web:latest", "web:2"), 5_000_000, 2, 3.25, 3, 1),
]
CACHED: list[Event] = [
    OPENING,
    *(
        event
        for n, image in ((1, BASE), (2, MADE), (3, FINAL))
        for event in (started(n), done(n, cached=True, image=image))
    ),
    ImageBuilt(FINAL, (), 5_000_000, 1, 0.02, 3, 3),
]


def classic(events: list[Event], error: BuildFailed | None = None) -> list[str]:
    out = io.StringIO()
    with suppress(BuildFailed), Classic(out) as sink:
        for event in events:
            sink(event)
        if error is not None:
            raise error
    return out.getvalue().splitlines()


def plain(events: list[Event]) -> list[str]:
    out = io.StringIO()
    with Plain(out) as sink:
        for event in events:
            sink(event)
    return out.getvalue().splitlines()


def test_the_classic_voice_of_a_fresh_build() -> None:
    assert classic(FRESH) == [
        "Sending build context to Docker daemon  2.048kB",
        "[Warning] One or more build-args [A B] were not consumed",
        "Step 1/3 : FROM base",
        " ---> aaaaaaaaaaaa",
        "Step 2/3 : RUN make",
        " ---> Running in dddddddddddd",
        "made",
        "odd",
        "Removing intermediate container dddddddddddd",
        " ---> bbbbbbbbbbbb",
        "Step 3/3 : CMD x",
        " ---> cccccccccccc",
        "[Warning] JSONArgsRecommended: no shell (Dockerfile:3)",
        "Successfully built cccccccccccc",
        "Successfully tagged web:latest",
        "Successfully tagged web:2",
    ]


def test_the_classic_voice_of_a_build_from_the_cache() -> None:
    assert classic(CACHED) == [
        "Sending build context to Docker daemon  2.048kB",
        "Step 1/3 : FROM base",
        " ---> aaaaaaaaaaaa",
        "Step 2/3 : RUN make",
        " ---> Using cache",
        " ---> bbbbbbbbbbbb",
        "Step 3/3 : CMD x",
        " ---> Using cache",
        " ---> cccccccccccc",
        "Successfully built cccccccccccc",
    ]


def test_the_classic_voice_tells_steps_that_run_side_by_side_one_after_the_other() -> None:
    steps = [started(1), started(2), StepRunning(2, RUNNING), StepOutput(2, "early", "stdout"), done(1), done(2)]
    assert classic([*steps, started(3)]) == [
        "Step 1/3 : FROM base",
        "Step 2/3 : RUN make",
        " ---> Running in dddddddddddd",
        "early",
        "Removing intermediate container dddddddddddd",
        "Step 3/3 : CMD x",
    ]


@pytest.mark.parametrize(
    ("kept", "removed"),
    [(KeptContainer(RUNNING, "jolly_otter"), []), (None, ["Removing intermediate container dddddddddddd"])],
)
def test_the_classic_voice_of_a_failure(kept: KeptContainer | None, removed: list[str]) -> None:
    step = Step(2, "RUN make", Span(Source("Dockerfile", "FROM base\nRUN make\n"), 2, 2), None, "", RunConfig(), "")
    error = BuildFailed(step, ("/bin/sh", "-c", "make"), 7, kept, BASE)
    events = [started(1), done(1), started(2), StepRunning(2, RUNNING), done(2, code=7)]
    assert classic(events, error) == [
        "Step 1/3 : FROM base",
        "Step 2/3 : RUN make",
        " ---> Running in dddddddddddd",
        *removed,
        "The command '/bin/sh -c make' returned a non-zero code: 7",
    ]


def test_a_log() -> None:
    assert plain(FRESH) == [
        "web/Dockerfile · context 2 files, 2.05 kB · 1 ignored",
        "warning: one or more build-args [A B] were not consumed",
        "[1/3] FROM base                                                     aaaaaaaaaaaa  cached",
        "[2/3] RUN make",
        "      | made",
        "      | odd",
        "[2/3] done                                                            1.5s  +1.23 kB",
        "[3/3] CMD x                                                           1.5s",
        "warning: JSONArgsRecommended: no shell (Dockerfile:3)",
        "built  web:latest  web:2  cccccccccccc  (5 MB, 2 layers, 3.2s, 1 of 3 from cache)",
    ]


def test_a_log_of_a_failure() -> None:
    assert plain([started(2), StepOutput(2, "no", "stderr"), done(2, code=254)]) == [
        "[2/3] RUN make",
        "      | no",
        "[2/3] failed                                                          1.5s  exit 254",
    ]


def test_quiet_until_something_fails() -> None:
    out = io.StringIO()
    with Quiet(out) as sink:
        for event in FRESH:
            sink(event)
        assert out.getvalue() == ""
        for number in range(60):
            sink(StepOutput(2, f"line {number}", "stderr"))
        sink(StepOutput(3, "of another step", "stdout"))
        sink(done(2, code=1))
    assert out.getvalue().splitlines() == [f"line {number}" for number in range(10, 60)]

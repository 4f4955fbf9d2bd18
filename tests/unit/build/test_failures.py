"""Steps that fail, builds that are cancelled, and stages beside each other."""

from __future__ import annotations

import os
import signal
import time

import pytest

from boxwright.build.failure import BuildFailed
from boxwright.build.progress import BuildStarted, Event, ImageBuilt, StepDone, StepOutput, StepRunning, StepStarted
from boxwright.build.runner import StepCancelled, StepProcess
from boxwright.dockerfile.source import DockerfileError
from boxwright.store.fsck import check
from support.building import Workbench

FAILING = "FROM scratch\nRUN write /a 1\nENV B=2\nRUN write /left behind && say why && exit 7\nCMD x\n"


def test_a_failure_says_where_and_what_is_left(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build(FAILING)
    error = caught.value
    assert error.message == "the command in step 4 exited with 7"
    assert (error.step, error.exit_code, error.container and error.container.name) == (4, 7, "jolly_otter")
    assert error.image is not None
    assert list(error.detail) == [
        "Dockerfile:4",
        "  3 | ENV B=2",
        "  4 | RUN write /left behind && say why && exit 7",
        "    | " + "^" * 43,
        "  5 | CMD x",
        "",
        f"The container is kept: boxwright exec or commit it as  jolly_otter ({bench.failed[0].process.id[:12]})",
        f"The image before this step:                    boxwright run -it {error.image.short} sh",
    ]


def test_a_bad_platform_is_told_with_its_line(bench: Workbench) -> None:
    with pytest.raises(DockerfileError, match="invalid platform") as caught:
        bench.build("FROM scratch AS one\nFROM --platform=a/b/c/d one\n")
    assert caught.value.detail[0] == "Dockerfile:2"


def test_the_last_good_image_is_there(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build(FAILING)
    assert caught.value.image is not None
    record = bench.store.images.get(caught.value.image)
    assert record is not None
    assert record.intermediate
    config = bench.store.images.config(record)
    assert config.config.env[-1] == "B=2"
    assert len(config.diff_ids) == 1


def test_the_keeper_gets_the_file_system_as_it_was_left(bench: Workbench) -> None:
    left: list[str] = []
    keep = bench._keep

    def look(failed):
        left.append((failed.draft.fs / "left").read_text())
        assert (failed.exit_code, failed.config.config.env[-1]) == (7, "B=2")
        return keep(failed)

    bench._keep = look
    with pytest.raises(BuildFailed):
        bench.build(FAILING)
    assert left == ["behind"]


def test_force_rm_keeps_nothing(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build(FAILING, force_rm=True)
    assert bench.failed == []
    assert caught.value.container is None


def test_what_was_finished_before_is_cached(bench: Workbench) -> None:
    with pytest.raises(BuildFailed):
        bench.build(FAILING)
    assert bench.build(FAILING.replace("exit 7", "say fine")).cached() == [True, True, False, False]


def test_nothing_is_left_in_the_store(bench: Workbench) -> None:
    with pytest.raises(BuildFailed):
        bench.build(FAILING)
    assert check(bench.store) == []
    assert not [path for path in bench.store.layout.snapshots.iterdir() if path.name.startswith(".")]
    assert [path for path in bench.store.layout.locks.iterdir() if path.name.startswith("step")] == []
    assert bench.store.leases.held("snapshot") == set()


def test_a_failure_in_the_first_step_has_no_image_before_it(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build("FROM scratch\nRUN exit 3\n")
    assert caught.value.image is None


def test_a_failure_right_after_from_names_the_base(bench: Workbench) -> None:
    base = bench.build("FROM scratch\nRUN write /a 1\n", tag="base")
    with pytest.raises(BuildFailed) as caught:
        bench.build("FROM base\nRUN exit 3\n")
    assert caught.value.image == base.id


def test_events_in_order(bench: Workbench) -> None:
    with pytest.raises(BuildFailed):
        bench.build(FAILING)
    kinds = [type(event) for event in bench.events]
    assert kinds[0] is BuildStarted
    assert kinds[-3:] == [StepRunning, StepOutput, StepDone]
    last = bench.events[-1]
    assert isinstance(last, StepDone)
    assert (last.number, last.total, last.exit_code, last.cached) == (4, 5, 7, False)
    output = bench.events[-2]
    assert output == StepOutput(4, "why", "stdout")


def test_events_of_a_build_that_succeeds(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY f /\nRUN complain x\nCMD x\n", {"f": "12345"}, tag="t")
    started = image.events[0]
    assert isinstance(started, BuildStarted)
    assert started.context is not None
    assert (started.context.files, started.context.bytes, started.steps) == (1, 5, 4)
    assert [event.instruction for event in image.events if isinstance(event, StepStarted)] == [
        "FROM scratch",
        "COPY f /",
        "RUN complain x",
        "CMD x",
    ]
    assert [event.added for event in image.done()] == [None, 5, 0, None]
    built = image.events[-1]
    assert isinstance(built, ImageBuilt)
    assert (built.image, built.names, built.layers, built.steps, built.cached) == (image.id, ("t:latest",), 2, 4, 1)


def test_independent_stages_run_side_by_side(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch AS a\nRUN meet here && write /a a\nFROM scratch AS b\nRUN meet here && write /b b\n"
        "FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    )
    assert image.tree() == {"/a": "a", "/b": "b"}


def test_a_stage_waits_only_where_it_needs_another(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch AS a\nRUN meet here && write /a a\n"
        "FROM scratch\nRUN meet here && write /b b\nCOPY --from=a /a /\n"
    )
    assert image.tree() == {"/a": "a", "/b": "b"}


def test_a_failed_stage_ends_the_others(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build(
            "FROM scratch AS a\nRUN meet here && exit 5\nFROM scratch AS b\nRUN meet here && wait\n"
            "FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
        )
    assert caught.value.exit_code == 5
    assert check(bench.store) == []


def test_cancelling(bench: Workbench) -> None:
    def cancel(event: Event) -> None:
        if isinstance(event, StepRunning):
            bench.together.cancelled.set()

    bench.on_event = cancel
    with pytest.raises(StepCancelled):
        bench.build("FROM scratch\nRUN wait\nRUN write /never x\n", tag="never")
    assert bench.store.images.list() == []
    assert check(bench.store) == []
    assert bench.failed == []


def test_ctrl_c_waits_until_every_command_has_ended(bench: Workbench) -> None:
    run = bench.runner.run
    running: list[int] = []
    ended: list[str] = []

    def end_slowly(process: StepProcess) -> int:
        try:
            return run(process)
        finally:
            if process.argv[2] == "wait":  # of the stage that is waited for first
                time.sleep(0.3)
            ended.append(process.id)

    def interrupt(event: Event) -> None:
        if isinstance(event, StepRunning):
            running.append(event.number)
            if len(running) == 2:
                os.kill(os.getpid(), signal.SIGINT)

    bench.runner.run = end_slowly
    bench.on_event = interrupt
    text = "FROM scratch AS a\nRUN wait\nFROM scratch\nRUN write /b b && wait\nCOPY --from=a / /\n"
    with pytest.raises(KeyboardInterrupt):
        bench.build(text)
    assert len(ended) == 2
    assert check(bench.store) == []


def test_a_failing_sink_ends_the_build(bench: Workbench) -> None:
    def break_(event: Event) -> None:
        raise BrokenPipeError

    bench.on_event = break_
    with pytest.raises(BrokenPipeError):
        bench.build("FROM scratch AS a\nFROM a\nRUN write /x x\n")

"""Commands that make, run, freeze and remove containers, killed at any point: nothing of them may stay behind."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.build.failure import BuildFailed
from boxwright.engine.requests import CreateContainer
from boxwright.engine.wanted import Build
from boxwright.host import faults
from crash.commands import EVERY_POINT, Ground, assert_sound, walk
from support.requirements import require_peer, require_runtime

pytestmark = [pytest.mark.root, pytest.mark.runtime]


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store with an image of busybox."""
    require_runtime()
    require_peer("busybox")
    directory = tmp_path_factory.mktemp("busybox")
    Ground(directory).command("bootstrap", "busybox")
    return directory / "root"


@pytest.fixture
def ground(busybox: Path, tmp_path: Path) -> Iterator[Ground]:
    shutil.copytree(busybox, tmp_path / "root", symlinks=True)
    ground = Ground(tmp_path)
    yield ground
    with ground.engine() as engine:
        for row in engine.containers(all=True):
            engine.remove_container(row.id, force=True)
        engine.prune_all()
        run_directory = engine.wiring.run_directory
    shutil.rmtree(run_directory, ignore_errors=True)


def next_run_works(ground: Ground, when: str, *, name: str = "web") -> None:
    """What somebody does after a `run` was killed: look, remove what is there, run again."""
    with ground.engine() as engine:
        for row in engine.containers(all=True):
            assert row.state in ("created", "running", "exited"), when
            assert row.name == name, when
            assert row.finished or row.state != "exited", when
            engine.remove_container(name, force=True, volumes=True)
        again = engine.create_container(CreateContainer("busybox", ("true",), name=name, publish=("0:80",)))
        engine.start_container(again.id)
        assert engine.wait_container(again.id) == 0
    ground.clear()
    ground.check(when)


def test_run_in_the_background(ground: Ground) -> None:
    argv = ("run", "-d", "--name", "web", "-p", "80", "-v", "/data", "busybox", "sleep", "100")
    walk(ground, argv, lambda when: next_run_works(ground, when), most=8, least=15)


def test_run_in_the_foreground(ground: Ground) -> None:
    argv = ("run", "--rm", "--name", "web", "busybox", "true")
    walk(ground, argv, lambda when: next_run_works(ground, when), most=6, least=15)


def test_a_container_goes_on_where_its_start_was_killed(ground: Ground) -> None:
    ground.command("create", "--name", "web", "busybox", "sh", "-c", "echo was here; sleep 100")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            engine.start_container("web")
            assert [row.state for row in engine.containers()] == ["running"], when
            assert next(engine.logs("web", follow=True)).content == b"was here\n"
        ground.clear()
        ground.check(when)

    walk(ground, ("start", "web"), afterwards, most=6, least=10)


def test_a_name_is_free_when_its_container_never_was_whole(ground: Ground) -> None:
    argv = ("create", "--name", "web", "-v", "made:/etc", "busybox")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            if any(row.name == "web" for row in engine.containers(all=True)):
                engine.remove_container("web")
            engine.create_container(CreateContainer("busybox", name="web", volumes=("made:/etc",)))
            volume = ground.root / "volumes/made"
            assert {"passwd", "group"} <= set(os.listdir(volume / "data")), when
            assert os.listdir(volume) == ["data"]
            engine.remove_container("web")
        ground.check(when)

    walk(ground, argv, afterwards, most=6)


def test_rm_of_a_running_container(ground: Ground) -> None:
    with ground.engine() as engine:
        engine.create_container(CreateContainer("busybox", ("sleep", "100"), name="web", publish=("0:80",)))
    ground.keep()
    command = ("rm", "-f", "web")
    for number in range(1, 40, 1 if EVERY_POINT else 3):
        with ground.engine() as engine:
            engine.start_container("web")
        process = ground.popen(*command, **{faults.VARIABLE: str(number)})
        process.communicate()
        with ground.engine() as engine:
            assert_sound(engine.store, f"killed at point {number}")
        next_run_works(ground, f"killed at point {number}")
        ground.restore()
        if process.returncode == 0:
            assert number > 3
            break
        assert process.returncode == -signal.SIGKILL


def test_commit_of_a_running_container(ground: Ground) -> None:
    with ground.engine() as engine:
        argv = ("sh", "-c", "echo kept > /kept; sleep 100")
        engine.create_container(CreateContainer("busybox", argv, name="web", network="none"))
    ground.keep()
    for number in range(1, 60, 1 if EVERY_POINT else 6):
        with ground.engine() as engine:
            engine.start_container("web")
            engine.execute("web", ("true",))
        process = ground.popen("commit", "web", "made", **{faults.VARIABLE: str(number)})
        process.communicate()
        with ground.engine() as engine:
            assert_sound(engine.store, f"killed at point {number}")
            # Not frozen for ever.
            assert [row.state for row in engine.containers()] == ["running"], number
            engine.execute("web", ("true",))
            engine.commit("web", "made")
            assert engine.images("made")
        ground.clear()
        ground.check(f"killed at point {number}")
        ground.restore()
        if process.returncode == 0:
            assert number > 8
            break
        assert process.returncode == -signal.SIGKILL


def test_build_with_commands(ground: Ground) -> None:
    (ground.work / "a").write_text("a" * 1000)
    stages = "FROM busybox AS base\nRUN echo one > /one\nFROM base\nCOPY a /a\nRUN cat /one /a > /two\n"
    (ground.work / "Dockerfile").write_text(stages)

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            image = engine.build(Build(context=str(ground.work), tags=("made",))).image
            assert [row.record.id for row in engine.images("made")] == [image], when
        ground.clear()
        ground.check(when)

    walk(ground, ("build", "-t", "made", "."), afterwards, most=6, least=20)


def test_build_with_a_command_that_fails(ground: Ground) -> None:
    (ground.work / "Dockerfile").write_text("FROM busybox\nRUN echo half > /half && false\n")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            for row in engine.containers(all=True):
                assert engine.diff(row.id) == [("A", "/half")], when
            with pytest.raises(BuildFailed):
                engine.build(Build(context=str(ground.work)))
            assert engine.containers(all=True)[0].exit_code == 1
        ground.clear()
        ground.check(when)

    walk(ground, ("build", "."), afterwards, most=7, expected=(1,), least=15)


def test_a_build_that_keeps_its_steps(ground: Ground) -> None:
    (ground.work / "Dockerfile").write_text("FROM busybox\nRUN echo 1 > /one\nRUN echo 2 > /two && rm /one\n")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            for row in engine.containers(all=True):
                assert row.state == "exited", when
                assert engine.diff(row.id), when  # what is there is whole
            engine.build(Build(str(ground.work), tags=("made",)))
        ground.clear()
        ground.check(when)

    walk(ground, ("build", "--rm=false", "-q", "."), afterwards, most=12, least=20)

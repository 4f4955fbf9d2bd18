"""The engine as a library: from a program of one's own, from several threads, without the command."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from boxwright import CreateContainer, Engine
from boxwright.engine.containers.streams import MainThreadOnly
from boxwright.engine.settings import Settings
from boxwright.errors import BoxwrightError, NotFoundError
from support.cli import Boxwright, eventually

pytestmark = [pytest.mark.root, pytest.mark.runtime]


@pytest.fixture
def engine(boxwright: Boxwright) -> Iterator[Engine]:
    with Engine(Settings(root=boxwright.root)) as opened:
        yield opened
        for row in opened.containers(all=True):
            opened.remove_container(row.id, force=True)


def make(engine: Engine, *command: str, network: str = "none", **asked: object) -> str:
    request = CreateContainer("busybox", command=command, network=network)
    return engine.create_container(request._replace(**asked)).id


def test_a_container_from_creation_to_removal(engine: Engine) -> None:
    id = make(engine, "sh", "-c", "echo $GREETING; exit 4", name="once", env=("GREETING=hello",))
    engine.start_container("once")
    assert engine.wait_container(id) == 4
    assert [(line.stream, line.content) for line in engine.logs(id)] == [("stdout", b"hello\n")]
    (row,) = engine.containers(all=True)
    assert (row.id, row.name, row.state, row.exit_code) == (id, "once", "exited", 4)
    assert engine.inspect("once")["State"]["ExitCode"] == 4
    engine.remove_container("once")
    with pytest.raises(NotFoundError):
        engine.inspect("once")


def test_many_threads_share_one_engine(engine: Engine) -> None:
    def live(number: int) -> tuple[int, bytes]:
        id = make(engine, "sh", "-c", f"echo {number}; exit {number}", network="bridge" if number % 2 else "none")
        engine.start_container(id)
        code = engine.wait_container(id)
        said = b"".join(line.content for line in engine.logs(id))
        engine.commit(id, f"made:{number}")
        engine.remove_container(id)
        return code, said

    with ThreadPoolExecutor(6) as pool:
        lives = list(pool.map(live, range(1, 9)))
    assert lives == [(number, b"%d\n" % number) for number in range(1, 9)]
    assert engine.containers(all=True) == []
    assert len(engine.images("made")) == 8
    for number in range(1, 9):
        engine.remove_image(f"made:{number}")
    assert engine.fsck() == []


def test_threads_work_on_one_container(engine: Engine) -> None:
    id = make(engine, "sleep", "1000")
    engine.start_container(id)
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda n: engine.execute(id, ("sh", "-c", f"exit {n}")), range(6)))
        assert codes == list(range(6))
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            member = tarfile.TarInfo("file")
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))
        list(pool.map(lambda n: engine.copy_in_tar(id, "/tmp", io.BytesIO(data.getvalue())), range(6)))

        def read(_: int) -> bytes:
            out = io.BytesIO()
            engine.copy_out_tar(id, "/tmp/file", out)
            return out.getvalue()

        assert len(set(pool.map(read, range(6)))) == 1
        assert ("A", "/tmp/file") in engine.diff(id)
        waiting = pool.submit(engine.wait_container, id)
        engine.stop_container(id, timeout=0)
        assert waiting.result(timeout=30) == 137


def test_what_only_the_main_thread_can_do_says_so(engine: Engine) -> None:
    id = make(engine, "true")
    caught: list[BaseException] = []

    def attach() -> None:
        try:
            engine.start_attached(id)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=attach)
    thread.start()
    thread.join()
    assert [type(error) for error in caught] == [MainThreadOnly], caught
    assert engine.inspect(id)["State"]["Status"] == "created"
    engine.start_container(id)
    assert engine.wait_container(id) == 0


def test_two_engines_and_the_command_see_the_same(engine: Engine, boxwright: Boxwright) -> None:
    id = make(engine, "sleep", "1000")
    with Engine(Settings(root=boxwright.root)) as other:
        other.start_container(id)
        assert engine.inspect(id)["State"]["Running"]
        boxwright.ok("kill", id)
        assert other.wait_container(id) == 137
    assert engine.inspect(id)["State"]["ExitCode"] == 137


def test_following_a_log_in_a_thread(engine: Engine) -> None:
    id = make(engine, "sh", "-c", "echo 1; while [ ! -e /go ]; do sleep 0.02; done; echo 2")
    engine.start_container(id)
    lines: list[bytes] = []
    thread = threading.Thread(target=lambda: lines.extend(line.content for line in engine.logs(id, follow=True)))
    thread.start()
    eventually(lambda: lines == [b"1\n"])
    engine.execute(id, ("touch", "/go"))
    thread.join(30)
    assert lines == [b"1\n", b"2\n"]


def test_images_without_the_command(engine: Engine, tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    data.seek(0)
    id = engine.import_image(data, name="ada/empty:1", changes=("CMD x",))
    engine.tag("ada/empty:1", "ada/empty:2")
    engine.save_file(["ada/empty"], str(tmp_path / "x.tar"))
    assert engine.remove_image(str(id), force=True)[:2] == ["Untagged: ada/empty:1", "Untagged: ada/empty:2"]
    with (tmp_path / "x.tar").open("rb") as stream:
        assert sorted(engine.load(stream)) == ["ada/empty:1", "ada/empty:2"]
    assert engine.history("ada/empty:1")[0].size == 0
    engine.remove_image(str(id), force=True)


def test_errors_are_values(engine: Engine) -> None:
    with pytest.raises(BoxwrightError) as caught:
        engine.start_container("nowhere")
    assert (caught.value.message, caught.value.hint) == (
        "no such container: nowhere",
        "list all of them: boxwright ps -a",
    )

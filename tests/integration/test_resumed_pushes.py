"""Large layers that are sent in several runs: what a push that was killed has sent is not sent again.

tests/unit/remote/test_remote_blobs.py plays the registries that make nothing of it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.errors import CancelledError
from boxwright.remote.progress import Event, LayerBytes
from integration.remote_images import make_image, noise
from integration.remote_servers import BreakingLine
from support.registry_process import serving

_SIZE = 6 << 20


@pytest.fixture
def line(tmp_path: Path) -> Iterator[BreakingLine]:
    """The way to a registry, which counts."""
    with serving(tmp_path / "registry") as server, BreakingLine(server.address) as line:
        yield line


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(Settings(root=tmp_path / "store")) as engine:
        make_image(engine.store, {"big": noise(_SIZE)}, name="big:1")
        yield engine


def _killed(engine: Engine, line: BreakingLine, name: str, *words: str, after: int) -> None:
    """Run a push in a process of its own, and kill it when so many bytes have passed."""
    argv = [sys.executable, "-m", "boxwright", "--root", str(engine.settings.root), "push", "-q", *words, name]
    before = line.passed_up
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as push:
        while line.passed_up - before < after:
            assert push.poll() is None, "the push has ended before it could be killed"
            time.sleep(0.005)
        push.kill()


@pytest.mark.parametrize("packing", ["gzip", "zstd:3"])
def test_a_push_that_was_killed_is_taken_up(engine: Engine, line: BreakingLine, packing: str) -> None:
    name = f"{line.domain}/ada/big:1"
    engine.tag("big:1", name)
    _killed(engine, line, name, "--limit-rate", "16m", "--compression", packing, after=_SIZE // 2)
    before = line.passed_up
    heard: list[Event] = []
    pushed = engine.push(name, compression=packing, sink=heard.append)
    assert line.passed_up - before < _SIZE * 3 // 4, "the second run sends the rest alone"
    assert pushed.sent + pushed.there > _SIZE
    assert pushed.sent < _SIZE * 3 // 4
    assert next(event for event in heard if isinstance(event, LayerBytes)).done > _SIZE // 4
    assert engine.store.database.rows("SELECT * FROM open_uploads") == []
    engine.remove_image("big:1")
    engine.remove_image(name)
    engine.prune_all()
    assert engine.pull(name).status == "downloaded"


def test_what_would_be_packed_in_another_way_is_sent_anew(
    engine: Engine, line: BreakingLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{line.domain}/ada/big:1"
    engine.tag("big:1", name)
    _killed(engine, line, name, "--limit-rate", "16m", after=_SIZE // 2)
    monkeypatch.setattr("boxwright.remote.outgoing.compressor", lambda kind, level: "gzip of tomorrow")
    assert engine.push(name).sent > _SIZE


def test_a_push_that_was_interrupted_is_taken_up_by_the_same_process(engine: Engine, line: BreakingLine) -> None:
    name = f"{line.domain}/ada/big:1"
    engine.tag("big:1", name)

    def impatient(event: Event) -> None:
        if isinstance(event, LayerBytes) and event.done > _SIZE // 2:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        engine.push(name, sink=impatient)
    assert engine.push(name).sent < _SIZE * 3 // 4

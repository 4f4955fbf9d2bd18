"""Many commands on one store at once, and builds killed at random moments: whatever the order, the store stays true."""

from __future__ import annotations

import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.engine.wanted import Build
from crash.commands import Ground, assert_sound
from support.requirements import require_peer, require_runtime

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.slow]

WORKERS = 6
SECONDS = 15.0
ROUNDS = 15

STAGES = "".join(
    f"FROM busybox AS s{number}\nCOPY part{number} /part\nRUN sha256sum /part > /sum && sleep 0.0{number}\n"
    for number in range(4)
)
JOINED = "FROM busybox\n" + "".join(f"COPY --from=s{number} /sum /sum{number}\n" for number in range(4))

# What another command may have done in between, told as it should be.
EXPECTED = re.compile(
    r"no such (image|container)|is gone|are gone|is already in use|was made from|is running it|not in the store"
    r"|names refer to it|cannot be resolved|cannot reach|was removed|is not running"
)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    require_runtime()
    require_peer("busybox")
    ground = Ground(tmp_path)
    ground.command("bootstrap", "busybox")
    for number in range(4):
        (ground.work / f"part{number}").write_bytes(random.Random(number).randbytes(200_000))
    (ground.work / "Dockerfile").write_text(STAGES + JOINED)
    yield ground
    with ground.engine() as engine:
        for row in engine.containers(all=True):
            engine.remove_container(row.id, force=True)
        engine.prune_all(all=True)
        run_directory = engine.wiring.run_directory
    shutil.rmtree(run_directory, ignore_errors=True)


def test_a_build_of_parallel_stages_killed_at_random_moments(ground: Ground) -> None:
    started = time.monotonic()
    ground.command("build", "--no-cache", "-t", "made", ".")
    duration = time.monotonic() - started
    chance = random.Random(20)
    killed = 0
    for number in range(ROUNDS):
        process = ground.popen("build", "--no-cache", "-t", "made", ".")
        time.sleep(chance.uniform(0.1, 0.9) * duration)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        with ground.engine() as engine:
            assert_sound(engine.store, f"round {number}")
    assert killed >= ROUNDS // 3
    with ground.engine() as engine:
        engine.build(Build(context=str(ground.work), tags=("made",)))
    assert ground.command("run", "--rm", "made", "cat", "/sum3").endswith("  /part\n")
    ground.clear()
    ground.check("after all rounds")


def test_six_at_once(ground: Ground) -> None:
    end = time.monotonic() + SECONDS
    wrong: list[str] = []
    done = [0] * WORKERS
    workers = [threading.Thread(target=_work, args=(ground, seed, end, wrong, done)) for seed in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert min(done) > 3
    with ground.engine() as engine:
        assert_sound(engine.store, "after all commands")
    ground.clear()
    ground.check("after all commands")


def _work(ground: Ground, seed: int, end: float, wrong: list[str], done: list[int]) -> None:
    chance = random.Random(seed)
    while time.monotonic() < end and not wrong:
        argv = _choose(chance)
        process = ground.popen(*argv)
        stdout, stderr = process.communicate()
        done[seed] += 1
        if process.returncode and not EXPECTED.search(stderr):
            wrong.append(f"{' '.join(argv)}: {process.returncode}: {stdout}{stderr}")
        if "a bug in boxwright" in stderr or "Traceback" in stderr:
            wrong.append(f"{' '.join(argv)}: {stderr}")


def _choose(chance: random.Random) -> tuple[str, ...]:
    name = f"made:{chance.randint(1, 3)}"
    return chance.choice(
        (
            ("build", "-q", "-t", name, "."),
            ("build", "-q", "-t", name, "--build-arg", f"A={chance.random()}", "--label", f"n={chance.random()}", "."),
            ("run", "--rm", name, "cat", "/sum1"),
            ("run", "-d", "--rm", "-p", "80", "busybox", "true"),
            ("rmi", name),
            ("rmi", "-f", name),
            ("rmi", "other"),
            ("tag", chance.choice(("busybox", name)), "other"),
            ("image", "prune", "-f"),
            ("container", "prune", "-f"),
            ("builder", "prune", "-f"),
            ("fsck", "--repair"),
            ("ps", "-a"),
        )
    )

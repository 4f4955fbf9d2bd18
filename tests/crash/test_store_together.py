"""Commands beside each other, and some of them killed: whatever the order, the store stays true."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from boxwright.errors import ConflictError, NotFoundError
from boxwright.oci.digest import Digest
from boxwright.store import fsck, gc
from boxwright.store.containers import ContainerRecord
from boxwright.store.ingest import ingest_image
from boxwright.store.removal import remove_image
from boxwright.store.store import Store
from crash.crashing import assert_sound
from support.images import MemoryLayer, add_layer, layer_tar, memory_image, ref

pytestmark = pytest.mark.root

PROCESSES = 8
ROUNDS = 12


def layer(number: int) -> MemoryLayer:
    return MemoryLayer(layer_tar({f"file{number}": b"%d" % number * 3000}), packing="gzip")


def pull(store: Store, chance: random.Random) -> None:
    stack = [layer(number) for number in range(chance.randint(1, 4))]
    record = ingest_image(store, memory_image(*stack, with_manifest=True))
    store.images.tag(ref(f"pulled:{len(stack)}"), record.id)


def build(store: Store, chance: random.Random) -> None:
    with store.leases.hold() as lease:
        snapshot = add_layer(store, None, {"built": b"%d" % chance.randint(0, 5)})
        lease.add("snapshot", snapshot.chain)
        if snapshot.chain in store.snapshots:  # leased in time
            store.steps.record(f"step {snapshot.chain}", snapshot.chain, document="{}")


def remove(store: Store, chance: random.Random) -> None:
    remove_image(store, f"pulled:{chance.randint(1, 4)}", force=chance.random() < 0.5)


def prune(store: Store, chance: random.Random) -> None:
    gc.prune_images(store, all=chance.random() < 0.5)
    gc.prune_build_cache(store, all=chance.random() < 0.5)


def collect(store: Store, chance: random.Random) -> None:
    gc.collect(store)


def contain(store: Store, chance: random.Random) -> None:
    image = store.images.find(f"pulled:{chance.randint(1, 4)}")
    id = Digest.of(os.urandom(8)).hex
    store.containers.add(
        ContainerRecord(id, id[:8], image.id, "pulled", "2024-05-06T07:08:10Z", "created", chain=image.chain)
    )
    assert len(store.snapshots.stack(image.chain)) > 0
    store.containers.remove(id)


def check(store: Store, chance: random.Random) -> None:
    assert_sound(store, "while others work")


OPERATIONS: tuple[Callable[[Store, random.Random], None], ...] = (
    pull,
    pull,
    build,
    remove,
    prune,
    collect,
    contain,
    check,
)


def work(root: Path, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    for _ in range(rounds):
        with Store.open(root) as store:
            try:
                chance.choice(OPERATIONS)(store, chance)
            except (NotFoundError, ConflictError):
                continue  # another one was quicker: told, and nothing broken


def start(root: Path, seed: int, rounds: int) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(root, seed, rounds)
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    return child


def test_many_commands_at_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    Store.open(root).close()
    children = [start(root, seed, ROUNDS) for seed in range(PROCESSES)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * PROCESSES
    verify(root)


def test_many_commands_at_once_and_some_killed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    Store.open(root).close()
    chance = random.Random(7)
    running = {start(root, seed, 10_000) for seed in range(PROCESSES)}
    for seed in range(100, 124):
        time.sleep(0.15)
        victim = chance.choice(sorted(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        running.remove(victim)
        running.add(start(root, seed, 10_000))
    for child in running:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    verify(root)


def verify(root: Path) -> None:
    with Store.open(root) as store:
        assert_sound(store, "after everything")
        gc.collect(store)
        fsck.check(store, repair=True)
        assert fsck.check(store, deep=True) == []
        for container in store.containers.list():  # whose maker was killed: it keeps its image's layers
            store.containers.remove(container.id)
        for record in store.images.list(all=True):
            store.images.untag(ref("pulled:1"))
            remove_image(store, record.id, force=True)
        gc.prune_build_cache(store, all=True)
        assert list(store.blobs) == []
        assert store.snapshots.list() == []
        assert list((root / "snapshots").iterdir()) == []
        assert list((root / "ingest").iterdir()) == []

"""Caches of RUN steps: one for each key, shared, locked or one's own, there until they are removed."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from boxwright.errors import CancelledError
from boxwright.host.paths import Path as HostPath
from boxwright.store import gc, usage
from boxwright.store.cache_mounts import CacheKey
from boxwright.store.store import Store
from support.requirements import require_root


def put(store: Store, key: CacheKey, name: str, sharing: str = "shared") -> list[str]:
    """Make a file in a cache; return what was there before."""
    with store.cache_mounts.mounted(key, sharing) as data:
        before = sorted(os.listdir(data))
        (data / name).write_text("x" * 10_000)
    return before


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (CacheKey("a"), True),
        (CacheKey("a", 0, 0, 0o755, ""), True),
        (CacheKey("b"), False),
        (CacheKey("a", uid=1), False),
        (CacheKey("a", gid=1), False),
        (CacheKey("a", mode=0o700), False),
        (CacheKey("a", origin="sha256:1"), False),
    ],
)
def test_a_cache_is_found_again_by_all_that_it_is_for(store: Store, other: CacheKey, same: bool) -> None:
    if other.uid or other.gid:
        require_root()
    put(store, CacheKey("a"), "f")
    assert put(store, other, "g") == (["f"] if same else [])


def test_a_new_one_is_filled_once(store: Store) -> None:
    filled = []

    def fill(data: HostPath) -> None:
        filled.append(data)
        (data / "seed").write_text("1")

    for _ in range(2):
        with store.cache_mounts.mounted(CacheKey("a", mode=0o700), "shared", fill=fill) as data:
            assert os.listdir(data) == ["seed"]
            assert os.stat(data).st_mode & 0o7777 == 0o700
    assert len(filled) == 1


def test_one_that_could_not_be_filled_is_not_there(store: Store) -> None:
    def fill(data: HostPath) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"), store.cache_mounts.mounted(CacheKey("a"), "shared", fill=fill):
        pass
    assert os.listdir(store.layout.cache_mounts) == []


def test_those_who_share_have_it_at_once(store: Store) -> None:
    mounts, key = store.cache_mounts, CacheKey("a")
    with mounts.mounted(key, "shared") as one, mounts.mounted(key, "shared") as two:
        assert one == two


@pytest.mark.parametrize(("first", "second"), [("locked", "locked"), ("locked", "shared"), ("shared", "locked")])
def test_one_who_locks_it_has_it_alone(store: Store, first: str, second: str) -> None:
    entered, asked = threading.Event(), threading.Event()

    def wait() -> None:
        with store.cache_mounts.mounted(CacheKey("a"), second, cancelled=lambda: asked.set() or False):
            entered.set()

    with store.cache_mounts.mounted(CacheKey("a"), first):
        thread = threading.Thread(target=wait)
        thread.start()
        assert asked.wait(20)
        assert not entered.is_set()
    thread.join(20)
    assert entered.is_set()


def test_a_wait_ends_when_it_is_cancelled(store: Store) -> None:
    mounts, key = store.cache_mounts, CacheKey("a")
    with mounts.mounted(key, "locked"), pytest.raises(CancelledError):
        mounts.mounted(key, "shared", cancelled=lambda: True).__enter__()


def test_private_ones_are_as_many_as_are_needed_and_used_again(store: Store) -> None:
    for _ in range(2):
        with ExitStack() as stack:
            places = [stack.enter_context(store.cache_mounts.mounted(CacheKey("a"), "private")) for _ in range(3)]
            assert len(set(places)) == 3
    assert [cache.instance for cache in sorted(store.cache_mounts.list(), key=lambda cache: cache.instance)] == [
        0,
        1,
        2,
    ]


def test_the_least_recently_used_is_listed_first(store: Store, root: Path) -> None:
    for index, id in enumerate(("a", "b", "c")):
        put(store, CacheKey(id), "f")
        about = root / "cache/mounts" / CacheKey(id).name() / "about.json"
        os.utime(about, (1000 - index, 1000 - index))
    assert [(cache.key.id, cache.last_used) for cache in store.cache_mounts.list()] == [
        ("c", 998.0),
        ("b", 999.0),
        ("a", 1000.0),
    ]
    gc.prune_cache_mounts(store, unused_for=3600)
    assert store.cache_mounts.list() == []


def test_one_that_is_in_use_is_not_removed(store: Store) -> None:
    name = CacheKey("a").name()
    assert store.cache_mounts.remove(name) is None
    with store.cache_mounts.mounted(CacheKey("a"), "shared") as data:
        (data / "f").write_text("x" * 10_000)
        assert store.cache_mounts.in_use(name)
        assert gc.prune_cache_mounts(store)[0] == 0
        (found,) = usage.measure(store).cache_mounts
        assert (found.id, found.in_use, found.size >= 10_000) == ("a", True, True)
    assert not store.cache_mounts.in_use(name)
    count, reclaimed = gc.prune_cache_mounts(store)
    assert (count, reclaimed.bytes >= 10_000) == (1, True)
    assert os.listdir(store.layout.cache_mounts) == []


def test_one_that_was_damaged_is_made_anew(store: Store) -> None:
    put(store, CacheKey("a"), "f")
    (store.layout.cache_mounts / CacheKey("a").name() / "about.json").write_text("")
    assert put(store, CacheKey("a"), "g") == []

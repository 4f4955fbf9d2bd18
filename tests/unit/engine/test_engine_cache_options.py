"""``--cache-from`` and ``--cache-to``, and what ``builder du`` and ``prune`` choose."""

from __future__ import annotations

import pytest

from boxwright.engine.buildcache import CacheLimits, items
from boxwright.engine.caches.options import From, InvalidCache, To, parse_from, parse_to
from boxwright.engine.filters import InvalidFilter
from boxwright.engine.pruning import build_cache
from boxwright.errors import BoxwrightError, UnsupportedError
from boxwright.store.store import Store
from support.images import add_layer

FROM = [
    ("ada/app", From("image", "docker.io/ada/app")),
    ("type=registry,ref=r.example/c:1", From("registry", "r.example/c:1")),
    ("type=local,src=/c", From("local", "/c")),
    ("type=local,src=/c,tag=main", From("local", "/c", "main")),
]


@pytest.mark.parametrize(("text", "expected"), FROM)
def test_caches_to_read(text: str, expected: From) -> None:
    assert parse_from(text) == expected


TO = [
    ("type=inline", To("inline")),
    ("r.example/c:1", To("registry", "r.example/c:1")),
    ("type=registry,ref=r.example/c,mode=max", To("registry", "r.example/c", mode="max")),
    ("type=local,dest=/c,compression=zstd,compression-level=9", To("local", "/c", compression="zstd", level=9)),
    ("type=local,dest=/c,image-manifest=true,ignore-error=true", To("local", "/c", ignore_error=True)),
    ("type=local,dest=/c,mounts=true", To("local", "/c", mounts=None)),
    ("type=local,dest=/c,mounts=a,mounts=b", To("local", "/c", mounts=("a", "b"))),
]


@pytest.mark.parametrize(("text", "expected"), TO)
def test_places_to_keep(text: str, expected: To) -> None:
    assert parse_to(text) == expected


WRONG = [
    ("type=gha", UnsupportedError),
    ("type=registry", InvalidCache),
    ("type=registry,ref=a@sha256:" + "0" * 64, InvalidCache),
    ("type=local", InvalidCache),
    ("type=tape,dest=x", InvalidCache),
    ("ref=a", InvalidCache),
    ("type=inline,mode=max", InvalidCache),
    ("type=local,dest=/c,mode=most", InvalidCache),
    ("type=local,dest=/c,compression=lzma", InvalidCache),
    ("type=local,dest=/c,compression-level=high", InvalidCache),
    ("type=local,dest=/c,image-manifest=false", UnsupportedError),
    ("type=local,dest=/c,ignore-error=perhaps", InvalidCache),
    ("type=local,dest=/c,colour=red", InvalidCache),
    ("type=local,/c", InvalidCache),
    ("a,b=c", InvalidCache),
]


@pytest.mark.parametrize(("text", "kind"), WRONG)
def test_what_is_wrong_is_refused(text: str, kind: type[BoxwrightError]) -> None:
    with pytest.raises(kind):
        parse_to(text)


def fill(store: Store) -> int:
    """Make three steps on each other, the lowest of which was used last; return the size of each."""
    chain = None
    for number in range(3):
        chain = add_layer(store, chain, {f"f{number}": b"x" * 10}).chain
        store.steps.record(f"key{number}", chain, document="{}")
        store.database.run("UPDATE steps SET last_used = ? WHERE key = ?", 100 - number, f"key{number}")
    (size,) = {snapshot.usage for snapshot in store.snapshots.list()}
    return size


def test_the_least_recently_used_go_first_down_to_a_size(store: Store) -> None:
    size = fill(store)
    assert [item.id for item in items(store)] == ["key2", "key1", "key0"]
    build_cache(store, limits=CacheLimits(most=3 * size - 1))
    assert [item.id for item in items(store)] == ["key1", "key0"]
    build_cache(store, limits=CacheLimits(most=0, reserved=size))
    assert [item.id for item in items(store)] == ["key0"]


def test_what_is_above_goes_before_what_it_lies_on(store: Store) -> None:
    fill(store)
    store.database.run("UPDATE steps SET last_used = 1 WHERE key = 'key0'")
    build_cache(store, filters={"id": ["key0"]})
    assert {item.id for item in items(store)} == {"key1", "key2"}
    assert len(store.snapshots.list()) == 3


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [("id", "key1", 2), ("type", "regular", 0), ("type", "exec.cachemount", 3), ("inuse", "true", 3)],
)
def test_filters(store: Store, name: str, value: str, left: int) -> None:
    fill(store)
    build_cache(store, filters={name: [value]})
    assert len(items(store)) == left


def test_a_filter_that_there_is_not(store: Store) -> None:
    with pytest.raises(InvalidFilter):
        items(store, {"colour": ["red"]})
    with pytest.raises(InvalidFilter):
        build_cache(store, filters={"type": ["source.local"]})

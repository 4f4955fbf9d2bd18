"""A cache that travels: exported from one store, it answers the build of another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from boxwright.build import cachefile
from boxwright.build.cachefile import CacheFile, MalformedCache
from boxwright.build.exports import Mode
from boxwright.build.imports import LoadedCache
from boxwright.build.progress import Warned
from boxwright.engine.caches.folders import FolderSource, FolderTarget
from boxwright.engine.caches.options import From, To
from boxwright.engine.caches.registries import inline
from boxwright.errors import UnavailableError
from boxwright.image.image import Layer
from boxwright.oci.digest import DiffID
from boxwright.store.fsck import check
from boxwright.store.store import Store
from support.building import Built, Workbench

TWO_STAGES = """\
FROM scratch AS made
COPY src /src
RUN write /out/program compiled
FROM scratch
COPY conf /etc/conf
WORKDIR /srv
COPY --from=made /out /srv
LABEL a=b
RUN write /last 1
"""
FILES = {"src/a": "a", "conf": "c"}


class Elsewhere:
    """Another machine: a store of its own, and the same context."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.number = 0

    def bench(self) -> Workbench:
        self.number += 1
        store = Store.open(self.directory / f"store{self.number}")
        return Workbench(store, self.directory / f"context{self.number}")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


def folder(bench: Workbench, path: Path, mode: Mode = "max", **options: object) -> FolderTarget:
    return FolderTarget(bench.store, To("local", str(path), mode=mode)._replace(**options))


def warnings(built: Built) -> list[str]:
    return [event.message for event in built.events if isinstance(event, Warned) and "cache" in event.message]


def test_a_cache_from_a_folder_answers_everything_and_gives_the_same_image(
    bench: Workbench, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    first = bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "cache"),))
    other = elsewhere.bench()
    second = other.build(TWO_STAGES, FILES, cache_from=(FolderSource(From("local", str(tmp_path / "cache"))),))
    assert all(second.cached())
    assert second.id == first.id
    assert second.tree() == first.tree()
    assert other.runner.processes == []
    assert check(other.store, deep=True) == []
    again = other.build(TWO_STAGES)
    assert again.id == first.id
    assert {event.instruction for event in again.done() if not event.cached} == {
        "COPY src /src",
        "RUN write /out/program compiled",
    }, "what was fetched is in the store's own cache"


@pytest.mark.parametrize("mode", ["min", "max"])
def test_layers_that_nothing_needs_are_not_fetched(
    bench: Workbench, elsewhere: Elsewhere, tmp_path: Path, mode: Mode
) -> None:
    first = bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "cache", mode),))
    other = elsewhere.bench()
    second = other.build(TWO_STAGES, FILES, cache_from=(FolderSource(From("local", str(tmp_path / "cache"))),))
    assert second.id == first.id
    assert len(other.store.snapshots.list()) == len(second.snapshots), "the first stage is not here"


def test_what_is_needed_of_a_stage_that_was_not_exported_is_built(
    bench: Workbench, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "cache", "min"),))
    other = elsewhere.bench()
    changed = TWO_STAGES.replace("COPY --from=made /out /srv", "COPY --from=made /out /elsewhere")
    built = other.build(changed, FILES, cache_from=(FolderSource(From("local", str(tmp_path / "cache"))),))
    assert built.read("/elsewhere/program") == "compiled"
    assert len(other.runner.processes) == 2
    assert [text for text in warnings(built) if "the build goes on without it" in text]
    assert check(other.store, deep=True) == []


def test_only_what_changed_is_done(bench: Workbench, elsewhere: Elsewhere, tmp_path: Path) -> None:
    bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "cache"),))
    other = elsewhere.bench()
    source = FolderSource(From("local", str(tmp_path / "cache")))
    built = other.build(TWO_STAGES, {**FILES, "src/a": "other"}, cache_from=(source,))
    # The compiler gave the same bytes: what is below does not care.
    assert sorted(event.instruction for event in built.done() if not event.cached) == [
        "COPY src /src",
        "RUN write /out/program compiled",
    ]


def test_an_image_carries_its_own_cache(bench: Workbench) -> None:
    plain = bench.build(TWO_STAGES, FILES)
    carrying = bench.build(TWO_STAGES, inline_cache=True)
    assert inline(plain.config) is None
    found = inline(carrying.config)
    assert found is not None
    assert {record.layer for record in found.records} >= set(carrying.config.diff_ids)
    assert bench.build(TWO_STAGES).id == plain.id
    assert carrying.config.diff_ids == plain.config.diff_ids


class Held:
    """A cache in memory, whose layers are those of a store, or other bytes."""

    def __init__(self, file: CacheFile, layers: Mapping[DiffID, Layer]) -> None:
        self.name = "held"
        self.file = file
        self.layers = layers

    def load(self) -> LoadedCache:
        return LoadedCache(self.file, self.layers)

    def close(self) -> None:
        pass


class Keeping:
    """A target that keeps what it is given."""

    def __init__(self, mode: Mode = "max", *, broken: bool = False, ignore_error: bool = False) -> None:
        self.name = "kept"
        self.mode: Mode = mode
        self.mounts = None
        self.ignore_error = ignore_error
        self.broken = broken
        self.source: Held | None = None

    def write(self, file: CacheFile, layers: Sequence[Layer], mounts: Sequence[str]) -> None:
        if self.broken:
            raise UnavailableError("it is not there")
        self.source = Held(file, {layer.diff_id: layer for layer in layers})


def exported(bench: Workbench, text: str = TWO_STAGES, mode: Mode = "max") -> Held:
    target = Keeping(mode)
    bench.build(text, FILES, cache_to=(target,))
    assert target.source is not None
    return target.source


def test_a_layer_with_other_bytes_is_not_believed(bench: Workbench, elsewhere: Elsewhere) -> None:
    held = exported(bench)
    layers = list(held.layers.values())

    class Swapped:
        def __init__(self, diff_id: DiffID, real: Layer) -> None:
            self.diff_id, self._real = diff_id, real
            self.size, self.descriptor = real.size, None
            self.open = self.open_packed = real.open

    swapped = {layer.diff_id: Swapped(layer.diff_id, layers[index - 1]) for index, layer in enumerate(layers)}
    other = elsewhere.bench()
    built = other.build(TWO_STAGES, FILES, cache_from=(Held(held.file, swapped),))
    assert built.tree() == {"/etc/conf": "c", "/srv/program": "compiled", "/last": "1"}
    assert len(other.runner.processes) == 2
    assert warnings(built)
    assert check(other.store, deep=True) == []


def test_no_cache_asks_no_cache(bench: Workbench, elsewhere: Elsewhere) -> None:
    held = exported(bench)
    other = elsewhere.bench()
    assert not any(other.build(TWO_STAGES, FILES, cache_from=(held,), no_cache=True).cached())


def test_what_is_named_first_goes_first_and_several_add_up(bench: Workbench, elsewhere: Elsewhere) -> None:
    one, two = exported(bench, "FROM scratch\nRUN write /a 1\n"), exported(bench, "FROM scratch\nRUN write /b 1\n")
    for text in ("FROM scratch\nRUN write /a 1\n", "FROM scratch\nRUN write /b 1\n"):
        assert all(elsewhere.bench().build(text, cache_from=(one, two)).cached())


def test_an_export_that_fails_fails_the_build_unless_it_may(bench: Workbench) -> None:
    with pytest.raises(UnavailableError, match="not there"):
        bench.build(TWO_STAGES, FILES, cache_to=(Keeping(broken=True),))
    built = bench.build(TWO_STAGES, cache_to=(Keeping(broken=True, ignore_error=True),))
    assert warnings(built) == ["the cache was not exported to kept: it is not there"]


def test_a_folder_that_is_exported_to_does_not_grow(bench: Workbench, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    for number in range(3):
        bench.build(f"FROM scratch\nRUN write /a {number}\n", cache_to=(folder(bench, place),))
    assert len(list((place / "blobs/sha256").iterdir())) == 3
    bench.build("FROM scratch\nRUN write /b 1\n", cache_to=(folder(bench, place, tag="b"),))
    assert len(list((place / "blobs/sha256").iterdir())) == 6
    assert len(json.loads((place / "index.json").read_text())["manifests"]) == 2


def test_the_same_cache_is_the_same_bytes(bench: Workbench, tmp_path: Path) -> None:
    bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "one"),))
    bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "two"),))
    assert (tmp_path / "one/index.json").read_bytes() == (tmp_path / "two/index.json").read_bytes()


def test_what_is_missing_is_warned_of(bench: Workbench, tmp_path: Path) -> None:
    built = bench.build(TWO_STAGES, FILES, cache_from=(FolderSource(From("local", str(tmp_path / "none"))),))
    assert warnings(built) == [f"there is no cache at {tmp_path / 'none'} yet"]


BROKEN = [
    b"",
    b"[]",
    b"{}",
    b'{"v":2,"records":[]}',
    b'{"v":1,"records":[1]}',
    b'{"v":1,"records":[{"document":1,"created":1}]}',
    b'{"v":1,"records":[{"document":{}}]}',
    b'{"v":1,"records":[{"document":{},"created":-1}]}',
    b'{"v":1,"records":[{"document":{},"created":1,"layer":"../../x"}]}',
    b'{"v":1,"records":[{"document":{},"created":1000000000000000}]}',
    b'{"v":1,"records":{}}',
    b'{"v":1,"records":[],"contents":[["a","b"]]}',
    b'{"v":1,"records":[],"layers":["x"]}',
    b'{"v":1,"records":[],"mounts":[{"id":"a"}]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("raw", BROKEN, ids=range(len(BROKEN)))
def test_broken_documents_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedCache):
        cachefile.parse(raw)


def test_a_document_reads_as_it_was_written(bench: Workbench) -> None:
    file = exported(bench).file
    assert cachefile.parse(file.to_bytes()) == file


def test_a_broken_folder_is_warned_of(bench: Workbench, tmp_path: Path) -> None:
    bench.build(TWO_STAGES, FILES, cache_to=(folder(bench, tmp_path / "cache"),))
    (tmp_path / "cache/index.json").write_text("{")
    built = bench.build(TWO_STAGES, cache_from=(FolderSource(From("local", str(tmp_path / "cache"))),))
    assert len(warnings(built)) == 1

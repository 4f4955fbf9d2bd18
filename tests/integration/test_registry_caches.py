"""The cache of a build in registries: boxwright's own, and distribution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.build.progress import Event, StepDone, Warned
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.engine.wanted import Build
from integration.remote_servers import docker_registry
from support.registry_process import serving

pytestmark = pytest.mark.root

DOCKERFILE = """\
FROM scratch AS made
COPY a /a
FROM scratch
COPY --from=made /a /b
WORKDIR /w
LABEL of=a
"""


@pytest.fixture(params=["boxwright", pytest.param("distribution", marks=pytest.mark.peer)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "boxwright":
        with serving(tmp_path / "registry") as server:
            yield server.address
    else:
        (tmp_path / "registry").mkdir()
        with docker_registry(tmp_path / "registry") as domain:
            yield domain


def built(root: Path, context: Path, **options: object) -> tuple[str, list[str], list[str]]:
    """Build in a store; return the image's ID, the steps that were done, and the warnings."""
    events: list[Event] = []
    with Engine(Settings(root)) as engine:
        result = engine.build(Build(context=str(context), tags=("made",))._replace(**options), events.append)
        layers = len(engine.store.snapshots.list())
    done = [event.instruction for event in events if isinstance(event, StepDone) and not event.cached]
    warned = [event.message for event in events if isinstance(event, Warned)]
    assert layers <= 3
    return result.image, done, warned


@pytest.fixture
def context(tmp_path: Path) -> Path:
    directory = tmp_path / "context"
    directory.mkdir()
    (directory / "a").write_text("a")
    (directory / "Dockerfile").write_text(DOCKERFILE)
    return directory


@pytest.mark.parametrize("options", ["mode=min", "mode=max", "mode=max,compression=zstd,force-compression=true"])
def test_a_cache_in_a_registry(registry: str, context: Path, tmp_path: Path, options: str) -> None:
    ref = f"{registry}/ada/cache:main"
    image, done, _ = built(tmp_path / "one", context, cache_to=(f"type=registry,ref={ref},{options}",))
    assert len(done) == 4
    again, done, warned = built(tmp_path / "two", context, cache_from=(f"type=registry,ref={ref}",))
    assert (again, done, warned) == (image, [], [])


def test_a_cache_inside_of_an_image(registry: str, context: Path, tmp_path: Path) -> None:
    name = f"{registry}/ada/app:1"
    image, _, _ = built(tmp_path / "one", context, tags=(name,), build_args={"BUILDKIT_INLINE_CACHE": "1"})
    with Engine(Settings(tmp_path / "one")) as engine:
        engine.push(name)
    again, done, warned = built(tmp_path / "two", context, cache_from=(name,), cache_to=("type=inline",))
    assert (again, done, warned) == (image, [], [])


def test_a_registry_without_the_cache_is_warned_of(registry: str, context: Path, tmp_path: Path) -> None:
    _, done, warned = built(tmp_path / "one", context, cache_from=(f"type=registry,ref={registry}/none",))
    assert len(done) == 4
    assert warned == [f"there is no cache at {registry}/none:latest yet"]


def test_a_limit_of_the_cache_is_kept_after_a_build(context: Path, tmp_path: Path) -> None:
    with Engine(Settings(tmp_path / "one", build_cache_limit=0)) as engine:
        result = engine.build(Build(context=str(context), tags=("made",)))
        assert sum(item.size for item in engine.build_cache()) == 0  # what takes no space may stay
        record = engine.store.images.find(result.image)
        assert len(engine.store.snapshots.list()) == len(engine.store.snapshots.stack(record.chain))
        assert engine.fsck(deep=True) == []

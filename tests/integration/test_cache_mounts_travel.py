"""Cache mounts go along with an exported cache, and fill those that another machine has not got yet."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from boxwright.build.progress import Event, StepOutput, Warned
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.engine.wanted import Build

pytestmark = [pytest.mark.root, pytest.mark.runtime]

COUNT = "echo x >> /cache/count && chmod 600 /cache/count && wc -l < /cache/count"


def told(root: Path, rootfs: Path, context: Path, word: str, **options: object) -> tuple[list[str], list[str]]:
    """Build in a store; return what the command said, and the warnings."""
    tar = subprocess.run(["tar", "-C", str(rootfs), "-c", "bin", "etc", "tmp"], check=True, capture_output=True).stdout
    (context / "Dockerfile").write_text(
        f"FROM base\nRUN --mount=type=cache,id=counting,target=/cache,uid=7 {COUNT} && : {word}\n"
    )
    events: list[Event] = []
    with Engine(Settings(root)) as engine:
        engine.import_image(io.BytesIO(tar), name="base")
        engine.build(Build(context=str(context), network="none")._replace(**options), events.append)
        assert engine.fsck(deep=True) == []
    return (
        [event.line for event in events if isinstance(event, StepOutput)],
        [event.message for event in events if isinstance(event, Warned) and "cache" in event.message],
    )


@pytest.mark.parametrize("which", ["mounts=true", "mounts=counting"])
def test_a_cache_mount_travels(rootfs: Path, tmp_path: Path, which: str) -> None:
    context, kept = tmp_path / "context", tmp_path / "kept"
    context.mkdir()
    export = (f"type=local,dest={kept},{which}",)
    source = (f"type=local,src={kept}",)
    assert told(tmp_path / "one", rootfs, context, "one", cache_to=export) == (["1"], [])
    assert told(tmp_path / "two", rootfs, context, "two", cache_from=source) == (["2"], [])
    # What is here already stays as it is.
    assert told(tmp_path / "two", rootfs, context, "three", cache_from=source) == (["3"], [])


def test_a_mount_that_is_damaged_starts_empty(rootfs: Path, tmp_path: Path) -> None:
    context, kept = tmp_path / "context", tmp_path / "kept"
    context.mkdir()
    told(tmp_path / "one", rootfs, context, "one", cache_to=(f"type=local,dest={kept},mounts=true",))
    for blob in (kept / "blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(b"\x1f\x8b damaged")
    said, warned = told(tmp_path / "two", rootfs, context, "two", cache_from=(f"type=local,src={kept}",))
    assert said == ["1"]
    assert len(warned) == 1
    assert warned[0].startswith("the cache mount counting starts empty")


def test_no_mount_goes_along_unasked(rootfs: Path, tmp_path: Path) -> None:
    context, kept = tmp_path / "context", tmp_path / "kept"
    context.mkdir()
    told(tmp_path / "one", rootfs, context, "one", cache_to=(f"type=local,dest={kept}",))
    assert told(tmp_path / "two", rootfs, context, "two", cache_from=(f"type=local,src={kept}",)) == (["1"], [])

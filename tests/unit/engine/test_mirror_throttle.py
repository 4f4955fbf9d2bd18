"""Blobs that come slowly."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from boxwright.engine.mirroring.throttle import ThrottledSource
from boxwright.host.paths import Path as HostPath
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor
from boxwright.remote.layout import LayoutFolder
from boxwright.remote.limiter import Limiter
from support.registry_kit import SmallImage


def test_no_more_than_the_rate_passes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 400
    image = SmallImage.of(b"x")._replace(layer=content)
    image.write_layout(tmp_path / "layout")
    slept: list[float] = []
    limiter = Limiter(10_000, clock=lambda: 0.0, sleep=slept.append)
    folder = LayoutFolder(HostPath(tmp_path / "layout"))
    source = ThrottledSource(folder, limiter)
    blob = Descriptor("application/x", Digest.of(content), len(content))
    got = io.BytesIO()
    with source.read_blob("", blob, 400) as reader:
        while chunk := reader.read(1 << 20):
            assert len(chunk) <= limiter.piece
            got.write(chunk)
    assert got.getvalue() == content[400:]
    assert max(slept) == pytest.approx((len(content) - 400) / 10_000), (
        "on a clock that stands still, the whole time is waited for"
    )
    folder.close()

"""Archives travel between us and the tools that others use."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from boxwright.image import docker_archive, oci_layout
from boxwright.image.image import Image
from boxwright.image.oci_layout import Named
from boxwright.image.tree import open_tree
from boxwright.oci.digest import DiffID
from boxwright.store import fsck
from boxwright.store.ingest import ingest_image
from boxwright.store.store import Store
from support.images import AMD64, MemoryLayer, layer_tar, memory_image, ref

pytestmark = pytest.mark.peer

LOWER = MemoryLayer(layer_tar({"bin/": b"", "bin/tool": b"1" * 5000}), packing="gzip")
UPPER = MemoryLayer(layer_tar({"file": b"2" * 300_000}))
IMAGE = memory_image(LOWER, UPPER)
LAYERS = [LOWER.diff_id, UPPER.diff_id]  # who converts between docker's form and OCI's writes a new configuration


def run(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    with open(tmp_path / "docker.tar", "wb") as sink:
        docker_archive.write([Named(IMAGE, (ref("ada/web:1"), ref("ada/web:2")))], sink)
    with open(tmp_path / "oci.tar", "wb") as sink:
        oci_layout.write_archive([Named(IMAGE, (ref("ada/web:1"),))], sink)
    oci_layout.write_directory([Named(IMAGE, (ref("ada/web:1"),))], tmp_path / "oci")
    return tmp_path


@needs("skopeo")
@pytest.mark.parametrize(
    "source",
    [
        "docker-archive:docker.tar:ada/web:1",
        "docker-archive:docker.tar:docker.io/ada/web:2",
        "oci-archive:oci.tar:1",
        "oci:oci:1",
    ],
)
def test_skopeo_reads_what_we_write(saved: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(saved)
    config = json.loads(run("skopeo", "inspect", "--config", "--raw", source))
    assert config == json.loads(IMAGE.config_bytes)
    run("skopeo", "copy", "--insecure-policy", source, "dir:copy")


@pytest.fixture
def podman() -> Iterator[Sequence[str]]:
    # podman takes no long names for its run root; vfs, since the directory may itself be on an overlay.
    with tempfile.TemporaryDirectory(prefix="p") as own:
        yield ("podman", "--storage-driver", "vfs", "--root", f"{own}/root", "--runroot", f"{own}/run")


@needs("podman")
@pytest.mark.root
@pytest.mark.parametrize("archive", ["docker.tar", "oci.tar"])
def test_podman_takes_part(saved: Path, podman: Sequence[str], archive: str) -> None:
    run(*podman, "load", "-i", saved / archive)
    found = json.loads(run(*podman, "images", "--format", "json"))
    assert {image["Id"] for image in found} == {IMAGE.id.hex}
    back = saved / "back.tar"
    run(*podman, "save", "--format", "docker-archive", "-o", back, IMAGE.id.hex)
    assert came_in(saved / "store", back) == LAYERS
    run(*podman, "rmi", "-f", IMAGE.id.hex)


def skopeo_archive(saved: Path, target: Path) -> None:
    run("skopeo", "copy", "--insecure-policy", f"oci:{saved}/oci:1", f"docker-archive:{target}:ada/web:1")


def skopeo_layout(saved: Path, target: Path) -> None:
    run(
        "skopeo", "copy", "--insecure-policy", f"docker-archive:{saved}/docker.tar:ada/web:1", f"oci:{target}:ada/web:1"
    )


@needs("skopeo")
@pytest.mark.root
@pytest.mark.parametrize("write", [skopeo_archive, skopeo_layout])
def test_what_skopeo_writes_comes_in(saved: Path, write: Callable[[Path, Path], None]) -> None:
    write(saved, saved / "theirs")
    assert came_in(saved / "store", saved / "theirs") == LAYERS


@needs("skopeo")
@pytest.mark.root
def test_the_store_is_a_layout_for_skopeo(saved: Path) -> None:
    image: Image = memory_image(LOWER, with_manifest=True)
    with Store.open(saved / "store") as store:
        store.images.tag(ref("ada/web:1"), ingest_image(store, image).id)
    raw = run("skopeo", "inspect", "--raw", f"oci:{saved}/store/content:ada/web:1")
    assert image.manifest is not None
    assert raw.encode() == image.manifest.raw


def came_in(root: Path, archive: Path) -> list[DiffID]:
    with Store.open(root) as store:
        tree = open_tree(archive, store.layout.ingest)
        (named,) = docker_archive.read_images(tree, AMD64)
        record = ingest_image(store, named.image)
        tree.close()
        assert fsck.check(store, deep=True) == []
        return [snapshot.diff_id for snapshot in store.snapshots.stack(record.chain)]

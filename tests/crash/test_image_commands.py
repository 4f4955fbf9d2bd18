"""Commands that work on images alone, killed at any point: no root, no runtime."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from boxwright.image import docker_archive
from boxwright.image.oci_layout import Named
from boxwright.store import uploads
from crash.commands import Ground, walk
from support.images import MemoryLayer, layer_tar, memory_image, ref
from support.registry_process import serving

pytestmark = pytest.mark.root

DOCKERFILE = """\
FROM scratch AS one
COPY a /a
FROM scratch AS two
COPY b /b
FROM scratch
COPY --from=one /a /one/
COPY --from=two /b /two/
WORKDIR /three
LABEL made=by-hand
ADD c.tar /four
"""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    ground = Ground(tmp_path)
    for name in "ab":
        (ground.work / name).write_text(name * 5000)
    (ground.work / "c.tar").write_bytes(layer_tar({"d/": b"", "d/file": b"c" * 4000}))
    (ground.work / "Dockerfile").write_text(DOCKERFILE)
    ground.command("images")
    return ground


def built(ground: Ground) -> None:
    for name in ("a", "b"):
        (ground.work / f"Dockerfile.{name}").write_text(f"FROM scratch\nCOPY {name} /\nLABEL of={name}\n")
        ground.command("build", "-q", "-f", f"Dockerfile.{name}", "-t", f"ada/{name}", ".")


def test_build(ground: Ground) -> None:
    def afterwards(when: str) -> None:
        output = ground.command("build", "-t", "made", "--progress", "plain", ".")
        assert "built  made:latest" in output, when
        with ground.engine() as engine:
            assert [row.repository for row in engine.images()] == ["made"]
        ground.check(when)

    walk(ground, ("build", "-t", "made", "."), afterwards, most=6, least=20)


BAKE = """\
group "default" { targets = ["app", "web"] }
target "base" { dockerfile-inline = "FROM scratch\\nCOPY a /" }
target "app" {
  dockerfile-inline = "FROM base\\nCOPY b /"
  contexts = { base = "target:base" }
  tags = ["app"]
}
target "web" {
  dockerfile-inline = "FROM base\\nCOPY c.tar /"
  contexts = { base = "target:base" }
  output = ["type=oci,dest=web.tar"]
}
"""


def test_bake(ground: Ground) -> None:
    (ground.work / "docker-bake.hcl").write_text(BAKE)

    def afterwards(when: str) -> None:
        output = ground.command("bake", "--progress", "plain")
        assert "built  app:  app:latest" in output, when
        with ground.engine() as engine:
            assert [row.repository for row in engine.images()] == ["app"]
        ground.check(when)

    walk(ground, ("bake",), afterwards, most=6, least=20)


def test_build_without_its_cache_over_an_image_that_is_there(ground: Ground) -> None:
    ground.command("build", "-q", "-t", "made", ".")
    (ground.work / "a").write_text("changed")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            # The name leads to the old image or the new one, each whole.
            assert len(engine.images("made")) == 1, when
            engine.remove_image("made", force=True)
            engine.prune_all(all=True)
            assert engine.store.snapshots.list() == []
            assert list(engine.store.blobs) == []
        ground.check(when)

    walk(ground, ("build", "--no-cache", "-t", "made", "."), afterwards, most=6)


def test_build_that_exports_its_cache(ground: Ground) -> None:
    argv = ("build", "-q", "--cache-to", "type=local,dest=kept,mode=max", "-t", "made", ".")

    def afterwards(when: str) -> None:
        ground.command(*argv)
        with ground.engine() as engine:
            engine.remove_image("made", force=True)
            engine.prune_all(all=True)
        output = ground.command(
            "build", "--progress", "plain", "--cache-from", "type=local,src=kept", "-t", "made", "."
        )
        assert "10 of 10 from cache" in output, when
        ground.check(when)

    walk(ground, argv, afterwards, most=8, least=20)


def test_build_from_a_cache_elsewhere(ground: Ground) -> None:
    ground.command("build", "-q", "--cache-to", "type=local,dest=kept,mode=max", "-t", "made", ".")
    with ground.engine() as engine:
        engine.remove_image("made", force=True)
        engine.prune_all(all=True)
    argv = ("build", "--progress", "plain", "--cache-from", "type=local,src=kept", "-t", "made", ".")

    def afterwards(when: str) -> None:
        assert "10 of 10 from cache" in ground.command(*argv), when
        ground.check(when)

    walk(ground, argv, afterwards, most=8, least=10)


def test_tag(ground: Ground) -> None:
    built(ground)

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            engine.tag("ada/a", "ada/b")
            assert len({row.record.id for row in engine.images("ada/*")}) == 1
        ground.check(when)

    walk(ground, ("tag", "ada/a", "ada/b"), afterwards, most=4)


def test_rmi(ground: Ground) -> None:
    built(ground)

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            for name in ("ada/a", "ada/b"):
                if engine.images(name):
                    engine.remove_image(name)
        ground.check(when)

    walk(ground, ("rmi", "ada/a", "ada/b"), afterwards, most=6)


def test_prune(ground: Ground) -> None:
    built(ground)
    ground.command("rmi", "ada/a")

    def afterwards(when: str) -> None:
        with ground.engine() as engine:
            engine.prune_all()
            assert [row.repository for row in engine.images(all=True)] == ["ada/b"]
        ground.check(when)

    walk(ground, ("system", "prune", "-f"), afterwards, most=6)


def test_load(ground: Ground) -> None:
    layers = [MemoryLayer(layer_tar({name: name.encode() * 5000}), packing="gzip") for name in "xy"]
    sink = io.BytesIO()
    docker_archive.write([Named(memory_image(*layers), (ref("loaded:1"), ref("loaded:2")))], sink)
    (ground.work / "archive.tar").write_bytes(sink.getvalue())

    def afterwards(when: str) -> None:
        with ground.engine() as engine, (ground.work / "archive.tar").open("rb") as archive:
            assert engine.load(archive) == ["loaded:1", "loaded:2"]
        ground.check(when)

    walk(ground, ("load", "-i", "archive.tar"), afterwards, most=7, least=10)


def test_import(ground: Ground) -> None:
    (ground.work / "rootfs.tar").write_bytes(layer_tar({"bin/": b"", "bin/sh": b"#" * 9000}))

    def afterwards(when: str) -> None:
        with ground.engine() as engine, (ground.work / "rootfs.tar").open("rb") as tar:
            engine.import_image(tar, name="imported")
            assert engine.images("imported")
        ground.check(when)

    walk(ground, ("import", "-c", "CMD sh", "rootfs.tar", "imported"), afterwards, most=5)


def test_pull_and_push(ground: Ground, tmp_path: Path) -> None:
    (ground.work / "a").write_bytes(os.urandom(uploads.LEAST_BYTES))  # its upload is noted
    built(ground)
    with serving(tmp_path / "registry") as server:
        port = server.address.rpartition(":")[2]
        name = f"localhost:{port}/ada/a:1"
        ground.command("tag", "ada/a", name)

        def pushed(when: str) -> None:
            with ground.engine() as engine:
                engine.push(name)
            ground.check(when)

        walk(ground, ("push", name), pushed, most=4)
        ground.command("system", "prune", "-f", "-a")

        def pulled(when: str) -> None:
            with ground.engine() as engine:
                engine.pull(name)
                assert [row.tag for row in engine.images(all=True)] == ["1"]
            ground.check(when)

        walk(ground, ("pull", name), pulled, most=8, least=10)


def test_save_writes_the_whole_archive_or_none(ground: Ground) -> None:
    built(ground)

    def afterwards(when: str) -> None:
        archive = ground.work / "saved.tar"
        with ground.engine() as engine:
            if archive.exists():
                with archive.open("rb") as stream:
                    assert engine.load(stream) == ["ada/a:latest", "ada/b:latest"]
                archive.unlink()
        ground.check(when)

    walk(ground, ("save", "-o", "saved.tar", "ada/a", "ada/b"), afterwards, most=4)


def test_build_into_a_folder(ground: Ground) -> None:
    def afterwards(when: str) -> None:
        ground.command("build", "-q", "-o", "out", ".")
        out = ground.work / "out"
        assert sorted(path.name for path in out.iterdir()) == ["four", "mine", "one", "three", "two"], when
        assert (out / "one/a").read_text() == "a" * 5000
        ground.check(when)

    (ground.work / "out").mkdir()
    (ground.work / "out/mine").write_text("mine")
    (ground.work / ".dockerignore").write_text("out")
    walk(ground, ("build", "-o", "out", "."), afterwards, most=6)


def test_build_for_several_platforms(ground: Ground) -> None:
    command = ("build", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "made", "--annotation", "a=b", ".")

    def afterwards(when: str) -> None:
        ground.command(*command)
        with ground.engine() as engine:
            assert len(engine.store.images.publication(ref("made")).images) == 2, when
            engine.remove_image("made")
            assert engine.images(all=True) == []
        ground.check(when)

    walk(ground, command, afterwards, most=6)

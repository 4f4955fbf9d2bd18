"""A disk that is full ends in an error that says so, and in a store that verifies."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")]

TESTS = Path(__file__).parents[1]


def on_a_small_disk(tmp_path: Path, program: str) -> None:
    """Run a program whose `store` is on a file system of 8 MB, in a mount namespace of its own."""
    prelude = f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(TESTS)!r})
        from boxwright.errors import UnavailableError
        from boxwright.host import syscalls
        from boxwright.store import fsck, gc
        from boxwright.store.ingest import ingest_image
        from boxwright.store.store import Store
        from support.images import *
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("tmpfs", {str(tmp_path)!r}, "tmpfs", 0, "size=8m")
        store = Store.open(Path({str(tmp_path)!r}) / "root")
        def refused(operation):
            try:
                operation()
            except UnavailableError as error:
                assert "space" in error.message, error.message
                assert error.hint, error.message
            else:
                raise AssertionError("it fitted")
        def sound():
            assert [f for f in fsck.check(store, deep=True) if f.severity == "damage"] == []
        def noise(size):
            return MemoryLayer(layer_tar({{f"file{{size}}": os.urandom(size)}}), packing="gzip")
    """
    code = textwrap.dedent(prelude) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_layer_whose_blob_does_not_fit(tmp_path: Path) -> None:
    on_a_small_disk(
        tmp_path,
        """
        refused(lambda: ingest_image(store, memory_image(noise(1_000_000), noise(20_000_000))))
        sound()
        gc.collect(store)
        assert fsck.check(store, deep=True) == []
        ingest_image(store, memory_image(noise(1_000_000)))
        sound()
        """,
    )


def test_a_layer_whose_files_do_not_fit(tmp_path: Path) -> None:
    on_a_small_disk(
        tmp_path,
        """
        zeros = MemoryLayer(layer_tar({"file": bytes(range(256)) * 80_000}), packing="gzip")
        refused(lambda: ingest_image(store, memory_image(zeros)))
        sound()
        gc.collect(store)
        assert fsck.check(store, deep=True) == []
        """,
    )


def test_rows_that_do_not_fit(tmp_path: Path) -> None:
    on_a_small_disk(
        tmp_path,
        """
        add_image(store, "kept")
        def fill():
            for number in range(1000):
                store.contexts.put_index(str(number), os.urandom(100_000))
        refused(fill)
        sound()
        assert store.images.find("kept")
        """,
    )


def test_a_copy_that_does_not_fit(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    on_a_small_disk(
        disk,
        f"""
        from support.building import Workbench
        bench = Workbench(store, Path({str(tmp_path / "context")!r}))
        bench.write({{"small": b"x", "big": os.urandom(20_000_000)}})
        bench.build("FROM scratch\\nCOPY small /\\n", tag="kept")
        refused(lambda: bench.build("FROM scratch\\nCOPY big /\\n"))
        sound()
        gc.collect(store)
        assert fsck.check(store, deep=True) == []
        """,
    )


def test_a_disk_on_which_the_database_cannot_even_be_opened(tmp_path: Path) -> None:
    on_a_small_disk(
        tmp_path,
        """
        add_image(store, "kept")
        store.close()
        filling = store.layout.root.parent / "filling"
        def fill():
            with open(filling, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        try:
            fill()
        except OSError:
            pass
        refused(lambda: Store.open(store.layout.root).images.list())
        filling.unlink()
        assert Store.open(store.layout.root).images.find("kept")
        """,
    )

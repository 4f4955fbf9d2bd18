"""Root file systems put together in memory."""

from __future__ import annotations

import io
import pathlib
import tarfile

import pytest

from boxwright.bootstrap import busybox, debian, registry
from boxwright.bootstrap.rootfs import RootFs
from boxwright.errors import InvalidError
from boxwright.host.paths import Path


def written(tree: RootFs) -> bytes:
    out = io.BytesIO()
    tree.write(out)
    return out.getvalue()


def test_a_tree_has_its_parents_and_belongs_to_root(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "tool"
    source.write_bytes(b"program")
    tree = RootFs(1_000_000)
    tree.file("usr/bin/tool", source, 0o755)
    tree.file("/etc/motd", b"hi\n")
    tree.symlink("bin", "usr/bin")
    tree.directory("tmp", 0o1777)
    with tarfile.open(fileobj=io.BytesIO(written(tree))) as archive:
        members = {member.name: member for member in archive}
        content = archive.extractfile("usr/bin/tool")
        assert content is not None
        assert content.read() == b"program"
    assert list(members) == ["bin", "etc", "etc/motd", "tmp", "usr", "usr/bin", "usr/bin/tool"]
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 1_000_000)}
    assert members["tmp"].mode == 0o1777
    assert members["usr/bin/tool"].mode == 0o755
    assert members["bin"].linkname == "usr/bin"


def test_the_order_of_adding_does_not_matter() -> None:
    one, other = RootFs(5), RootFs(5)
    one.file("a/b", b"1")
    one.file("c", b"2")
    other.file("c", b"2")
    other.file("a/b", b"1")
    assert written(one) == written(other)


def test_what_is_copied_keeps_whether_it_can_be_run(tmp_path: pathlib.Path) -> None:
    plain, program, link = tmp_path / "plain", tmp_path / "program", tmp_path / "link"
    plain.write_text("x")
    program.write_text("x")
    program.chmod(0o700)
    link.symlink_to("plain")
    tree = RootFs(0)
    for path in (plain, program, link):
        tree.copy(path, path.name)
    with tarfile.open(fileobj=io.BytesIO(written(tree))) as archive:
        assert {member.name: (member.mode, member.issym()) for member in archive} == {
            "plain": (0o644, False),
            "program": (0o755, False),
            "link": (0o777, True),
        }


def test_a_script_is_no_static_program(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert not busybox.is_static(script)


@pytest.mark.parametrize("suite", ["", "../x", "Bookworm", "a b", "-x"])
def test_what_is_no_suite_is_refused(suite: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidError, match="invalid suite"):
        debian.bootstrap(suite, Path(tmp_path))


@pytest.mark.parametrize(
    ("marker", "own", "applies"),
    [
        ("", False, True),
        (' extra == "hub"', True, True),
        (' extra == "dev"', True, False),
        (' extra == "speedups"', False, False),
        (' python_version < "3.8"', False, False),
        (' python_version < "3.99"', False, True),
    ],
)
def test_which_requirements_the_registry_has(marker: str, own: bool, applies: bool) -> None:
    assert registry._applies(marker, own) is applies

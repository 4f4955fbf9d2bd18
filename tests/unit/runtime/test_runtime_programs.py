"""Programs are looked for as a shell would inside the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.programs import has_program


@pytest.fixture
def rootfs(tmp_path: Path) -> str:
    for name in ("bin/tool", "opt/own/other", "work/here"):
        place = tmp_path / name
        place.parent.mkdir(parents=True)
        place.touch()
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "bin").symlink_to("/bin")
    (tmp_path / "bin" / "broken").symlink_to("/nowhere")
    (tmp_path / "bin" / "outside").symlink_to("../../../../../../../../bin/sh")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("program", "env", "cwd", "found"),
    [
        ("tool", (), "/", True),
        ("other", (), "/", False),
        ("other", ("PATH=/bin:/opt/own",), "/", True),
        ("tool", ("PATH=/opt/own",), "/", False),
        ("tool", ("PATH=/opt/own", "PATH=/usr/bin"), "/", True),
        ("/bin/tool", (), "/", True),
        ("/bin/gone", (), "/", False),
        ("/bin/tool/x", (), "/", False),
        ("./here", (), "/work", True),
        ("./here", (), "/", False),
        ("here", ("PATH=:/bin",), "/work", True),
        ("broken", (), "/", False),
        ("outside", (), "/", False),
    ],
)
def test_where_a_program_is_found(rootfs: str, program: str, env: tuple[str, ...], cwd: str, found: bool) -> None:
    assert has_program(rootfs, ContainerOptions(argv=(program,), env=env, cwd=cwd)) is found

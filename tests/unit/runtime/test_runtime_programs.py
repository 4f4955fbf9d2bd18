"""Programs are looked for as a shell would inside the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.runtime.failures import ExecutableNotFound, NotExecutable
from boxwright.runtime.options import ContainerOptions
from boxwright.runtime.programs import check_program


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
    for name in ("bin/tool", "opt/own/other", "work/here"):
        (tmp_path / name).chmod(0o755)
    (tmp_path / "opt" / "text").touch(0o644)
    (tmp_path / "opt" / "later").mkdir()
    (tmp_path / "opt" / "own" / "later").touch(0o755)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("program", "env", "cwd", "problem"),
    [
        ("tool", (), "/", None),
        ("other", (), "/", ExecutableNotFound),
        ("other", ("PATH=/bin:/opt/own",), "/", None),
        ("tool", ("PATH=/opt/own",), "/", ExecutableNotFound),
        ("tool", ("PATH=/opt/own", "PATH=/usr/bin"), "/", None),
        ("/bin/tool", (), "/", None),
        ("/bin/gone", (), "/", ExecutableNotFound),
        ("/bin/tool/x", (), "/", ExecutableNotFound),
        ("./here", (), "/work", None),
        ("./here", (), "/", ExecutableNotFound),
        ("here", ("PATH=:/bin",), "/work", None),
        ("broken", (), "/", ExecutableNotFound),
        ("outside", (), "/", ExecutableNotFound),
        ("/opt", (), "/", NotExecutable),
        ("/opt/text", (), "/", NotExecutable),
        ("text", ("PATH=/bin:/opt",), "/", NotExecutable),
        ("later", ("PATH=/opt:/opt/own",), "/", None),
    ],
)
def test_where_a_program_is_found(
    rootfs: str, program: str, env: tuple[str, ...], cwd: str, problem: type[Exception] | None
) -> None:
    options = ContainerOptions(argv=(program,), env=env, cwd=cwd)
    if problem is None:
        check_program(rootfs, options)
    else:
        with pytest.raises(problem):
            check_program(rootfs, options)

"""Small programs that find out whether an architecture's programs run here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from boxwright.host.emulation import can_run, probe

EMULATORS = {
    "386": "i386",
    "amd64": "x86_64",
    "arm": "arm",
    "arm64": "aarch64",
    "loong64": "loongarch64",
    "mips64le": "mips64el",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}


@pytest.mark.peer
@pytest.mark.parametrize(("architecture", "emulator"), EMULATORS.items())
def test_each_is_a_program_that_ends_well(architecture: str, emulator: str, tmp_path: Path) -> None:
    qemu = shutil.which(f"qemu-{emulator}-static") or shutil.which(f"qemu-{emulator}")
    if qemu is None:
        pytest.skip("needs qemu-user-static")
    program = probe(architecture)
    assert program is not None
    (tmp_path / "program").write_bytes(program)
    os.chmod(tmp_path / "program", 0o755)
    assert subprocess.run([qemu, tmp_path / "program"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("architecture", EMULATORS)
def test_each_says_what_machine_it_is_for(architecture: str) -> None:
    program = probe(architecture)
    assert program is not None
    assert program[:4] == b"\x7fELF"
    assert len(program) < 256


def test_what_is_not_known_is_not_refused() -> None:
    assert probe("pdp11") is None
    assert can_run("pdp11")


def test_this_machine_runs_its_own() -> None:
    own = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    if own is None:
        pytest.skip("another machine")
    assert can_run(own)

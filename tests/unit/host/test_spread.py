from __future__ import annotations

from pathlib import Path

from boxwright.host.spread import spread_children


def test_is_only_a_hint(tmp_path: Path) -> None:
    known = spread_children(tmp_path)
    assert spread_children(tmp_path) is known
    (tmp_path / "child").mkdir()
    assert (tmp_path / "child").is_dir()


def test_a_file_system_without_flags_is_fine() -> None:
    assert spread_children(Path("/proc/self")) is False

"""Extended attributes."""

from __future__ import annotations

import os

from boxwright.host import xattrs


def test_attributes_of_files_and_descriptors(tmp_path):
    path = str(tmp_path / "f")
    with open(path, "wb") as stream:
        assert xattrs.names(path) == xattrs.names(stream.fileno()) == []
        assert xattrs.get(path, "user.a") is None
        xattrs.set(stream.fileno(), "user.a", b"1")
        assert xattrs.get(stream.fileno(), "user.a") == b"1"
    assert xattrs.names(path) == ["user.a"]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "f").touch()
    os.setxattr(tmp_path / "f", "user.a", b"1")
    os.symlink("f", tmp_path / "l")
    assert xattrs.names(str(tmp_path / "l")) == []
    assert xattrs.get(str(tmp_path / "l"), "trusted.a") is None


def test_a_file_system_without_any_has_none():
    assert xattrs.names("/proc/self/status") == []
    assert xattrs.get("/proc/self/status", "user.a") is None

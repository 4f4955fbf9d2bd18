"""What a container changed."""

from __future__ import annotations

import os

import pytest

from boxwright.layer.changes import changes
from boxwright.layer.union import UnionView
from support.trees import make_file, make_opaque, make_whiteout


@pytest.fixture
def pair(tmp_path):
    """A lower and an upper directory."""
    for name in ("lower", "upper"):
        (tmp_path / name).mkdir()
    return tmp_path / "lower", tmp_path / "upper"


def told(pair, **options):
    lower, upper = pair
    return [f"{change.kind} {change.path}" for change in changes(upper, UnionView([lower]), **options)]


def test_nothing(pair):
    assert told(pair) == []


def test_added_changed_deleted_and_the_directories_above(pair):
    lower, upper = pair
    for name in ("etc/passwd", "etc/old", "usr/share/doc/x"):
        make_file(lower / name, "before")
    make_file(upper / "etc/passwd", "after")
    make_whiteout(upper / "etc/old")
    make_file(upper / "usr/share/doc/new/y")
    assert told(pair) == [
        "C /etc",
        "D /etc/old",
        "C /etc/passwd",
        "C /usr",
        "C /usr/share",
        "C /usr/share/doc",
        "A /usr/share/doc/new",
        "A /usr/share/doc/new/y",
    ]


def test_a_directory_that_was_only_passed_through_is_not_a_change(pair):
    lower, upper = pair
    make_file(lower / "a/b/f")
    (upper / "a/b").mkdir(parents=True)
    assert told(pair) == []
    (upper / "a/b").chmod(0o700)
    assert told(pair) == ["C /a", "C /a/b"]


def test_deleting_what_was_never_there_is_no_change(pair):
    _, upper = pair
    make_whiteout(upper / "x")
    assert told(pair) == []


def test_a_replaced_directory_tells_what_is_gone(pair):
    lower, upper = pair
    for name in ("d/kept", "d/gone", "d/sub/deep"):
        make_file(lower / name)
    make_opaque(upper / "d")
    make_file(upper / "d/kept")
    make_file(upper / "d/new")
    assert told(pair) == ["C /d", "D /d/gone", "C /d/kept", "A /d/new", "D /d/sub"]


def test_a_replaced_directory_is_not_merged_further_down_either(pair):
    lower, upper = pair
    make_file(lower / "d/sub/gone")
    make_opaque(upper / "d")
    make_file(upper / "d/sub/new")
    assert told(pair) == ["C /d", "C /d/sub", "D /d/sub/gone", "A /d/sub/new"]


def test_a_new_directory_may_be_opaque(pair):
    _, upper = pair
    make_opaque(upper / "d")
    assert told(pair) == ["A /d"]


def test_a_type_that_changed(pair):
    lower, upper = pair
    make_file(lower / "was-dir/f")
    make_file(lower / "was-file")
    os.symlink("x", upper / "was-dir")
    make_file(upper / "was-file/f")
    assert told(pair) == ["C /was-dir", "C /was-file", "A /was-file/f"]


def test_scaffolding_is_left_out(pair):
    _, upper = pair
    make_file(upper / "etc/resolv.conf")
    make_file(upper / "dev/x")
    assert told(pair, exclude={"etc/resolv.conf", "dev"}) == ["A /etc"]

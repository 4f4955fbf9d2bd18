"""What is built in a root file system only to mount something on it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from boxwright.runtime.scaffolding import Scaffolding, clear, leftovers, survey


@pytest.fixture
def root(tmp_path):
    """A plain directory that plays the mounted root file system."""
    for name in ("etc", "usr/lib", "data"):
        (tmp_path / "root" / name).mkdir(parents=True)
    (tmp_path / "root/etc/hosts").touch()
    (tmp_path / "root/run").symlink_to("/data/run")
    (tmp_path / "root/lib").symlink_to("usr/lib")
    (tmp_path / "root/out").symlink_to("../../../../../..")
    return tmp_path / "root"


def test_finds_what_is_missing_deepest_first(root):
    built = survey(str(root), ["/proc", "/etc/hosts", "/etc/resolv.conf", "/a/b/c"])
    assert built.missing == ("a/b/c", "a/b", "etc/resolv.conf", "a", "proc")
    assert set(built.parents) == {"", "etc"}


def test_follows_links_inside_the_root_only(root):
    assert survey(str(root), ["/lib/x"]).missing == ("usr/lib/x",)
    assert survey(str(root), ["/out/deep"]).missing == ("deep",)


def test_what_lies_below_a_mount_is_not_ours(root):
    assert survey(str(root), ["/dev", "/dev/pts", "/dev/shm"]).missing == ("dev",)


def _build(root, upper, targets):
    built = survey(str(root), targets)
    for path in reversed(built.missing):
        (upper / path).mkdir(parents=True, exist_ok=True)
    for path, owner in built.parents.items():
        os.chmod(upper / path, owner.mode & 0o7777)
    return built


@pytest.fixture
def upper(tmp_path):
    path = tmp_path / "upper"
    path.mkdir()
    return path


def test_clears_all_of_it_and_again(root, upper):
    built = _build(root, upper, ["/proc", "/a/b/c", "/etc/resolv.conf"])
    shutil.rmtree(upper / "etc/resolv.conf")
    (upper / "etc/resolv.conf").touch()
    assert set(leftovers(str(upper), built)) == {"proc", "a", "a/b", "a/b/c", "etc", "etc/resolv.conf"}
    clear(str(upper), built)
    assert list(upper.iterdir()) == []
    clear(str(upper), built)


def test_keeps_what_the_program_put_there(root, upper):
    built = _build(root, upper, ["/a/b/c", "/etc/resolv.conf"])
    (upper / "a/b/mine").write_text("x")
    (upper / "etc/mine").write_text("x")
    clear(str(upper), built)
    assert sorted(str(path.relative_to(upper)) for path in upper.rglob("*")) == [
        "a",
        "a/b",
        "a/b/mine",
        "etc",
        "etc/mine",
    ]


def test_keeps_a_file_that_got_content(root, upper):
    built = survey(str(root), ["/etc/resolv.conf"])
    (upper / "etc").mkdir()
    (upper / "etc/resolv.conf").write_text("nameserver 1.1.1.1\n")
    clear(str(upper), built)
    assert (upper / "etc/resolv.conf").exists()


def test_a_directory_that_stays_has_not_the_mode_that_the_runtime_gave_it(root, upper):
    built = survey(str(root), ["/new/point", "/own/point"])
    for name, mode in (("new", 0o1755), ("own", 0o1777)):
        (upper / name / "point").mkdir(parents=True)
        (upper / name / "beside").write_text("the program's")
        (upper / name).chmod(mode)
    clear(str(upper), built)
    assert sorted(os.listdir(upper / "new")) == ["beside"]
    assert [(upper / name).stat().st_mode & 0o7777 for name in ("new", "own")] == [0o755, 0o1777]


def test_keeps_a_directory_whose_mode_was_changed(root, upper):
    built = _build(root, upper, ["/etc/resolv.conf"])
    os.chmod(upper / "etc", 0o700)
    clear(str(upper), built)
    assert os.listdir(upper) == ["etc"]
    assert os.listdir(upper / "etc") == []


def test_goes_into_a_record_and_comes_out(root):
    built = survey(str(root), ["/proc", "/etc/x"])
    assert Scaffolding.from_json(json.loads(json.dumps(built.to_json()))) == built
    assert Scaffolding.from_json({}) == Scaffolding()


def test_the_first_run_knew_what_the_image_had(root):
    first = survey(str(root), ["/proc", "/a/b"])
    (root / "a/b").mkdir(parents=True)
    (root / "proc").mkdir()
    second = survey(str(root), ["/proc", "/a/b/c"])
    both = first.merged(second)
    assert both.missing == ("a/b/c", "a/b", "a", "proc")
    assert set(both.parents) == {""}

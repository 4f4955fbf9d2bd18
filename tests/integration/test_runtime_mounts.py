"""Overlays in a namespace of their own, with as many layers and as long names as there are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from boxwright.host import mounts as host_mounts
from boxwright.host import spawn
from boxwright.host.mounts import OverlayFailed, TooManyLayers
from boxwright.host.namespaces import PrivateMounts

pytestmark = pytest.mark.root


def _layers(root, count: int, name: str = "{:026d}") -> list[str]:
    paths = []
    for number in range(count):
        path = root / name.format(number) / "fs"
        path.mkdir(parents=True)
        (path / f"file{number}").write_text(str(number))
        (path / "top").write_text(str(number))
        paths.append(str(path))
    return paths


@pytest.fixture
def place(tmp_path):
    for name in ("upper", "work", "target"):
        (tmp_path / name).mkdir()
    return tmp_path


def _by_options(target, lowers, upper, work, **_):
    options = [*host_mounts._PLAIN, ("upperdir", upper), ("workdir", work)]
    host_mounts._overlay_by_options(target, lowers, options)


@pytest.mark.parametrize(("overlay", "count"), [(host_mounts.overlay, 130), (_by_options, 110)])
def test_stacks_many_layers_lowest_first(place, mounts, overlay, count):
    lowers = _layers(place, count)
    mounts.call(overlay, str(place / "target"), lowers, str(place / "upper"), str(place / "work"))
    assert len(mounts.call(os.listdir, place / "target")) == count + 1
    assert mounts.call((place / "target/top").read_text) == str(count - 1)
    mounts.call((place / "target/new").write_text, "x")
    assert os.listdir(place / "upper") == ["new"]
    assert os.listdir(place / "target") == []


def test_the_old_call_takes_names_with_its_separators(place, mounts):
    odd = place / "a:b,c\\d"
    odd.mkdir()
    lowers = _layers(odd, 2, "{:d}:,")
    for name in ("upper", "work"):
        (odd / name).mkdir()
    mounts.call(_by_options, str(place / "target"), lowers, str(odd / "upper"), str(odd / "work"))
    assert mounts.call((place / "target/top").read_text) == "1"


def test_the_old_call_leaves_the_working_directory_alone(place, mounts):
    before = os.getcwd()
    mounts.call(_by_options, str(place / "target"), _layers(place, 2), str(place / "upper"), str(place / "work"))
    assert os.getcwd() == before


def test_the_old_call_knows_its_limit(place, mounts):
    with pytest.raises(TooManyLayers):
        mounts.call(_by_options, str(place / "target"), [f"/a/{'x' * 40}{n}" for n in range(200)], "/u", "/w")


def test_names_longer_than_the_new_call_takes(place, mounts):
    deep = place / "/".join(["x" * 120] * 3)
    lowers = _layers(deep, 3)
    for name in ("upper", "work"):
        (deep / name).mkdir()
    mounts.call(host_mounts.overlay, str(place / "target"), lowers, str(deep / "upper"), str(deep / "work"))
    assert mounts.call((place / "target/top").read_text) == "2"
    mounts.call((place / "target/new").touch)
    assert os.listdir(deep / "upper") == ["new"]


def test_nothing_below_or_nothing_above(place, mounts):
    target, upper = str(place / "target"), str(place / "upper")
    mounts.call(host_mounts.overlay, target, [], upper, str(place / "work"))
    mounts.call((place / "target/new").touch)
    assert os.listdir(upper) == ["new"]
    mounts.call(host_mounts.detach, target)
    (lower,) = _layers(place, 1)
    mounts.call(host_mounts.overlay, target, [lower])
    assert mounts.call((place / "target/top").read_text) == "0"
    with pytest.raises(OSError, match="Read-only"):
        mounts.call((place / "target/new").touch)


def test_removing_makes_whiteouts_and_renaming_makes_no_redirects(place, mounts):
    (lower,) = _layers(place, 1)
    os.makedirs(f"{lower}/dir/sub")
    mounts.call(host_mounts.overlay, str(place / "target"), [lower], str(place / "upper"), str(place / "work"))
    mounts.call(os.unlink, place / "target/top")
    with pytest.raises(OSError, match="cross-device"):
        mounts.call(os.rename, place / "target/dir", place / "target/other")
    assert (place / "upper/top").is_char_device()
    assert os.stat(place / "upper/top").st_rdev == 0


def test_a_refusal_names_the_target(place, mounts):
    with pytest.raises(OverlayFailed) as caught:
        mounts.call(host_mounts.overlay, str(place / "target"), ["/no/such", "/dir"], str(place / "upper"), "/nowhere")
    assert caught.value.message.endswith(f"{place}/target: /dir: No such file or directory")


def test_detaching_twice_is_fine(place, mounts):
    mounts.call(host_mounts.detach, str(place / "target"))


def test_volatile_ignores_syncs(place, mounts):
    target = str(place / "target")
    lowers = _layers(place, 2)
    mounts.call(host_mounts.overlay, target, lowers, str(place / "upper"), str(place / "work"), volatile=True)
    assert "volatile" in mounts.call(_mountinfo, target)


def _read_mountinfo() -> str:
    with open("/proc/thread-self/mountinfo") as stream:
        return stream.read()


def _mountinfo(target: str) -> str:
    return next(line for line in _read_mountinfo().splitlines() if f" {target} " in line)


def test_programs_started_inside_see_the_mounts_and_keep_them(place):
    mounts = PrivateMounts()
    (lower,) = _layers(place, 1)
    mounts.call(host_mounts.bind, lower, str(place / "target"))
    reader, writer = os.pipe()
    out, told = os.pipe()
    argv = ["/bin/sh", "-c", f"read x; cat {place}/target/top"]
    pid = mounts.call(spawn.spawn, argv, env={}, stdin=reader, stdout=told)
    mounts.close()
    os.write(writer, b"\n")
    for fd in (reader, writer, told):
        os.close(fd)
    assert spawn.wait(pid) == 0
    assert os.read(out, 10) == b"0"
    os.close(out)


def test_the_second_tree_of_hybrid_cgroups_is_hidden_inside(mounts):
    targets = [line.split()[4] for line in mounts.call(_read_mountinfo).splitlines()]
    assert "/sys/fs/cgroup/unified" not in targets


def test_errors_come_out_and_the_thread_goes_on(mounts):
    with pytest.raises(ZeroDivisionError):
        mounts.call(lambda: 1 // 0)
    assert mounts.call(lambda: threading.current_thread().name) == "private-mounts"


def test_a_call_from_inside_runs_at_once(mounts):
    assert mounts.call(lambda: mounts.call(lambda: 5)) == 5


def test_many_threads_take_turns(mounts):
    results: list[int] = []
    threads = [threading.Thread(target=lambda n=n: results.append(mounts.call(lambda: n))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(20))


def test_a_closed_one_starts_afresh(place):
    with PrivateMounts() as mounts:
        mounts.call(host_mounts.bind, "/etc", str(place / "target"))
    assert mounts.call(os.listdir, place / "target") == []
    mounts.close()


def test_without_rights_it_refuses_every_time_and_runs_nothing():
    script = """
import ctypes, os  # the interpreter itself may be out of reach for who has no rights
from boxwright.host.namespaces import NamespaceDenied, PrivateMounts
os.setuid(65534)
mounts = PrivateMounts()
for _ in range(2):
    try:
        mounts.call(print, "ran")
    except NamespaceDenied:
        print("denied")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "denied\ndenied\n"


def test_a_thread_that_was_begun_ahead_has_its_namespace_before_the_first_call():
    with PrivateMounts() as private:
        private.begin()
        private.begin()
        assert private.call(os.readlink, "/proc/thread-self/ns/mnt") != os.readlink("/proc/self/ns/mnt")


def test_a_thread_that_was_begun_and_never_called_ends():
    before = threading.active_count()
    with PrivateMounts() as private:
        private.begin()
    assert threading.active_count() == before

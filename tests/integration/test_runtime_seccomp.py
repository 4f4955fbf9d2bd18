"""The filter for system calls: there, the same in both forms, and never missing."""

from __future__ import annotations

import json
import os

import pytest

from boxwright.runtime import seccomp

pytestmark = [pytest.mark.root, pytest.mark.runtime]

_PROBE = """
grep Seccomp: /proc/self/status
unshare -m true; unshare -U true; mount -t tmpfs t /tmp; chroot / true && echo chroot-ok
"""


def test_refuses_what_reaches_past_the_container(sandbox):
    output = sandbox.run("sh", "-c", _PROBE)
    assert "Seccomp:\t2" in output.stdout
    assert "chroot-ok" in output.stdout
    assert output.stderr.count("not permitted") >= 2
    assert "denied" in output.stderr or output.stderr.count("not permitted") == 3


def test_opens_with_the_capability(sandbox):
    output = sandbox.run("sh", "-c", "unshare -m true && mount -t tmpfs t /tmp && echo mounted", cap_add=("SYS_ADMIN",))
    assert output.stdout == "mounted\n"
    output = sandbox.run("chroot", "/", "true", cap_drop=("SYS_CHROOT",))
    assert output.code != 0


def test_can_be_left_out(sandbox):
    assert "Seccomp:\t0" in sandbox.run("grep", "Seccomp:", "/proc/self/status", confined=False).stdout
    assert "Seccomp:\t0" in sandbox.run("grep", "Seccomp:", "/proc/self/status", privileged=True).stdout


def test_only_crun_gets_the_program_and_both_get_the_section(sandbox):
    sandbox.prepare("true")
    with open(sandbox.bundle.config) as stream:
        spec = json.load(stream)
    assert spec["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    assert (seccomp.ANNOTATION in spec.get("annotations", {})) == (sandbox.runtime.kind == "crun")


def test_a_damaged_cache_is_compiled_anew(sandbox):
    if sandbox.runtime.kind != "crun":
        pytest.skip("only crun takes a program")
    sandbox.run("true")
    (file,) = os.listdir(sandbox.cache)
    good = (sandbox.cache / file).read_bytes()
    for damaged in (b"", good[:-3], good[: len(good) // 2], b"x" + good):
        (sandbox.cache / file).write_bytes(damaged)
        assert "Seccomp:\t2" in sandbox.run("grep", "Seccomp:", "/proc/self/status").stdout
        assert (sandbox.cache / file).read_bytes() == good


def test_programs_of_other_capabilities_are_kept_apart(sandbox):
    if sandbox.runtime.kind != "crun":
        pytest.skip("only crun takes a program")
    sandbox.run("true")
    sandbox.run("true", cap_add=("SYS_ADMIN",))
    assert len(os.listdir(sandbox.cache)) == 2


def test_a_thread_can_be_made_with_either_clone(sandbox, rootfs):
    # clone3 has to say "not implemented", or the C library would give up instead of taking clone.
    rules = seccomp.rules(["CAP_CHOWN"], "amd64")
    assert seccomp.Rule(("clone3",), 38) in rules
    assert sandbox.run("sh", "-c", "true & wait; echo $?").stdout == "0\n"

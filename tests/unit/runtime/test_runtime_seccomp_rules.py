"""The rules for system calls, before any runtime sees them."""

from __future__ import annotations

import pytest

from boxwright.runtime import seccomp, seccomp_table
from boxwright.runtime.capabilities import ALL, DEFAULT
from boxwright.runtime.seccomp import Rule


def allowed(capabilities, architecture="amd64"):
    return {
        name
        for rule in seccomp.rules(capabilities, architecture)
        if rule.errno is None and not rule.conditions
        for name in rule.names
    }


def refused(capabilities, architecture="amd64"):
    return {
        name
        for rule in seccomp.rules(capabilities, architecture)
        if rule.errno == 1 and not rule.conditions
        for name in rule.names
    }


def test_no_name_is_both_allowed_and_refused():
    for capabilities in ((), DEFAULT, ALL):
        assert not allowed(capabilities) & refused(capabilities)


def test_no_name_is_listed_twice():
    assert len(seccomp_table.ALLOWED) == len(set(seccomp_table.ALLOWED))
    assert not set(seccomp_table.ALLOWED) & set(seccomp_table.REFUSED)


@pytest.mark.parametrize(
    "name",
    [
        "mount",
        "unshare",
        "setns",
        "bpf",
        "keyctl",
        "kexec_load",
        "init_module",
        "reboot",
        "io_uring_setup",
        "userfaultfd",
    ],
)
def test_the_usual_container_may_not(name):
    assert name in refused(DEFAULT)


@pytest.mark.parametrize(
    "name", ["read", "openat2", "execve", "futex", "ptrace", "chroot", "statx", "rseq", "arch_prctl"]
)
def test_the_usual_container_may(name):
    assert name in allowed(DEFAULT)


def test_each_door_has_its_capability():
    for capability, names in seccomp_table.BY_CAPABILITY.items():
        assert set(names) <= allowed((capability,))
        others = {name for other, more in seccomp_table.BY_CAPABILITY.items() if other != capability for name in more}
        assert not (set(names) - others - {"clone", "clone3"}) & allowed(())


def test_new_namespaces_need_the_capability():
    conditional = [rule for rule in seccomp.rules(DEFAULT, "amd64") if "clone" in rule.names]
    assert [rule.conditions[0][:4] for rule in conditional] == [(0, 0x7E020000, "MASKED_EQ", 0)]
    assert Rule(("clone3",), 38) in seccomp.rules(DEFAULT, "amd64")
    assert {"clone", "clone3"} <= allowed(ALL)


def test_flags_of_clone_are_elsewhere_on_s390():
    (rule,) = [rule for rule in seccomp.rules(DEFAULT, "s390x") if "clone" in rule.names]
    assert rule.conditions[0].place == 1


def test_sockets_to_the_host_and_odd_personalities_are_refused():
    value = seccomp.section(DEFAULT, "amd64")
    sockets = [each for each in value["syscalls"] if each["names"] == ["socket"]]
    assert sockets[0]["args"] == [{"index": 0, "value": 40, "valueTwo": 0, "op": "SCMP_CMP_NE"}]
    assert sockets[1]["errnoRet"] == 1
    assert len([each for each in value["syscalls"] if each["names"] == ["personality"]]) == 5


def test_what_nobody_named_is_not_implemented():
    value = seccomp.section(DEFAULT, "amd64")
    assert (value["defaultAction"], value["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 38)
    assert value["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]


def test_the_text_is_the_same_each_time():
    assert seccomp.section(set(DEFAULT), "arm64") == seccomp.section(reversed(DEFAULT), "arm64")

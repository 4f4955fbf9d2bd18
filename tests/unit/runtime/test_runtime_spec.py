"""Options → the OCI runtime spec."""

from __future__ import annotations

import pytest

from boxwright.errors import InvalidError
from boxwright.host.passwd import ROOT, Account
from boxwright.runtime.options import ContainerOptions, Device, Limits, Mount, Ulimit
from boxwright.runtime.spec import (
    INIT,
    NETWORK_SYSCTLS,
    PATH,
    Surroundings,
    build_spec,
    environment,
    limits_to_resources,
)

HERE = Surroundings("/rootfs", ("CAP_CHOWN",), "/boxwright/x", seccomp={"defaultAction": "SCMP_ACT_ERRNO"})


def spec(surroundings=HERE, account=ROOT, **options):
    return build_spec(ContainerOptions(("true",))._replace(**options), account, surroundings)


def mount(value, target):
    (found,) = [each for each in value["mounts"] if each["destination"] == target]
    return found


def test_the_usual_container():
    value = spec()
    assert value["root"] == {"path": "/rootfs", "readonly": False}
    assert value["process"]["args"] == ["true"]
    assert value["process"]["cwd"] == "/"
    assert value["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [0]}
    assert [each["type"] for each in value["linux"]["namespaces"]] == ["mount", "network", "pid", "ipc", "uts"]
    assert value["linux"]["cgroupsPath"] == "/boxwright/x"
    assert value["linux"]["sysctl"] == NETWORK_SYSCTLS
    assert "/proc/kcore" in value["linux"]["maskedPaths"]
    assert "/proc/sys" in value["linux"]["readonlyPaths"]
    assert "seccomp" in value["linux"]
    assert "ro" in mount(value, "/sys")["options"]
    assert "ro" in mount(value, "/sys/fs/cgroup")["options"]
    assert f"size={64 * 1024 * 1024}" in mount(value, "/dev/shm")["options"]


def test_capabilities_are_not_inheritable():
    assert spec()["process"]["capabilities"] == {
        "bounding": ["CAP_CHOWN"],
        "effective": ["CAP_CHOWN"],
        "permitted": ["CAP_CHOWN"],
    }


def test_a_privileged_container_sees_the_machine():
    disk = Device("/dev/sda", "b", 8, 0)
    value = spec(HERE._replace(devices=(disk,)), privileged=True)
    linux = value["linux"]
    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & set(linux)
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert [device["path"] for device in linux["devices"]] == ["/dev/sda"]
    assert "rw" in mount(value, "/sys")["options"]


def test_devices_of_the_host_are_for_privileged_ones_only():
    value = spec(HERE._replace(devices=(Device("/dev/sda", "b", 8, 0),)))
    assert "devices" not in value["linux"]


def test_a_device_is_made_and_allowed():
    value = spec(devices=(Device("/dev/fuse", "c", 10, 229, access="rw"),))
    assert value["linux"]["devices"][0]["path"] == "/dev/fuse"
    rules = value["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"} in rules


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"network": "host"}, {"mount", "pid", "ipc", "uts"}),
        ({"pid": "host"}, {"mount", "network", "ipc", "uts"}),
        ({"ipc": "host", "uts": "host"}, {"mount", "network", "pid"}),
    ],
)
def test_namespaces_of_the_host(options, kinds):
    assert {each["type"] for each in spec(**options)["linux"]["namespaces"]} == kinds


def test_rules_for_devices_by_number():
    value = spec(device_rules=("c 10:200 rw", "b *:* m"))
    assert value["linux"]["resources"]["devices"][-2:] == [
        {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rw"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    for wrong in ("", "c 1:3", "d 1:3 r", "c x:3 r", "c 1:3 z"):
        with pytest.raises(InvalidError, match="invalid device rule"):
            spec(device_rules=(wrong,))


def test_without_shared_memory():
    value = spec(ipc="none")
    assert "/dev/shm" not in [each["destination"] for each in value["mounts"]]
    assert {"type": "ipc"} in value["linux"]["namespaces"]


def test_namespaces_by_path():
    namespaces = spec(network="/run/netns/x")["linux"]["namespaces"]
    assert {"type": "network", "path": "/run/netns/x"} in namespaces


def test_cgroup_namespace_where_it_means_something():
    assert {"type": "cgroup"} in spec(HERE._replace(cgroup_namespace=True))["linux"]["namespaces"]


def test_network_settings_are_for_a_network_of_its_own():
    assert spec(network="host")["linux"]["sysctl"] == {}
    assert spec(network="/proc/7/ns/net")["linux"]["sysctl"] == {}
    assert spec(network="/proc/7/fd/5")["linux"]["sysctl"] == NETWORK_SYSCTLS
    own = spec(sysctls={"net.ipv4.ip_unprivileged_port_start": "80", "kernel.msgmax": "1"})["linux"]["sysctl"]
    assert own["net.ipv4.ip_unprivileged_port_start"] == "80"
    assert own["kernel.msgmax"] == "1"


def test_the_hosts_name_stays_in_its_own_namespace():
    assert spec(hostname="box")["hostname"] == "box"
    assert "hostname" not in spec(hostname="box", uts="host")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [f"PATH={PATH}", "HOME=/root"]),
        ({"hostname": "box", "tty": True}, [f"PATH={PATH}", "HOSTNAME=box", "TERM=xterm", "HOME=/root"]),
        ({"env": ("PATH=/bin", "HOME=/h", "A=1", "A=2")}, ["PATH=/bin", "HOME=/h", "A=2"]),
        ({"env": ("EMPTY=", "BARE", "EQ=a=b")}, [f"PATH={PATH}", "EMPTY=", "BARE=", "EQ=a=b", "HOME=/root"]),
    ],
)
def test_environment(options, expected):
    assert environment(ContainerOptions(("x",))._replace(**options), ROOT) == expected


def test_home_is_the_accounts():
    assert "HOME=/home/ada" in environment(ContainerOptions(("x",)), Account(1, 1, (1,), "/home/ada"))


def test_files_and_init_are_bound():
    value = spec(HERE._replace(files={"/etc/hosts": "/dir/hosts"}), init="/usr/bin/tini")
    assert mount(value, "/etc/hosts")["source"] == "/dir/hosts"
    assert mount(value, INIT)["options"][-1] == "ro"
    assert value["process"]["args"] == [INIT, "--", "true"]


def test_a_mount_of_ones_own_replaces_the_usual_one():
    mine = Mount("bind", "/etc/hosts/", "/mine")
    value = spec(HERE._replace(files={"/etc/hosts": "/dir/hosts"}), mounts=(mine, Mount("tmpfs", "/dev/shm", size=5)))
    assert mount(value, "/etc/hosts")["source"] == "/mine"
    assert "size=5" in mount(value, "/dev/shm")["options"]


def test_mounts_come_outermost_first():
    mounts = tuple(Mount("bind", target, "/h") for target in ("/a/b/c", "/a", "/a/b"))
    targets = [each["destination"] for each in spec(mounts=mounts)["mounts"]]
    assert targets[-3:] == ["/a", "/a/b", "/a/b/c"]


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (Mount("bind", "/t", "/s"), ["rbind", "rprivate", "rw"]),
        (Mount("bind", "/t", "/s", read_only=True, propagation="rshared"), ["rbind", "rshared", "ro"]),
        (Mount("tmpfs", "/t"), ["nosuid", "noexec", "nodev", "rw"]),
        (
            Mount("tmpfs", "/t", size=9, mode=0o1777, options=("exec",)),
            ["nosuid", "nodev", "size=9", "mode=1777", "rw", "exec"],
        ),
    ],
)
def test_options_of_mounts(asked, options):
    assert mount(spec(mounts=(asked,)), "/t")["options"] == options


@pytest.mark.parametrize(
    "options",
    [
        {"argv": ()},
        {"argv": ("",)},
        {"cwd": "relative"},
        {"mounts": (Mount("bind", "/", "/x"),)},
        {"mounts": (Mount("bind", "here", "/x"),)},
        {"mounts": (Mount("nfs", "/x", "/x"),)},
        {"limits": Limits(memory=10, memory_swap=5)},
        {"limits": Limits(memory_swap=5)},
    ],
)
def test_contradictions_are_refused(options):
    with pytest.raises(InvalidError):
        spec(**options)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), {}),
        (Limits(memory=100), {"memory": {"limit": 100, "swap": 200}}),
        (Limits(memory=100, memory_swap=-1), {"memory": {"limit": 100, "swap": -1}}),
        (
            Limits(memory=100, memory_swap=100, memory_reservation=50),
            {"memory": {"limit": 100, "swap": 100, "reservation": 50}},
        ),
        (Limits(cpus=1.5), {"cpu": {"quota": 150_000, "period": 100_000}}),
        (Limits(cpu_quota=5000), {"cpu": {"period": 100_000, "quota": 5000}}),
        (
            Limits(cpu_shares=512, cpuset_cpus="0-1", cpuset_mems="0"),
            {"cpu": {"shares": 512, "cpus": "0-1", "mems": "0"}},
        ),
        (Limits(pids=100), {"pids": {"limit": 100}}),
        (Limits(pids=-1), {}),
    ],
)
def test_limits(limits, expected):
    assert limits_to_resources(limits) == expected


def test_ulimits():
    value = spec(ulimits=(Ulimit("nofile", 1, 2), Ulimit("core", -1, -1)))["process"]["rlimits"]
    assert value[0] == {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}
    assert value[1]["soft"] == 2**64 - 1

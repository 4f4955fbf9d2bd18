"""Options go into a record and come out again."""

from __future__ import annotations

import json

import pytest

from boxwright.runtime.options import ContainerOptions, Device, Limits, MalformedOptions, Mount, Ulimit

FULL = ContainerOptions(
    argv=("sh", "-c", "echo \udcff"),
    env=("A=1",),
    cwd="/srv",
    user="ada:wheel",
    groups=("disk",),
    hostname="box",
    mounts=(
        Mount("bind", "/data", "/host", read_only=True),
        Mount("tmpfs", "/t", size=1, mode=0o700, options=("exec",)),
    ),
    cap_drop=("ALL",),
    limits=Limits(memory=1, cpus=1.5),
    ulimits=(Ulimit("nofile", 1, 2),),
    tty=True,
    console_size=(20, 60),
    devices=(Device("/dev/fuse", "c", 10, 229),),
    sysctls={"net.core.somaxconn": "1"},
    oom_score_adj=-5,
)


@pytest.mark.parametrize("options", [ContainerOptions(("true",)), FULL])
def test_round_trip(options):
    assert ContainerOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


def test_only_what_differs_is_written():
    assert ContainerOptions(("true",), cwd="/x").to_json() == {"argv": ["true"], "cwd": "/x"}
    assert FULL.to_json()["limits"] == {"memory": 1, "cpus": 1.5}


@pytest.mark.parametrize(
    "value", [{}, {"argv": ["a"], "new": 1}, {"argv": ["a"], "mounts": [{"x": 1}]}, {"argv": ["a"], "limits": 3}]
)
def test_refuses_what_it_did_not_write(value):
    with pytest.raises(MalformedOptions):
        ContainerOptions.from_json(value)

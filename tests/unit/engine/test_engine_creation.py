"""A request and an image become a container's record, and its record what inspect shows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from boxwright.engine import inspecting
from boxwright.engine.containers.config import ContainerConfig, MountPoint
from boxwright.engine.containers.creation import NoCommand, create
from boxwright.engine.containers.mounts import InvalidVolume, parse_volume
from boxwright.engine.containers.names import random_name
from boxwright.engine.requests import CreateContainer
from boxwright.errors import BoxwrightError, InvalidError, UnsupportedError
from boxwright.oci.config import RunConfig
from boxwright.runtime.options import ContainerOptions, Device, Limits, Mount, Ulimit
from boxwright.store.containers import ContainerNameInUse, ContainerNotFound
from boxwright.store.images import ImageNotFound
from boxwright.store.store import Store
from support.images import add_layer, memory_image, ref

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def add(store: Store, config: RunConfig, name: str = "img") -> None:
    snapshot = add_layer(store, None, {"data/file": b"content", "data/inner/x": b"y"})
    image = memory_image().config._replace(config=config, diff_ids=(snapshot.diff_id,))
    store.images.tag(ref(name), store.images.add(image).id)


@pytest.fixture
def image(store: Store) -> str:
    add(store, RunConfig(cmd=("sh",)))
    return "img"


def made(store: Store, request: CreateContainer) -> ContainerConfig:
    return ContainerConfig.from_json(store.containers.find(create(store, request).id).config)


# ---- the command


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "asked", "argv"),
    [
        (None, ("c",), {}, ("c",)),
        (("e",), ("c",), {}, ("e", "c")),
        (("e",), None, {}, ("e",)),
        (("e",), ("c",), {"command": ("x", "y")}, ("e", "x", "y")),
        (("e",), ("c",), {"entrypoint": ("n",)}, ("n",)),
        (("e",), ("c",), {"entrypoint": ("n",), "command": ("x",)}, ("n", "x")),
        (("e",), ("c",), {"entrypoint": (), "command": ("x",)}, ("x",)),
        (("e",), (), {}, ("e",)),
    ],
)
def test_the_command(
    store: Store,
    entrypoint: tuple[str, ...] | None,
    cmd: tuple[str, ...] | None,
    asked: dict[str, Any],
    argv: tuple[str, ...],
) -> None:
    add(store, RunConfig(entrypoint=entrypoint, cmd=cmd))
    assert made(store, CreateContainer("img", **asked)).options.argv == argv


def test_nothing_to_run(store: Store) -> None:
    add(store, RunConfig())
    with pytest.raises(NoCommand):
        create(store, CreateContainer("img"))
    add(store, RunConfig(entrypoint=("e",), cmd=("c",)), "other")
    with pytest.raises(NoCommand):
        create(store, CreateContainer("other", entrypoint=()))
    assert store.containers.list() == []


# ---- what else the image says, and who beats it


def test_the_images_configuration_and_the_users(store: Store) -> None:
    add(
        store,
        RunConfig(
            user="ada",
            exposed_ports=("80/tcp", "9/udp"),
            env=("A=image", "B=image"),
            cmd=("sh",),
            working_dir="/w",
            labels={"a": "image", "b": "image"},
            stop_signal="SIGINT",
            stop_timeout=7,
        ),
    )
    plain = made(store, CreateContainer("img"))
    assert plain.options.env == (_PATH, "A=image", "B=image")
    assert (plain.options.user, plain.options.cwd, plain.stop_signal, plain.stop_timeout) == ("ada", "/w", "SIGINT", 7)
    assert (plain.exposed, plain.labels) == (("9/udp", "80/tcp"), {"a": "image", "b": "image"})
    own = made(
        store,
        CreateContainer(
            "img",
            env=("B=own", "C=own", "PATH=/bin"),
            user="",
            working_dir="/v",
            labels={"b": "own"},
            stop_signal="HUP",
            stop_timeout=0,
            publish=("8080:81", "53/udp"),
            exposed=("70", "71/udp"),
            hostname="h",
        ),
    )
    assert own.options.env == ("PATH=/bin", "A=image", "B=own", "C=own")
    assert (own.options.user, own.options.cwd, own.stop_signal, own.stop_timeout) == ("", "/v", "HUP", 0)
    assert own.exposed == ("9/udp", "53/udp", "70/tcp", "71/udp", "80/tcp", "81/tcp")
    assert (own.labels, own.hostname, own.options.hostname) == ({"a": "image", "b": "own"}, "h", "h")


@pytest.mark.usefixtures("image")
def test_hostnames(store: Store) -> None:
    container = create(store, CreateContainer("img"))
    assert made(store, CreateContainer("img", network="host")).hostname == os.uname().nodename
    assert made(store, CreateContainer("img", uts="host")).hostname == os.uname().nodename
    assert ContainerConfig.from_json(store.containers.find(container.id).config).hostname == container.id[:12]


@pytest.mark.usefixtures("image")
def test_ports_need_the_bridge(store: Store) -> None:
    container = create(store, CreateContainer("img", network="none", publish=("80",), publish_all=True))
    assert container.warnings == ("published ports are discarded with --network none",)
    config = ContainerConfig.from_json(store.containers.find(container.id).config)
    assert (config.network, config.publish, config.publish_all) == ("none", (), False)
    assert made(store, CreateContainer("img", network="default")).network == "bridge"


@pytest.mark.usefixtures("image")
def test_names(store: Store) -> None:
    assert create(store, CreateContainer("img", name="/called")).name == "called"
    with pytest.raises(ContainerNameInUse):
        create(store, CreateContainer("img", name="called"))
    names = {create(store, CreateContainer("img")).name for _ in range(5)}
    assert len(names) == 5
    assert all("_" in name for name in names)


def test_made_up_names_get_longer_when_many_are_taken() -> None:
    assert random_name().replace("_", "").isalpha()
    assert random_name(3)[-1].isdigit()


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize(
    ("asked", "limits"),
    [
        ({"memory": 64 << 20, "memory_swap": -1}, Limits(memory=64 << 20, memory_swap=-1)),
        ({"cpus": 0.5, "cpu_shares": 7}, Limits(cpus=0.5, cpu_shares=7)),
        ({"pids_limit": -1}, Limits()),
        ({"pids_limit": 0}, Limits()),
        ({"cpu_quota": 5, "cpu_period": 6, "cpuset_cpus": "0"}, Limits(cpu_quota=5, cpu_period=6, cpuset_cpus="0")),
    ],
)
def test_limits(store: Store, asked: dict[str, Any], limits: Limits) -> None:
    assert made(store, CreateContainer("img", **asked)).options.limits == limits


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"working_dir": "x"}, InvalidError),
        ({"memory": 1}, InvalidError),
        ({"memory_swap": 1 << 30}, InvalidError),
        ({"memory": 1 << 30, "memory_swap": 1 << 29}, InvalidError),
        ({"cpus": 0.001}, InvalidError),
        ({"cpus": 1e9}, InvalidError),
        ({"cpus": 1.0, "cpu_quota": 1}, InvalidError),
        ({"stop_signal": "ODD"}, InvalidError),
        ({"ulimits": ("nofile",)}, InvalidError),
        ({"ulimits": ("nofile=x",)}, InvalidError),
        ({"ulimits": ("odd=1",)}, InvalidError),
        ({"ulimits": ("nofile=2:1",)}, InvalidError),
        ({"ulimits": ("nofile=-1:1",)}, InvalidError),
        ({"cap_add": ("ODD",)}, InvalidError),
        ({"add_hosts": ("a",)}, InvalidError),
        ({"add_hosts": (":1.2.3.4",)}, InvalidError),
        ({"add_hosts": ("a:1.2.3",)}, InvalidError),
        ({"dns": ("a.example",)}, InvalidError),
        ({"publish": ("x",)}, InvalidError),
        ({"exposed": ("x",)}, InvalidError),
        ({"network": "odd"}, UnsupportedError),
        ({"pid": "container:x"}, ContainerNotFound),
        ({"pid": "container:"}, InvalidError),
        ({"pid": "odd"}, UnsupportedError),
        ({"network": "container:x"}, ContainerNotFound),
        ({"volumes_from": ("x",)}, ContainerNotFound),
        ({"volumes_from": ("x:odd",)}, InvalidError),
        ({"restart": "often"}, InvalidError),
        ({"restart": "always", "auto_remove": True}, InvalidError),
        ({"security_opt": ("odd",)}, UnsupportedError),
        ({"uts": "host", "hostname": "h"}, InvalidError),
        ({"name": "x/y"}, InvalidError),
        ({"volumes": ("a/b:/c",)}, InvalidError),
        ({"volumes": ("/a:/c",), "tmpfs": ("/c",)}, InvalidError),
        ({"tmpfs": ("/t:mode=9",)}, InvalidError),
        ({"tmpfs": ("/t:size=much",)}, InvalidError),
        ({"devices": ("/dev/nowhere",)}, BoxwrightError),
        ({"image": "nowhere"}, ImageNotFound),
    ],
)
def test_what_is_malformed_leaves_nothing(store: Store, asked: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        create(store, CreateContainer(**{"image": "img", **asked}))
    assert store.containers.list() == []
    assert list(Path(store.layout.containers).iterdir()) == []


# ---- mounts


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("/a:/b", ("/a", "/b", False, "rprivate", True)),
        ("/a:/b:ro", ("/a", "/b", True, "rprivate", True)),
        ("/a:/b:rw,z,rshared", ("/a", "/b", False, "rshared", True)),
        ("vol:/b:nocopy", ("vol", "/b", False, "rprivate", False)),
        ("vol:/b:nocopy,rw", ("vol", "/b", False, "rprivate", False)),
        ("/b", ("", "/b", False, "rprivate", True)),
        ("/a:/b/../c//d/", ("/a", "/c/d", False, "rprivate", True)),
        ("/a://b", ("/a", "/b", False, "rprivate", True)),
    ],
)
def test_volumes(text: str, spec: tuple[object, ...]) -> None:
    assert tuple(parse_volume(text)) == spec


def test_a_source_that_is_relative_is_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_volume("./x:/b").source == str(tmp_path / "x")
    assert parse_volume(".:/b").source == str(tmp_path)


@pytest.mark.parametrize("text", ["", ":", "/a:", ":/b", "/a:/b:", "/a:/b:ro:x", "/a:b", "b", "/a:/", "/", "/a:/b:zz"])
def test_what_is_no_volume(text: str) -> None:
    with pytest.raises(InvalidVolume):
        parse_volume(text)


@pytest.mark.root
def test_mounts_become_records(store: Store, tmp_path: Path) -> None:
    add(store, RunConfig(cmd=("sh",), volumes=("/data", "data2/")))
    made_up = tmp_path / "made/up"
    config = made(
        store,
        CreateContainer(
            "img",
            volumes=(f"{tmp_path}:/host:ro", "shelf:/shelf", f"{made_up}:/host/below"),
            tmpfs=("/t:size=1m,mode=700,noexec",),
        ),
    )
    points = {point.target: point for point in config.mounts}
    assert set(points) == {"/host", "/shelf", "/host/below", "/t", "/data", "/data2"}
    assert points["/host"] == MountPoint("bind", "/host", str(tmp_path), "", True)
    assert (points["/shelf"].volume, points["/shelf"].anonymous) == ("shelf", False)
    assert points["/data"].anonymous
    assert made_up.is_dir()
    order = [mount.target for mount in config.options.mounts]
    assert order.index("/host") < order.index("/host/below")  # or it would cover it
    assert Mount("tmpfs", "/t", size=1 << 20, mode=0o700, options=("noexec",)) in config.options.mounts
    volume = Path(store.volumes.path(points["/data"].volume))
    assert ((volume / "file").read_bytes(), (volume / "inner/x").read_bytes()) == (b"content", b"y")
    assert list(Path(store.volumes.path("shelf")).iterdir()) == []  # the image has nothing there


# ---- the record


def test_a_configuration_there_and_back() -> None:
    config = ContainerConfig(
        ContainerOptions(
            argv=("a", "\udcff"),
            mounts=(Mount("bind", "/x", "/y", options=("ro",)),),
            devices=(Device("/dev/x", "c", 1, 2),),
            ulimits=(Ulimit("nofile", 1, 2),),
            limits=Limits(cpus=1.5),
            sysctls={"a": "b"},
        ),
        entrypoint=(),
        cmd=("x",),
        labels={"a": "b"},
        publish=("80",),
        mounts=(MountPoint("volume", "/x", "/y", "v", True, True),),
        dns_search=("example.org",),
        stop_timeout=0,
        auto_remove=True,
    )
    text = json.dumps(config.to_json())
    assert ContainerConfig.from_json(json.loads(text)) == config
    plain = ContainerConfig(ContainerOptions(("sh",)))
    assert plain.to_json() == {"options": {"argv": ["sh"]}}


@pytest.mark.usefixtures("image")
def test_what_a_container_was_made_with_is_what_commit_takes_over(store: Store) -> None:
    config = made(
        store, CreateContainer("img", env=("A=1",), labels={"l": "1"}, volumes=("/anonymous", "shelf:/named"))
    )
    run = config.run_config()
    assert (run.cmd, run.env, run.labels, run.volumes) == (("sh",), (_PATH, "A=1"), {"l": "1"}, ("/anonymous",))


# docker's fields that scripts and libraries read.
_FIELDS = {
    "": "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver"
    " Platform HostConfig GraphDriver Mounts Config NetworkSettings",
    "State": "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt",
    "Config": "Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd Image"
    " Volumes WorkingDir Entrypoint OnBuild Labels StopSignal",
    "HostConfig": "Binds LogConfig NetworkMode PortBindings RestartPolicy AutoRemove CapAdd CapDrop Dns ExtraHosts"
    " IpcMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt ShmSize Memory MemorySwap NanoCpus PidsLimit"
    " Ulimits",
    "NetworkSettings": "Ports Gateway IPAddress IPPrefixLen MacAddress Networks",
}


@pytest.mark.usefixtures("image")
def test_inspect_has_dockers_shape(store: Store) -> None:
    id = create(store, CreateContainer("img", labels={"b": "1", "a": "2"}, memory=64 << 20)).id
    value = inspecting.container_json(store, store.containers.find(id))
    for part, names in _FIELDS.items():
        assert set(names.split()) <= set(value[part] if part else value)
    assert (value["State"]["Status"], value["HostConfig"]["Memory"]) == ("created", 64 << 20)
    assert list(value["Config"]["Labels"]) == ["a", "b"]
    json.dumps(value)
    image = inspecting.image_json(store, store.images.find("img"))
    wanted = (
        "Id RepoTags RepoDigests Parent Comment Created Author Config Architecture Os Size GraphDriver RootFS Metadata"
    )
    assert set(wanted.split()) <= set(image)
    assert image["RepoTags"] == ["img:latest"]
    volume = inspecting.volume_json(store, store.volumes.create("shelf", labels={"a": "b"}))
    assert set(volume) == {"CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"}

"""Bake files in the engine: what has to be allowed, what is built for a target, and how several are told as one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boxwright.build.progress import BuildStarted, Event, ImageBuilt, StepDone, StepStarted, Warned
from boxwright.build.runner import StepLimits
from boxwright.cli.progress import base
from boxwright.engine.baking.jobs import Means, job
from boxwright.engine.baking.permission import NotGranted, Permissions
from boxwright.engine.baking.reading import Bake, NoBakeFile, choose, define
from boxwright.engine.baking.telling import Telling
from boxwright.errors import InvalidError, NotFoundError, UnsupportedError
from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from support import bakefiles

ASKING = """
target "default" {
  context = "../elsewhere"
  contexts = { a = "/etc", b = "target:other", c = "docker-image://x", d = "oci-layout:///layout:1.0", e = "in" }
  secret = ["id=a,src=/root/secret", "id=b,env=B"]
  ssh = ["default", "key=/root/key"]
  cache-from = ["type=local,src=/from", "x"]
  cache-to = ["type=local,dest=/to"]
  output = ["/out", "type=tar,dest=-", "type=oci,dest=here.tar"]
  network = "host"
}
target "other" {
  dockerfile = "/root/Dockerfile"
  entitlements = ["security.insecure"]
}
"""
NEEDED = (
    "security.insecure",
    "fs.read=/root/Dockerfile",
    "network.host",
    "security.insecure",
    "ssh",
    *("fs.read=../elsewhere", "fs.read=../elsewhere/Dockerfile", "fs.read=/etc", "fs.read=/layout", "fs.read=/from"),
    *("fs.read=/root/secret", "fs.read=/root/key", "fs.write=/to", "fs.write=/out"),
)


def test_what_a_file_asks_for_has_to_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    selection = bakefiles.choose(ASKING)
    with pytest.raises(NotGranted) as caught:
        Permissions().check(selection)
    assert sorted(caught.value.needed) == sorted(NEEDED)
    assert caught.value.hint is not None
    assert "--allow fs.write=/out" in caught.value.hint
    Permissions.parse(NEEDED).check(selection)
    everything = ("network.host", "security.insecure", "ssh", "fs=*")
    Permissions.parse(everything).check(selection)
    Permissions.parse(("network.host", "security.insecure"), files=False).check(selection)
    Permissions.parse(("network.host", "security.insecure", "ssh", "fs=/", "fs.read=.")).check(selection)


def test_a_link_out_of_the_folder_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("/etc", "inside")
    with pytest.raises(NotGranted) as caught:
        Permissions().check(bakefiles.choose('target "default" { context = "inside" }'))
    assert caught.value.needed[0] == "fs.read=inside"


@pytest.mark.parametrize("text", ["", "everything", "fs", "fs=", "device", "fs.read"])
def test_permissions_that_there_are_not(text: str) -> None:
    with pytest.raises(InvalidError, match="unknown --allow"):
        Permissions.parse([text])


def test_entitlements_that_there_are_not() -> None:
    with pytest.raises(InvalidError, match="default has an unknown entitlement 'device'"):
        Permissions().check(bakefiles.choose('target "default" { entitlements = ["device"] }'))


def test_a_target_becomes_a_build() -> None:
    text = """
target "default" {
  context = "app"
  dockerfile = "x/Dockerfile"
  contexts = { a = "target:other", b = "../b" }
  platforms = ["linux/amd64", "linux/arm64", "local"]
  extra-hosts = { b = "10.0.0.2,::1", a = "10.0.0.1" }
  shm-size = "64m"
  resources = { memory = "1g", memory-swap = "-1", cpu-shares = 5 }
  attest = ["type=sbom", "type=provenance,mode=max"]
  output = ["type=oci,\\"dest=a,b\\""]
  entitlements = ["network.host"]
  no-cache = true
}
target "other" {}
"""
    target = bakefiles.choose(text).targets["default"]
    built = job(target, Means(allow=("network.host",)), {}, needed=True)
    assert (built.context, built.dockerfile) == ("app", "app/x/Dockerfile")
    assert built.contexts == {"a": "result://other", "b": "../b"}
    assert built.platform == f"linux/amd64,linux/arm64,{Platform.of_machine(os.uname().machine)}"
    assert built.add_hosts == ("a=10.0.0.1", "b=10.0.0.2", "b=::1")
    assert built.shm_size == 64 << 20
    assert built.limits == StepLimits(memory=1 << 30, memory_swap=-1, cpu_shares=5)
    assert (built.sbom, built.provenance) == ("spdx", "max")
    assert built.outputs == ('type=oci,"dest=a,b"',)
    assert built.allow == ("network.host",)
    assert (built.no_cache, built.needed) == (True, True)
    assert job(target, Means(), {}, needed=False).allow == ()


def test_nothing_is_said_of_what_is_only_for_the_cache() -> None:
    text = 'target "default" {\n contexts = { a = "target:a" }\n}\ntarget "a" {}'
    targets = bakefiles.choose(text, overrides=("*.attest=type=sbom",)).targets
    assert job(targets["a"], Means(), {}, needed=True).sbom is None
    assert job(targets["default"], Means(), {}, needed=False).sbom == "spdx"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('shm-size = "big"', "default: 'big' is no size"),
        ('attest = ["type=other"]', "default: there is no attestation 'other'"),
        ('attest = ["type=sbom,generator=x"]', "default: sbom with generator is not supported"),
        ('attest = ["type=provenance,mode=most"]', "default: unknown mode 'most' of provenance"),
        ('resources = { memory = "much" }', "default: 'much' is no size"),
    ],
)
def test_a_target_that_makes_no_sense(text: str, message: str) -> None:
    target = bakefiles.choose(f'target "default" {{ {text} }}').targets["default"]
    with pytest.raises(InvalidError) as caught:
        job(target, Means(), {}, needed=False)
    assert caught.value.message.startswith(message)


def test_several_targets_are_told_as_one() -> None:
    events: list[Event] = []
    telling = Telling(events.append)
    first, second = telling.of("app"), telling.of("web")
    first(BuildStarted("Dockerfile", None, 2))
    second(BuildStarted("Dockerfile", None, 1))
    second(StepStarted(1, 1, "base", "FROM x"))
    first(StepStarted(1, 2, "0", "FROM x"))
    first(StepStarted(2, 2, "0", "RUN y", (1,)))
    second(StepDone(1, 1, "base", "FROM x", True, 0.0, None, None, None))
    second(Warned("careful"))
    first(ImageBuilt(Digest.of(b""), ("ada/app",), 0, 0, 0.0, 2, 0))
    steps = [event for event in events if isinstance(event, (StepStarted, StepDone))]
    assert [event.number for event in steps] == [3, 1, 2, 3]
    assert [base.heading(event) for event in steps] == [
        "[web base 1/1] FROM x",
        "[app 1/2] FROM x",
        "[app 2/2] RUN y",
        "[web base 1/1] FROM x",
    ]
    assert isinstance(steps[2], StepStarted)
    assert steps[2].inputs == (1,)
    assert [event.dockerfile for event in events if isinstance(event, BuildStarted)] == [
        "app: Dockerfile",
        "web: Dockerfile",
    ]
    assert Warned("web: careful") in events
    (image,) = (event for event in events if isinstance(event, ImageBuilt))
    assert (image.names, image.target, image.before) == (("ada/app",), "app", 0)
    assert base.closing(image).startswith("built  app:  ada/app  ")


def test_files_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoBakeFile):
        define(Bake(), {})
    Path("docker-bake.hcl").write_text('variable "V" { default = "a" }\ntarget "default" { args = { V = V } }')
    Path("docker-bake.override.json").write_text('{"target": {"default": {"args": {"O": "o"}}}}')
    Path("other.hcl").write_text('target "default" { args = { T = "${timestamp()} ${homedir()} ${uuidv4()}" } }')

    def args(wanted: Bake, environ: dict[str, str]) -> dict[str, str]:
        selection = choose(wanted, define(wanted, environ), environ)
        return dict(selection.targets["default"].args or {})

    assert args(Bake(), {}) == {"V": "a", "O": "o"}
    assert args(Bake(), {"V": "b", "SOURCE_DATE_EPOCH": "5"}) == {"V": "b", "O": "o", "SOURCE_DATE_EPOCH": "5"}
    assert args(Bake(variables={"V": "c"}), {"V": "b"})["V"] == "c"
    assert args(Bake(), {"V": "b", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"})["V"] == "a"
    assert args(Bake(files=("docker-bake.hcl",)), {}) == {"V": "a"}
    assert args(Bake(files=("cwd://docker-bake.hcl",)), {}) == {"V": "a"}
    assert args(Bake(), {"BUILDX_BAKE_FILE": "docker-bake.hcl"}) == {"V": "a"}
    told = args(Bake(files=("other.hcl",)), {"HOME": "/home/ada"})["T"].split()
    assert told[1] == "/home/ada"
    assert [len(each) for each in told[::2]] == [20, 36]
    with pytest.raises(NotFoundError, match=r"there is no bake file no\.hcl"):
        define(Bake(files=("no.hcl",)), {})
    with pytest.raises(InvalidError, match="is a folder"):
        define(Bake(files=(str(tmp_path),)), {})
    with pytest.raises(UnsupportedError):
        define(Bake(), {"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"})


def test_dotenv_is_for_compose_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("yaml")
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("A=file\nB=file\n")
    Path("compose.yaml").write_text("services: {app: {build: {args: {A: $A, B: $B}}}}")
    wanted = Bake()
    selection = choose(wanted, define(wanted, {"A": "environment"}), {})
    assert selection.targets["app"].args == {"A": "environment", "B": "file"}
    Path(".env").write_text("what\n")
    with pytest.raises(InvalidError, match=r"line 1 of \.env"):
        define(wanted, {})

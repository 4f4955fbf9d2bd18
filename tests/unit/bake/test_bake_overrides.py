"""``--set``: what a command line says of targets."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.bake.mistakes import BakeError, TargetMissing
from support.bakefiles import choose, shown

TEXT = """
target "base" { args = { A = "file" } }
target "app" {
  inherits = ["base"]
  tags = ["one"]
  output = ["type=image"]
  cache-from = ["x"]
  secret = ["id=s,env=S"]
}
target "web" { inherits = ["base"] }
"""


@pytest.mark.parametrize(
    ("overrides", "name", "value"),
    [
        (("app.args.B=1",), "args", {"A": "file", "B": "1"}),
        (("base.args.A=set",), "args", {"A": "set"}),
        (("app.args.HOME",), "args", {"A": "file", "HOME": "/home/ada"}),
        (("app.args.GONE",), "args", {"A": "file"}),
        (("*.args.B=a=b",), "args", {"A": "file", "B": "a=b"}),
        (("app.labels.a.b=c",), "labels", {"a.b": "c"}),
        (("app.tags=two", "app.tags=three"), "tags", ["two", "three"]),
        (("app.tags+=two",), "tags", ["one", "two"]),
        (("app.tags=",), "tags", None),
        (("a*.platform=linux/arm64",), "platforms", ["linux/arm64"]),
        (("app.context=./x/",), "context", "x"),
        (("app.dockerfile=other",), "dockerfile", "other"),
        (("app.target=stage",), "target", "stage"),
        (("app.contexts.b=docker-image://x",), "contexts", {"b": "docker-image://x"}),
        (("app.extra-hosts.h=10.0.0.1",), "extra-hosts", {"h": "10.0.0.1"}),
        (("app.no-cache=true",), "no-cache", True),
        (("app.pull=0",), "pull", False),
        (("app.no-cache-filter=a", "app.no-cache-filter=b"), "no-cache-filter", ["a", "b"]),
        (("app.ulimits=nofile=1",), "ulimits", ["nofile=1"]),
        (("app.shm-size=1g",), "shm-size", "1g"),
        (("app.network=host",), "network", "host"),
        (("app.network=host",), "entitlements", ["network.host"]),
        (("app.resources.memory=1g", "app.resources.cpu-quota=5"), "resources", {"memory": "1g", "cpu-quota": 5}),
        (("app.secret.s=src=file",), "secret", [{"id": "s", "src": "file"}]),
        (("app.secrets=id=t,env=T",), "secret", [{"id": "t", "env": "T"}]),
        (("app.secrets+=id=t,env=T",), "secret", [{"id": "s", "env": "S"}, {"id": "t", "env": "T"}]),
        (("app.ssh=default",), "ssh", [{"id": "default"}]),
        (("app.output=out",), "output", [{"dest": "out", "type": "local"}]),
        (("app.push=true",), "output", [{"push": "true", "type": "image"}]),
        (("app.push=false",), "output", [{"push": "false", "type": "image"}]),
        (("app.load=true",), "output", [{"type": "image"}, {"type": "docker"}]),
        (("app.output=type=local,dest=x", "app.load=true"), "output", [{"dest": "x", "type": "local"}]),
        (
            ("app.output=type=docker", "app.push=true"),
            "output",
            [{"type": "docker"}, {"push": "true", "type": "image"}],
        ),
        (("app.output=type=registry", "app.push=false"), "output", None),
        (("app.cache-from+=y",), "cache-from", [{"ref": "x", "type": "registry"}, {"ref": "y", "type": "registry"}]),
        (("app.cache-to=type=inline",), "cache-to", [{"type": "inline"}]),
        (("app.attest=type=sbom",), "attest", [{"type": "sbom"}]),
        (("app.annotations=a=b",), "annotations", ["a=b"]),
        (("app.entitlements=security.insecure",), "entitlements", ["security.insecure"]),
        (("app.call=check",), "call", "check"),
    ],
)
def test_overrides(overrides: tuple[str, ...], name: str, value: Any) -> None:
    found = shown(TEXT, targets=("app",), overrides=overrides, environ={"HOME": "/home/ada"})
    assert found["app"].get(name) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("app", "--set app: a target and a key are required"),
        (".x=1", "--set .x=1: a target and a key are required"),
        ("app.tag=x", "--set app.tag=x: there is no key tag (did you mean tags?)"),
        ("app.args=x", "--set app.args=x: args is a map"),
        ("app.tags.x=y", "--set app.tags.x=y: tags is not a map"),
        ("app.target+=x", "--set app.target+=x: target is not a list, and nothing is added to it"),
        ("app.tags", "--set app.tags: a value is required"),
        ("no.tags=x", "there is no target no"),
        ("n*.tags=x", "there is no target n*"),
        ("app.pull=maybe", "--set app.pull=maybe: pull is true or false"),
        ("app.output=type=", "--set app.output=type=: an output has no type"),
        ("app.resources.x=1", "--set app.resources.x=1: there is no limit 'x'"),
        ("app.secret.t=env=T", "--set app.secret.t=env=T: app has no secret t"),
        ("app.secret.s=id=t", "--set app.secret.s=id=t: the secret is s, not t"),
    ],
)
def test_what_makes_no_sense(override: str, message: str) -> None:
    with pytest.raises((BakeError, TargetMissing)) as caught:
        choose(TEXT, targets=("app",), overrides=(override,))
    assert caught.value.message.startswith(message)


def test_what_a_command_line_names_it_allows() -> None:
    granted = choose(
        TEXT,
        targets=("app",),
        overrides=(
            "app.output=type=local,dest=/out",
            "app.cache-from=type=local,src=/from",
            "app.cache-to=type=local,dest=/to",
            "app.secrets=id=a,src=/secret",
            "app.ssh=key=/key",
            "app.entitlements=network.host",
        ),
    ).granted
    assert sorted(granted.reads) == ["/from", "/key", "/secret"]
    assert sorted(granted.writes) == ["/out", "/to"]
    assert granted.entitlements == {"network.host"}

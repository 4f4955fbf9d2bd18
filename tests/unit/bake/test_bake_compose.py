"""Compose files: what of them is built, and what ``${NAME}`` and ``.env`` mean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from boxwright.bake.interpolation import dotenv, interpolate
from boxwright.bake.mistakes import BakeError
from boxwright.bake.values import ConversionError
from boxwright.bake.yamlfile import YamlMissing
from boxwright.engine.baking import reading
from support.bakefiles import define, shown

pytest.importorskip("yaml")


def build(text: str, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the target of the one service whose build is `text`, in YAML."""
    found: dict[str, Any] = shown(("compose.yaml", f"services:\n  app:\n    build: {text}\n"), environ=environ)["app"]
    return found


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("./dir", "context", "dir"),
        ("{ context: ., args: [A=1, B] }", "args", {"A": "1"}),
        ("{ args: { A: 1.10, B: yes, C: 22:22, D: true, E: null, F: 0x10 } }", "args",
         {"A": "1.1", "B": "yes", "C": "22:22", "D": "true", "F": "16"}),
        ('{ args: { A: "${X}", B: "${NO:-no}", C: $$X } }', "args", {"A": "x", "B": "no", "C": "$X"}),
        ("{ labels: [a=b, c] }", "labels", {"a": "b", "c": ""}),
        ("{ additional_contexts: [a=./b, 'c=service:x.y'] }", "contexts", None),
        ("{ extra_hosts: { a: [10.0.0.1, 10.0.0.2] } }", "extra-hosts", {"a": "10.0.0.1,10.0.0.2"}),
        ("{ ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 3 } }", "ulimits", ["nofile=1:2", "nproc=3:3"]),
        ("{ shm_size: 1gb }", "shm-size", "1GiB"),
        ("{ shm_size: 1000 }", "shm-size", "1000B"),
        ("{ ssh: [default, key=path] }", "ssh", [{"id": "default"}, {"id": "key", "paths": ["path"]}]),
        ('{ no_cache: "true", pull: false }', "no-cache", True),
        ("{ sbom: true, provenance: false }", "attest",
         [{"type": "sbom"}, {"disabled": True, "type": "provenance"}]),
        ("{ entitlements: [network.host] }", "entitlements", ["network.host"]),
        ("{ privileged: false, isolation: default }", "context", "."),
        ("{ x-bake: { tags: a b, cache-from: [c] } }", "tags", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_a_build_says(text: str, name: str, value: Any) -> None:
    if "service:" in text:
        with pytest.raises(Exception, match="there is no target x_y"):
            build(text)
        return
    assert build(text, {"X": "x"}).get(name) == value


def test_several_files_and_what_a_service_extends() -> None:
    first = """
services:
  base:
    build: { args: { A: 1 }, tags: [base] }
  app:
    extends: base
    image: ada/app
    build: { target: stage }
  profiled:
    profiles: [never]
    build: .
"""
    second = """
services:
  app:
    build: { args: [B=2], tags: [app] }
"""
    found = shown(("compose.yaml", first), ("more.yml", second))
    assert sorted(found) == ["app", "base", "profiled"]
    assert found["app"]["args"] == {"A": "1", "B": "2"}
    assert found["app"]["tags"] == ["base", "app"]
    assert found["app"]["target"] == "stage"


def test_a_file_that_is_included_by_one_that_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its paths are relative to its own folder. (buildx counts the outer folder twice.)"""
    monkeypatch.chdir(tmp_path)
    files = {
        "compose.yaml": "include: [a/compose.yaml]\n",
        "a/compose.yaml": "include: [b/compose.yaml]\nservices: {x: {extends: {file: ../c.yaml, service: x}}}\n",
        "a/b/compose.yaml": "services: {y: {build: {context: in, additional_contexts: {up: ../up}}}}\n",
        "c.yaml": "services: {x: {build: {args: {A: 1}}}}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    targets = reading.define(reading.Bake(), {}).targets
    assert (targets["x"].context, targets["x"].args) == ("a", {"A": "1"})
    assert (targets["y"].context, targets["y"].contexts) == ("a/b/in", {"up": "a/up"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services:\n  a: [\n", "it is no YAML: "),
        ("services: {a: 1, a: 2}\n", "it is no YAML: a is there twice"),
        ("[]\n", "compose.yaml has to be a mapping"),
        ("include: [x.yaml]\nservices: {}\n", "compose.yaml: there is no file x.yaml"),
        ("include: [compose.yaml]\n", "compose.yaml: compose.yaml is included by itself: compose.yaml → compose.yaml"),
        ("include: [{path: x, projekt: y}]\n", "compose.yaml: include has no projekt"),
        ("include: [{env_file: x}]\n", "compose.yaml: include names no file"),
        ("include: ['oci://a/b']\n", "compose.yaml: oci://a/b is included, which is no file of this machine"),
        ("services: {a: {build: {contxt: .}}}\n", "compose.yaml: the build of a has no contxt (did you mean context?)"),
        ("services: {a: {build: {privileged: true}}}\n", "compose.yaml: privileged builds are not supported"),
        ("services: {a: {build: {secrets: [s]}}}\n", "the service a: there is no secret s"),
        ("services: {a: {build: {secrets: [s]}}}\nsecrets: {s: {external: true}}\n", "the service a: the secret s is"),
        ("services: {a: {build: {args: {A: '${X:?say it}'}}}}\n", "compose.yaml: the variable X is required: say it"),
        ("services: {a: {build: {args: {A: '${'}}}}\n", "compose.yaml: ${ is not closed"),
        ("services: {a: {extends: {file: x, service: y}, build: .}}\n", "compose.yaml: there is no file x"),
        ("services: {a: {extends: {file: 'git@x', service: y}}}\n", "compose.yaml: a extends a service of git@x,"),
        ("services: {a: {extends: b}, b: {extends: a}}\n", "compose.yaml: a extends b, which extends it in turn"),
        ("services: {a: {extends: a, build: .}}\n", "compose.yaml: a extends a, which is not there, or extends it"),
        ("services: {a: {build: {x-bake: {tag: x}}}}\n", "the service a: x-bake has no tag (did you mean tags?)"),
        ("services: {a b: {build: .}}\n", "the service a b has a name that no target can have"),
        ("services: {a: {build: {shm_size: big}}}\n", "the service a: 'big' is no size"),
        ("services: !!python/object:os.system {}\n", "it is no YAML: could not determine a constructor"),
        ("services: " + "[" * 100_000 + "\n", "it is no YAML: it is nested too deeply"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
        ), "compose.yaml holds too much"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(text: str, message: str) -> None:
    with pytest.raises(BakeError) as caught:
        define(("compose.yaml", text))
    assert caught.value.message.startswith(message)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(YamlMissing) as caught:
        define(("compose.yaml", "services: {}"))
    assert caught.value.message == "compose.yaml is a compose file, and the package that reads YAML is not installed"
    assert caught.value.hint == "pip install 'boxwright[bake]', or write a docker-bake.hcl"


def test_a_compose_file_without_a_telling_name() -> None:
    assert list(define(("-", "services:\n  a:\n    build: .\n")).targets) == ["a"]
    assert list(define(("-", 'target "a" {}\n')).targets) == ["a"]
    assert list(define(("-", '{"target": {"a": {}}}')).targets) == ["a"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A-${A}", "a-a"),
        ("$$A", "$A"),
        ("${NO}", ""),
        ("${NO-x}${EMPTY-x}${EMPTY:-y}", "xy"),
        ("${A+x}${NO+x}${EMPTY+y}${EMPTY:+z}", "xy"),
        ("${NO:-${A}}", "a"),
        ("${NO:-a}b}", "ab}"),
        ("${A:?x}", "a"),
    ],
)
def test_interpolation(text: str, value: str) -> None:
    assert interpolate(text, {"A": "a", "EMPTY": ""}) == value


@pytest.mark.parametrize(
    "text", ["$", "${1}", "${A!}", "${NO?}", "$-", "${A:-" * 30 + "}" * 30, "${N:-" * 30 + "}" * 30]
)
def test_interpolation_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ConversionError):
        interpolate(text, {})


def test_dotenv() -> None:
    text = """
# a comment
A=1
export B = two words # and a comment
C='$A # as it is'
D="x\\ny ${A}"
E=${B}!
F="several
lines"
G=
"""
    assert dotenv(text, {"A": "mine"}) == {
        "A": "1",
        "B": "two words",
        "C": "$A # as it is",
        "D": "x\ny mine",
        "E": "two words!",
        "F": "several\nlines",
        "G": "",
    }
    for wrong in ("what", 'A="x', "=x"):
        with pytest.raises(ConversionError, match=r"line 1 of \.env"):
            dotenv(wrong, {})

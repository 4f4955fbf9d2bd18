"""Targets and groups: what is inherited, counted through, needed by others, and what is refused."""

from __future__ import annotations

import pytest

from boxwright.bake.mistakes import BakeError, BakeFileError, TargetMissing
from support.bakefiles import choose, define, shown

LINKED = """
target "base" { dockerfile = "base.Dockerfile" }
target "middle" {
  contexts = { base = "target:base" }
  entitlements = ["security.insecure"]
}
target "app" {
  contexts = { middle = "target:middle", base = "target:base" }
}
target "aside" {}
"""


def test_what_others_need_comes_first_and_makes_nothing_of_its_own() -> None:
    selection = choose(LINKED, targets=("app",))
    assert list(selection.targets) == ["base", "middle", "app"]
    assert selection.linked == {"base", "middle"}
    assert selection.to_json()["target"]["base"]["output"] == [{"type": "cacheonly"}]
    assert selection.targets["app"].entitlements == ("security.insecure",)


def test_what_is_wanted_itself_keeps_its_outputs() -> None:
    selection = choose(LINKED, targets=("app", "base", "aside"))
    assert list(selection.targets) == ["base", "middle", "app", "aside"]
    assert selection.linked == {"middle"}
    assert selection.targets["base"].output is None


def test_groups() -> None:
    text = """
group "default" { targets = ["all"] }
group "all" {
  description = "everything"
  targets = ["a", "some", "a"]
}
group "some" { targets = ["b", "a"] }
target "a" {}
target "b" {}
"""
    selection = choose(text)
    assert list(selection.targets) == ["a", "b"]
    assert selection.to_json()["group"] == {
        "all": {"description": "everything", "targets": ["a", "some"]},
        "default": {"targets": ["all"]},
        "some": {"targets": ["b", "a"]},
    }
    assert list(choose(text, targets=("?",)).targets) == ["a", "b"]
    assert choose(text, targets=("b",)).to_json()["group"] == {"default": {"targets": ["b"]}}


def test_a_matrix_makes_a_group_of_its_label() -> None:
    text = """
target "app" {
  name = "app-${a}-${b}"
  matrix = { a = ["x", "y"], b = [1, 2] }
  args = { A = a, B = b }
}
"""
    definition = define(text)
    assert list(definition.targets) == ["app-x-1", "app-x-2", "app-y-1", "app-y-2"]
    assert definition.groups["app"].targets == tuple(definition.targets)
    assert definition.targets["app-y-1"].args == {"A": "y", "B": "1"}


def test_later_words_add_to_earlier_ones() -> None:
    first = """
target "a" {
  args = { A = 1, B = 1 }
  tags = ["one"]
  annotations = ["a=b"]
  secret = ["id=s,env=A"]
}
target "b" { inherits = ["a"] }
"""
    second = """
target "a" {
  args = { B = 2 }
  tags = ["two"]
  annotations = ["c=d"]
  secret = ["id=s,env=B", "id=t,env=C"]
}
"""
    found = shown(first, second, targets=("b",))["b"]
    assert found["args"] == {"A": "1", "B": "2"}
    assert found["tags"] == ["two"]
    assert found["annotations"] == ["a=b", "c=d"]
    assert found["secret"] == [{"id": "s", "env": "B"}, {"id": "t", "env": "C"}]


def test_paths() -> None:
    text = """
target "a" {
  context = "./x/../y//"
  contexts = { one = "cwd://./z/", two = "https://example.com/x.git#main:dir/.." }
}
target "b" { context = "https://example.com/a/../b.git" }
target "c" { context = "cwd://" }
target "d" { context = BAKE_CMD_CONTEXT }
"""
    found = shown(text, targets=("*",))
    assert [found[name]["context"] for name in "abcd"] == ["y", "https://example.com/a/../b.git", ".", "."]
    assert found["a"]["contexts"] == {"one": "z", "two": "https://example.com/x.git#main:dir/.."}


def test_ssh_agents() -> None:
    text = 'target "default" {\n ssh = ["default", { id = "key", paths = ["a", "b"] }, "default=sock"]\n}'
    assert shown(text)["default"]["ssh"] == [{"id": "default", "paths": ["sock"]}, {"id": "key", "paths": ["a", "b"]}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('target "default" { inherits = ["default"] }', "the target default inherits itself: default → default"),
        ('target "default" { inherits = ["no"] }', "there is no target no"),
        ('target "other" {}', "there is no target default"),
        ('group "default" { targets = ["default"] }', "the group default is in itself: default → default"),
        ('group "default" { targets = ["no"] }', "there is no target no"),
        ('target "default" { contexts = { a = "target:default" } }', "the target default needs itself"),
        ('target "default" { contexts = { a = "target:no" } }', "there is no target no"),
        ('target "default" { context = "-" }', "the target default has its context from the standard input"),
        ('target "default" { dockerfile = "-" }', "the target default has its dockerfile from the standard input"),
        (
            'target "default" {\n platforms = ["a/b", "c/d"]\n contexts = { a = "target:b" }\n}\n'
            'target "b" { platforms = ["a/b", "e/f"] }',
            "default is built for a/b, c/d and needs b, which is built for a/b, e/f only",
        ),
    ],
)
def test_what_makes_no_sense_together(text: str, message: str) -> None:
    with pytest.raises((BakeError, TargetMissing)) as caught:
        choose(text)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('target "a b" {}', "'a b' is no name: it has letters, digits, _ and - only", 1),
        ('target "a" { tag = ["x"] }', "a target has no tag (did you mean tags?)", 1),
        ('target "a" {\n args {\n }\n}', "a target has no block args: write args = { … }", 2),
        ('target "a" { tags = "x" }', "tags: a list is required, and this is a string", 1),
        ('target "a" { tags = [null] }', "tags: a null is no item of a list of texts", 1),
        ('target "a" { args = ["x"] }', "args: a map is required, and this is a list", 1),
        ('target "a" { args = { a = [] } }', "args: a string is required, and this is a list", 1),
        ('target "a" { pull = "maybe" }', "pull: true or false is required, and this is a string", 1),
        ('target "a" { output = ["type="] }', "output: an output has no type", 1),
        ('target "a" { cache-to = [{ ref = "x" }] }', "cache-to: a cache has no type", 1),
        ('target "a" { secret = ["id=a,what=b"] }', "secret: a secret has no 'what'", 1),
        ('target "a" { secret = ["type=x,id=a"] }', "secret: there is no secret of type 'x'", 1),
        ('target "a" { attest = ["mode=max"] }', "attest: an attestation has no type", 1),
        ('target "a" { attest = ["type=sbom,disabled=x"] }', "attest: disabled is true or false, not 'x'", 1),
        ('target "a" { ssh = [{ path = "x" }] }', "ssh: an SSH agent has no 'path'", 1),
        ('target "a" { resources = { cpus = 1 } }', "resources: there is no limit 'cpus'", 1),
        ('target "a" { name = "x" }', "a target has another name only with a matrix", 1),
        (
            'target "a" {\n matrix = { i = ["x", "x"] }\n name = i\n}',
            "two combinations of the matrix have the name x",
            3,
        ),
        ('target "a" { matrix = { i = [1, 2] } }', "two combinations of the matrix have the name a", 1),
        ('target "a" {\n matrix = { i = [1] }\n name = "${i}!"\n}', "'1!' is no name", 3),
        ('target "a" { matrix = ["x"] }', "a matrix is a map of lists, and this is list", 1),
        ('target "a" { matrix = { i = "x" } }', "a matrix is a map of lists, and i is string", 1),
        ('target "a" {\n matrix = { a = range(1000), b = range(1000) }\n name = "x"\n}', "these are more than", 2),
        ('group "a" { matrix = { i = [1] } }', "a group has neither a matrix nor another name", 1),
        ('group "a" { tags = [] }', "a group has no tags", 1),
        ('target "a" { tags = target.a.tags }', "target.a.tags refers to itself", 1),
        (
            'target "a" { tags = target.b.tags }\ntarget "b" { tags = target.a.tags }',
            "target.a.tags refers to itself",
            1,
        ),
        ('target "a" { tags = target.b }', "there is no target b", 1),
        ('target "a" { tags = target.a.tgs }', "there is no target a with tgs", 1),
    ],
)
def test_errors_in_a_file(text: str, message: str, line: int) -> None:
    with pytest.raises(BakeFileError) as caught:
        define(text)
    assert caught.value.message.startswith(message)
    assert caught.value.span is not None
    assert caught.value.span.first == line


def test_targets_see_what_others_say() -> None:
    text = """
target "a" {
  tags = ["x"]
  args = { A = "1" }
  output = ["type=oci,dest=a.tar"]
}
target "b" {
  tags = concat(target.a.tags, ["y"])
  args = { A = target.a.args.A, N = target.a.name, T = target.a.output[0].type, E = target.a.target == null }
}
"""
    found = shown(text, targets=("b",))["b"]
    assert found["tags"] == ["x", "y"]
    assert found["args"] == {"A": "1", "E": "true", "N": "a", "T": "oci"}

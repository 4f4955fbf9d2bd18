"""Variables: types, defaults, what the environment says instead, validations, and what refers to what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from boxwright.bake.mistakes import BakeFileError
from support.bakefiles import define, shown


def value(block: str, environ: dict[str, str] | None = None) -> Any:
    """Return the value of the variable V as JSON has it."""
    text = f'{block}\ntarget "default" {{\n  args = {{ V = jsonencode(V) }}\n}}\n'
    return json.loads(shown(text, environ=environ)["default"]["args"]["V"])


@pytest.mark.parametrize(
    ("block", "environ", "expected"),
    [
        ('variable "V" {}', {}, ""),
        ('variable "V" {}', {"V": "1"}, "1"),
        ('variable "V" {\n type = string\n}', {}, None),
        ('variable "V" {\n type = number\n}', {"V": "1.5"}, 1.5),
        ('variable "V" { default = null }', {}, None),
        ('variable "V" { default = null }', {"V": "x"}, "x"),
        ('variable "V" { default = "a" }', {"V": ""}, ""),
        ('variable "V" { default = 1 }', {"V": "2"}, 2),
        ('variable "V" { default = true }', {"V": "0"}, False),
        ('variable "V" {\n default = "1"\n type = number\n}', {}, 1),
        ('variable "V" {\n default = 1\n type = string\n}', {}, "1"),
        ('variable "V" {\n type = bool\n}', {"V": "T"}, True),
        ('variable "V" {\n type = any\n default = [1]\n}', {}, [1]),
        ('variable "V" {\n type = list(string)\n default = [1, 2]\n}', {}, ["1", "2"]),
        ('variable "V" {\n type = list(string)\n}', {"V": 'a,"b,c"'}, ["a", "b,c"]),
        ('variable "V" {\n type = list(number)\n}', {"V": "1,2"}, [1, 2]),
        ('variable "V" {\n type = set(string)\n}', {"V": "b,a,b"}, ["a", "b"]),
        ('variable "V" {\n type = map(number)\n}', {"V": "a:1,b:2"}, {"a": 1, "b": 2}),
        ('variable "V" {\n type = tuple([string, number])\n}', {"V": "a,1"}, ["a", 1]),
        ('variable "V" {\n type = list(string)\n}', {"V_JSON": '["x"]'}, ["x"]),
        ('variable "V" {\n type = list(string)\n}', {"V": "a", "V_JSON": '["x"]'}, ["x"]),
        ('variable "V" {\n type = object({ a = number })\n}', {"V_JSON": '{"a": "1"}'}, {"a": 1}),
        ('variable "V" {\n default = "a"\n}\nvariable "V_JSON" { default = "b" }', {"V_JSON": "c"}, "a"),
        ('variable "W" { default = "w" }\nvariable "V" { default = "${W}!" }', {"W": "x"}, "x!"),
        ('V = "attribute"', {"V": "x"}, "attribute"),
        ('W = 1\nvariable "V" { default = W + 1 }', {}, 2),
        ('variable "V" { default = BAKE_LOCAL_PLATFORM }', {"BAKE_LOCAL_PLATFORM": "x"}, "linux/amd64"),
        ('variable "V" { default = BAKE_CMD_CONTEXT }', {}, "cwd://"),
    ],
)
def test_values(block: str, environ: dict[str, str], expected: Any) -> None:
    assert value(block, environ) == expected


@pytest.mark.parametrize(
    ("block", "environ", "message", "line"),
    [
        (
            'variable "V" {\n default = "a"\n type = number\n}',
            {},
            "the default of V is not of its type: a number is",
            2,
        ),
        ('variable "V" { default = 1 }', {"V": "x"}, "V=x: it has to be a number", 1),
        ('variable "V" { default = true }', {"V": "x"}, "V=x: it has to be true or false", 1),
        ('variable "V" { default = [1] }', {"V": "x"}, "V=x: give it a type: a list without one cannot be set", 1),
        ('variable "V" {\n type = map(string)\n}', {"V": "x"}, "V=x: 'x' has to be a key, ':' and a value", 1),
        (
            'variable "V" {\n type = tuple([string])\n}',
            {"V": "a,b"},
            "V=a,b: a tuple of 1 is required, and here are 2",
            1,
        ),
        (
            'variable "V" {\n type = object({ a = number })\n}',
            {"V": "x"},
            "V=x: V is object, and has to be given as JSON",
            1,
        ),
        ('variable "V" {\n type = list(string)\n}', {"V_JSON": "["}, "V=[: it is no JSON", 1),
        ('variable "V" {\n type = text\n}', {}, "this is no type", 2),
        ('variable "V" { defualt = 1 }', {}, "a variable has no defualt (did you mean default?)", 1),
        ('variable "V" { default = V }', {}, "V refers to itself", 1),
        ('variable "V" { default = W }\nvariable "W" { default = V }', {}, "V refers to itself", 1),
        ('variable "V" "W" {}', {}, "a variable has one name", 1),
        ('variable "V" {\n validation {\n  condition = false\n }\n}', {}, "a validation needs error_message", 2),
        ("group = 1", {}, "group is a block", 1),
        ('thing "V" {}', {}, "there is no block thing", 1),
        ('function "f" { params = [] }', {}, "a function needs result", 1),
        ('function "f" {\n params = [1]\n result = 1\n}', {}, "the name of a parameter is required", 2),
        ('function "f" {\n params = [a]\n result = f(a)\n}\nV = f(1)', {}, "f() refers to itself", 1),
        ('function "f" {\n params = [a]\n result = a\n}\nV = f()', {}, "f: it takes 1 argument, and here are 0", 5),
    ],
)
def test_errors(block: str, environ: dict[str, str], message: str, line: int) -> None:
    with pytest.raises(BakeFileError) as caught:
        value(block, environ)
    assert caught.value.message.startswith(message)
    assert caught.value.span is not None
    assert caught.value.span.first == line


VALIDATED = """\
variable "PORT" {
  type    = number
  default = 80
  validation {
    condition     = PORT > 0
    error_message = "PORT is ${PORT}, and has to be more than 0"
  }
  validation {
    condition     = PORT < LIMIT
    error_message = "PORT is too large"
  }
}
variable "LIMIT" { default = 1000 }
"""


def test_a_validation_speaks_with_its_own_message() -> None:
    assert define(VALIDATED, environ={"PORT": "8"}).variables[0].value == "8"
    with pytest.raises(BakeFileError) as caught:
        define(VALIDATED, environ={"PORT": "-1"})
    assert caught.value.message == "PORT is -1, and has to be more than 0"
    assert caught.value.detail[:2] == ("docker-bake.hcl:5", "  5 |     condition     = PORT > 0")
    with pytest.raises(BakeFileError, match="PORT is too large"):
        define(VALIDATED, environ={"LIMIT": "5"})


def test_functions_of_a_file() -> None:
    text = """
function "tag" {
  params          = [name]
  variadic_params = more
  result          = "${PREFIX}/${name}${join("", more)}"
}
variable "PREFIX" { default = "ada" }
V = [tag("a"), tag("b", ":", "1"), tag(["c"]...)]
"""
    assert value(text) == ["ada/a", "ada/b:1", "ada/c"]


def test_variables_are_described() -> None:
    text = """
variable "A" {
  type        = list(string)
  default     = ["x"]
  description = "what it is for"
}
variable "B" { default = null }
variable "C" {
  type = any
}
"""
    assert [tuple(each) for each in define(text).variables] == [
        ("A", "list of string", '["x"]', "what it is for"),
        ("B", "", None, ""),
        ("C", "any type", None, ""),
    ]


def test_a_file_in_json() -> None:
    text = {
        "variable": {"V": {"type": "list(number)", "default": [1]}, "W": {"default": "w"}},
        "function": {"f": {"params": ["a"], "result": "${a}${W}"}},
        "target": {"default": {"args": {"v": "${jsonencode(V)}", "f": '${f("x")}', "$": "$${W}", "n": None}}},
    }
    found = shown(("docker-bake.json", json.dumps(text)), environ={"V": "2,3"})
    assert found["default"]["args"] == {"$": "$${W}", "f": "xw", "v": "[2,3]"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is no JSON: "),
        ("[]", "the file has to be a JSON object"),
        ('{"target": 1}', "target has to be a JSON object"),
        ('{"target": {"a": 1}}', "target.a has to be a JSON object"),
        ('{"target": {"a": {"tags": "${b}"}}}', "there is no variable b"),
        ('{"target": {"a": {"tags": "x"}}}', "tags: a list is required, and this is a string"),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}", "a is nested too deeply"),
        ("[" * 100_000, "it is no JSON: "),
    ],
)
def test_errors_in_json(text: str, message: str) -> None:
    with pytest.raises(BakeFileError) as caught:
        define(("docker-bake.json", text))
    assert caught.value.message.startswith(message)

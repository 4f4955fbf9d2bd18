"""The language of bake files: what expressions and templates mean."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.bake.bodies import parse_hcl
from boxwright.bake.mistakes import BakeFileError
from boxwright.dockerfile.source import Source
from support.bakefiles import evaluate

VALUES: list[tuple[str, Any]] = [
    ("1", 1),
    ("-1.5", -1.5),
    ("1e3", 1000),
    ("1e30", 10**30),
    ("true", True),
    ("null", None),
    ('"text"', "text"),
    (r'"a\n\t\"\\A\U0001F600"', 'a\n\t"\\A😀'),
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("7 / 2", 3.5),
    ("6 / 2", 3),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("0.1 + 0.2", 0.3),
    ("1 - 2 - 3", -4),
    ("!true", False),
    ("-(2)", -2),
    ("1 < 2 && 2 <= 2", True),
    ("1 > 2 || 2 >= 3", False),
    ("true || nothing", True),
    ("false && nothing", False),
    ('1 == "1"', False),
    ("[1, 2] == [1, 2]", True),
    ("null != 1", True),
    ('true ? "a" : "b"', "a"),
    ('false ? nothing : "b"', "b"),
    ('true ? 1 : "b"', "1"),
    ("true ? 1 : 2", 1),
    ("[1, [2], {a = 3}]", [1, [2], {"a": 3}]),
    ("[1, 2,]", [1, 2]),
    ('{a = 1, "b" = 2, (x) = 3, c : 4}', {"a": 1, "b": 2, "X": 3, "c": 4}),
    ("{\n a = 1\n b = 2\n}", {"a": 1, "b": 2}),
    ("[1, 2][1]", 2),
    ("[1, 2].0", 1),
    ('{a = {b = "c"}}.a.b', "c"),
    ('{a = 1}["a"]', 1),
    ("[{a = 1}, {a = 2}][*].a", [1, 2]),
    ("[{a = 1}, {a = 2}].*.a", [1, 2]),
    ("{a = 1}[*].a", [1]),
    ("null[*]", []),
    ("[for each in [1, 2, 3] : each * 2]", [2, 4, 6]),
    ("[for i, each in [1, 2, 3] : i if each > 1]", [1, 2]),
    ("{for k, v in {a = 1, b = 2} : upper(k) => v}", {"A": 1, "B": 2}),
    ("{for each in [1, 2, 3] : each % 2 => each...}", {"1": [1, 3], "0": [2]}),
    ("max([1, 5, 3]...)", 5),
    ('upper(\n  "a",\n)', "A"),
    ('"${x}"', "X"),
    ('"${1}"', 1),
    ('"a${1}b${true}"', "a1btrue"),
    ('"$${x} %%{if} $x %x"', "${x} %{if} $x %x"),
    ('"${x == "X" ? "yes" : "no"}!"', "yes!"),
    ('"%{if true}a%{else}b%{endif}"', "a"),
    ('"%{if false}a%{endif}"', ""),
    ('"%{for each in [1, 2]}<${each}>%{endfor}"', "<1><2>"),
    ('"%{for i, each in ["a"]}${i}${each}%{endfor}"', "0a"),
    ('"a ${~ 1 ~} b"', "a1b"),
    ("<<EOT\na ${x}\n  b\nEOT\n", "a X\n  b\n"),
    ("<<-EOT\n    a\n\n      b\n    EOT\n", "a\n\n  b\n"),
    ("<<EOT\n%{ for each in [1, 2] ~}\n- ${each}\n%{ endfor ~}\nEOT\n", "- 1\n- 2\n"),
    ("<<-EOT\n  %{ if true ~}\n  a\n  %{ endif ~}\n  b\nEOT\n", "  a\n  b\n"),
    ('try(nothing, 1 / 0, "c")', "c"),
    ("can(1 / 0)", False),
    ("can(1)", True),
    ('convert("1", number)', 1),
    ("convert([1, 2], list(string))", ["1", "2"]),
    ('convert({a = "true", b = 1}, object({a = bool}))', {"a": True}),
    ('convert(["b", "a", "b"], set(string))', ["a", "b"]),
    ('convert([1, "2"], tuple([string, number]))', ["1", 2]),
    ("1 # comment", 1),
    ("1 // comment", 1),
    ("/* one\n two */ 1", 1),
    ("x", "X"),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_values(text: str, value: Any) -> None:
    found = evaluate(text, x="X")
    assert (found, type(found)) == (value, type(value))


ERRORS = [
    ("nothing", "there is no variable nothing"),
    ("BAKE_LOCAL", "there is no variable BAKE_LOCAL (did you mean BAKE_LOCAL_PLATFORM?)"),
    ("1 / 0", "a division by zero"),
    ("1 +", "expected a value, found the end of the line"),
    ("[1, 2", "expected ']' or ',' in a list, found the end of the line"),
    ("(1", "expected ')' to close the parenthesis, found the end of the line"),
    ('"abc', "a string is not closed"),
    (r'"\q"', "there is no escape \\q"),
    ('"${1"', "expected '}' to close '${', found '\"'"),
    ('"%{if true}"', "%{if} is not closed"),
    ('"%{endif}"', "%{endif} has no beginning"),
    ('"%{what}"', "expected if, else, endif, for or endfor behind %{"),
    ("<<EOT\na\n", "a here-document is not closed: no line is just EOT"),
    ("<< EOT\n", "a here-document begins with <<NAME at the end of a line"),
    ("/* a", "a comment is not closed"),
    ("uper(1)", "there is no function uper (did you mean upper?)"),
    ('bcrypt("a")', "the function bcrypt is not supported"),
    ("upper()", "upper: it takes 1 argument, and here are 0"),
    ("upper(null)", "upper: argument 1 is null"),
    ("upper([])", "upper: argument 1: a string is required, and this is a list"),
    ("max(1...)", "what stands before … has to be a list"),
    ('1 + "a"', "a number is required, and this is a string"),
    ('"a" ? 1 : 2', "true or false is required, and this is a string"),
    ("null + 1", "this is null, and must have a value"),
    ('"a${null}"', "a null cannot be put into a text"),
    ('"a${[1]}"', "a string is required, and this is a list"),
    ("[1][2]", "there is no item 2: the list has 1"),
    ('{abc = 1}["abd"]', "there is no item abd (did you mean abc?)"),
    ("{abc = 1}.abd", "there is no attribute abd (did you mean abc?)"),
    ('"a".b', "string has no attribute b"),
    ("[for each in 1 : each]", "a list or a map is required, and this is number"),
    ("{for each in [1, 1] : each => each}", "two items have the same key"),
    ("{a = 1 b = 2}", "expected ',' or a new line in a map, found 'b = 2}'"),
    ("1 2", "expected a new line, found '2'"),
    ("target", "target has to be followed by a name and an attribute"),
    ("target.app.tags", "there is no target app with tags"),
    ("convert(1, text)", "this is no type"),
    ('convert("a", number)', "a number is required, and this is a string"),
    ("try()", "try needs an argument"),
    ("1" * 200, "a number is too long"),
    ("1e999", "a number is too long"),
    ("&", "expected a value, found '&'"),
]


@pytest.mark.parametrize(("text", "message"), ERRORS, ids=[text[:40] for text, _ in ERRORS])
def test_errors(text: str, message: str) -> None:
    with pytest.raises(BakeFileError) as caught:
        evaluate(text, BAKE_LOCAL_PLATFORM="linux/amd64")
    assert caught.value.message == message


def test_an_error_shows_the_place() -> None:
    with pytest.raises(BakeFileError) as caught:
        evaluate('"a ${uper(1)}"')
    assert caught.value.detail == (
        "docker-bake.hcl:1",
        '  1 | value = "a ${uper(1)}"',
        "    |              ^^^^^^^",
    )


BODIES = [
    ("a = 1\na = 2\n", "a is set a second time", 2),
    ('target "a" {\n', "expected '}' to close the block target, found the end of the line", 1),
    ('target "a" b\n', "expected '=' or '{' behind target, found the end of the line", 1),
    ('target "${x}" {\n}\n', "a block's name cannot have ${…} in it", 1),
    ('target "a" { b = 1\n}\n', "the block target is neither on one line nor on several", 1),
    ('target "a" { b = 1 }\n}\n', "expected an attribute or a block, found '}'", 2),
    ("\n= 1\n", "expected an attribute or a block, found '= 1'", 2),
]


@pytest.mark.parametrize(("text", "message", "line"), BODIES, ids=[message for _, message, _ in BODIES])
def test_errors_of_blocks(text: str, message: str, line: int) -> None:
    with pytest.raises(BakeFileError) as caught:
        parse_hcl(Source("docker-bake.hcl", text))
    assert caught.value.message.startswith(message)
    assert caught.value.span is not None
    assert caught.value.span.first == line


HUGE = [
    "[" * 10_000,
    "(" * 10_000,
    "!" * 10_000 + "true",
    '"${' * 10_000,
    "{a = " * 10_000,
    "1" + " + 1" * 10_000,
    "a" + ".b" * 10_000,
    "true ? " * 10_000,
    "f(" * 10_000,
    '"' + "%{if true}" * 10_000 + '"',
    "<<A\n" * 10_000,
    "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]",
    '[for a in range(1000) : join("", [for b in range(1000) : "${a}-${b}-${"x"}-${a}-${b}"])]',
    "999999999999 * 999999999999" + " * 999999999999" * 20,
    'format("%9999s", "a") == "" ? 1 : [for a in range(1000) : [for b in range(1000) : format("%9999s", "a")]]',
]


@pytest.mark.parametrize("text", HUGE, ids=[text[:30] for text in HUGE])
def test_what_would_take_all_time_and_memory_ends_soon(text: str) -> None:
    with pytest.raises(BakeFileError):
        evaluate(text)

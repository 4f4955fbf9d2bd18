"""Go templates, as far as people use them with --format."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.cli.template import Template, TemplateError

DATA: dict[str, Any] = {
    "Name": "web",
    "Count": 3,
    "On": True,
    "Off": False,
    "Nothing": None,
    "Empty": "",
    "List": ["a", "b", "c"],
    "None": [],
    "Labels": {"app": "web", "a.b/c": "x"},
    "State": {"Status": "running", "ExitCode": 0},
    "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "90/tcp": None},
    "Label": lambda name: {"app": "web"}.get(name, ""),
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{.Name}}", "web"),
        ("{{ .Name }}-{{.Count}}", "web-3"),
        ("{{.State.Status}}", "running"),
        ("{{.On}} {{.Off}}", "true false"),
        ("{{.Nothing}}", "<no value>"),
        ("{{.List}}", "[a b c]"),
        ("{{.Labels}}", "map[a.b/c:x app:web]"),
        ("{{.Labels.app}}{{.Labels.none}}", "web<no value>"),
        ("{{json .List}}", '["a","b","c"]'),
        ("{{.List | json}}", '["a","b","c"]'),
        ("{{json .Nothing}}", "null"),
        ('{{json "a\\"ü"}}', '"a\\"ü"'),
        ('{{index .Labels "a.b/c"}}', "x"),
        ("{{index .List 1}}", "b"),
        ('{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"),
        ('{{index .Labels "no"}}', "<no value>"),
        ('{{join .List ", "}}', "a, b, c"),
        ('{{split "a:b" ":"}}', "[a b]"),
        ("{{upper .Name}}{{lower .Name}}{{title .Name}}", "WEBwebWeb"),
        ('{{.Name | printf "%-5s|"}}', "web  |"),
        ('{{printf "%d %s %q %v %%" .Count .Name .Name .On}}', '3 web "web" true %'),
        ("{{len .List}} {{len .Nothing}} {{len .Name}}", "3 0 3"),
        ("{{slice .Name 1}}{{slice .Name 0 1}}", "ebw"),
        ("{{truncate .Name 2}}|{{pad .Name 1 2}}|", "we| web  |"),
        ('{{println "a" 1}}', "a 1\n"),
        ("{{if .On}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Empty}}yes{{else if .Count}}three{{else}}no{{end}}", "three"),
        ("{{if .None}}yes{{end}}", ""),
        ("{{if and .On (not .Off)}}yes{{end}}", "yes"),
        ("{{if or .Off .Empty}}yes{{else}}no{{end}}", "no"),
        ('{{if eq .Name "web"}}yes{{end}}', "yes"),
        ('{{if eq .Name "a" "b" "web"}}yes{{end}}', "yes"),
        ('{{if ne .Name "web"}}yes{{else}}no{{end}}', "no"),
        ("{{if lt .Count 4}}{{if ge .Count 3}}yes{{end}}{{end}}", "yes"),
        ("{{with .State}}{{.Status}} of {{$.Name}}{{end}}", "running of web"),
        ("{{with .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .List}}<{{.}}>{{end}}", "<a><b><c>"),
        ("{{range $i, $e := .List}}{{$i}}{{$e}}{{end}}", "0a1b2c"),
        ("{{range $name, $value := .Labels}}{{$name}}={{$value}};{{end}}", "a.b/c=x;app=web;"),
        ("{{range .None}}x{{else}}none{{end}}", "none"),
        ("{{range $p, $b := .Ports}}{{$p}}{{range $b}}:{{.HostPort}}{{end}} {{end}}", "80/tcp:8080 90/tcp "),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{$x := .Name}}{{$x}}{{$x = .Count}}{{$x}}", "web3"),
        ("{{$n := 0}}{{range .List}}{{$n = len .}}{{end}}{{$n}}", "1"),
        ("a {{- .Name -}} b", "awebb"),
        ("{{/* nothing */}}x", "x"),
        ('{{`raw "text"`}}', 'raw "text"'),
        ('{{"}}"}}', "}}"),
        ("{{'a'}} {{0x10}} {{-1}} {{1.5}} {{true}} {{nil}}", "97 16 -1 1.5 true <no value>"),
        ('{{.Label "app"}}{{.Label "none"}}', "web"),
        ('{{"app" | .Label}}', "web"),
        ("100%", "100%"),
        ("{{.Name}}\t{{.Count}}\n", "web\t3\n"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert Template(template).render(DATA) == text


def test_functions_are_no_data() -> None:
    assert Template("{{json .}}").render({"B": 1, "A": [2], "Label": len}) == '{"B":1,"A":[2]}'
    assert Template("{{.}}").render({"B": 1, "A": 2, "Label": len}) == "map[A:2 B:1]"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{", "unclosed action"),
        ("{{.Name", "unclosed action"),
        ("{{}}", "missing value"),
        ("{{.Nope}}", "there is no field Nope; there are Count, Empty,"),
        ("{{.State.Nope}}", "there is no field Nope; there are ExitCode, Status"),
        ("{{.Name.Nope}}", "can't evaluate field Nope in web"),
        ("{{nope .Name}}", "function 'nope' is not defined"),
        ("{{.Name .Count}}", "only a function takes arguments"),
        ("{{if .On}}x", "if is not closed by end"),
        ("{{range .List}}x", "range is not closed by end"),
        ("{{if .On}}x{{else}}y", "if is not closed by end"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{if}}x{{end}}", "missing value"),
        ("{{(.Name}}", "unclosed parenthesis"),
        ("{{.Name)}}", "unexpected ')'"),
        ("{{.Name | }}", "missing value"),
        ("{{$x}}", "undefined variable $x"),
        ("{{$x = 1}}", "undefined variable $x"),
        ("{{index .List 9}}", "index: "),
        ("{{join}}", "join: "),
        ("{{len 5}}", "len: "),
        ("{{range .Name}}{{end}}", "range can't iterate over web"),
        ('{{template "x"}}', "template is not supported"),
        ("{{.Name ? 1}}", "unexpected '?"),
        ('{{"open}}', "unclosed action"),
        ("{{.Label}}", "Label: "),
        ("{{printf}}", "printf: "),
        ('{{printf "%d" .Name}}', "printf: "),
        ('{{printf "%d %d" 1}}', "printf: "),
        ("{{title 5 6}}", "title: "),
        ("{{lt .Name 5}}", "lt: "),
        ("{{and}}", "and: "),
        ("{{range 100001}}{{end}}", "100001 is more than 100000"),
        ('{{pad "x" 1000000 1}}', "1000000 is more than 100000"),
        ('{{printf "%999999999d" 1}}', "is more than 100000"),
        ("{{" + "(" * 5000 + "1", "unclosed"),
        ("{{" + "(" * 5000 + "1}}", "nested too deep"),
        ("{{" + "9" * 5000 + "}}", "invalid number 99"),
    ],
)
def test_mistakes(template: str, why: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template).render(DATA)
    assert why in caught.value.message
    assert caught.value.hint

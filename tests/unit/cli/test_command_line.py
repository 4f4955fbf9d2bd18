"""The command line's words, as docker's own parser takes them."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.cli.parsing import HelpWanted, OperandsError, Parser, UsageError, size


def parser() -> Parser:
    made = Parser("boxwright x", "Does x")
    made.flag("-i", "--interactive", help="i")
    made.flag("-t", "--tty", help="t")
    made.flag("--proxy", default=True, help="p")
    made.repeated("-e", "--env", metavar="NAME=VALUE", help="e")
    made.add_argument("--name", "--called", help="n")
    made.add_argument("-m", "--memory", type=size, help="m")
    made.add_argument("-n", "--number", type=int, help="n")
    made.add_argument("--cpus", type=float, help="c")
    made.add_argument("--pull", choices=("always", "never"), default="never", help="p")
    made.refused("--link", why="it is old")
    made.refused("--init", why="not yet", value=False)
    return made


def ordinary() -> Parser:
    made = parser()
    made.add_argument("source", metavar="SOURCE", help="s")
    made.add_argument("target", metavar="TARGET", nargs="?", default="here", help="t")
    return made


def program() -> Parser:
    made = parser()
    made.add_argument("image", metavar="IMAGE", help="i")
    made.add_argument("command", metavar="COMMAND", nargs="...", help="c")
    return made


def several() -> Parser:
    made = parser()
    made.add_argument("names", metavar="NAME", nargs="+", help="n")
    return made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"interactive": False, "tty": False, "proxy": True, "env": [], "name": None, "pull": "never"}),
        (["-i"], {"interactive": True, "tty": False}),
        (["-it"], {"interactive": True, "tty": True}),
        (["-it=false"], {"interactive": True, "tty": False}),
        (["-t=true"], {"tty": True}),
        (["--tty=1"], {"tty": True}),
        (["--tty", "--tty=F"], {"tty": False}),
        (["--proxy=false"], {"proxy": False}),
        (["-e", "A=1", "-eB=2", "-e=C=3", "--env", "D", "--env=E=5"], {"env": ["A=1", "B=2", "C=3", "D", "E=5"]}),
        (["-ie", "A=1"], {"interactive": True, "env": ["A=1"]}),
        (["-ieA=1"], {"interactive": True, "env": ["A=1"]}),
        (["--name", "a", "--name=b"], {"name": "b"}),
        (["--called", "a"], {"name": "a"}),
        (["--name="], {"name": ""}),
        (["--name", "-x"], {"name": "-x"}),
        (["--name", "--"], {"name": "--"}),
        (["-m", "1k"], {"memory": 1024}),
        (["-m1k"], {"memory": 1024}),
        (["-n", "-1"], {"number": -1}),
        (["--cpus=1.5"], {"cpus": 1.5}),
        (["--pull", "always"], {"pull": "always"}),
    ],
    ids=" ".join,
)
def test_options(words: list[str], expected: dict[str, Any]) -> None:
    for place in ([*words, "s"], ["s", *words]):
        values = vars(ordinary().parse(place))
        assert {name: values[name] for name in expected} == expected
        assert (values["source"], values["target"]) == ("s", "here")


@pytest.mark.parametrize(
    ("make", "words", "expected"),
    [
        (ordinary, ["a", "-i", "b"], {"source": "a", "target": "b", "interactive": True}),
        (ordinary, ["-"], {"source": "-"}),
        (ordinary, ["--", "-i"], {"source": "-i", "interactive": False}),
        (program, ["-i", "image", "-t", "--name", "x"], {"command": ["-t", "--name", "x"], "tty": False, "name": None}),
        (program, ["image"], {"image": "image", "command": []}),
        (program, ["image", "--", "sh"], {"command": ["--", "sh"]}),
        (program, ["--", "image", "sh"], {"image": "image", "command": ["sh"]}),
        (several, ["a", "-i", "b"], {"names": ["a", "b"], "interactive": True}),
    ],
)
def test_operands(make: Any, words: list[str], expected: dict[str, Any]) -> None:
    values = vars(make().parse(words))
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("make", "words", "message", "hint"),
    [
        (ordinary, ["--what"], "unknown flag: --what", "see boxwright x --help"),
        (ordinary, ["-iz"], "unknown flag: -z", "see boxwright x --help"),
        (ordinary, ["--na=x"], "unknown flag: --na", None),  # no abbreviations
        (ordinary, [], "missing SOURCE", None),
        (program, [], "missing IMAGE", None),
        (several, ["-i"], "missing NAME", None),
        (ordinary, ["a", "b", "c", "d"], "too many arguments: c d", None),
        (ordinary, ["s", "--env"], "-e needs a value", None),
        (ordinary, ["s", "-ie"], "-e needs a value", None),
        (ordinary, ["s", "--tty=maybe"], "invalid --tty 'maybe': it takes true or false", None),
        (ordinary, ["s", "-n", "x"], "invalid -n 'x': it takes a whole number", None),
        (ordinary, ["s", "--cpus", "x"], "invalid --cpus 'x': it takes a number", None),
        (ordinary, ["s", "--pull", "x"], "invalid --pull 'x'", "it is one of always, never"),
        (ordinary, ["s", "--link", "x"], "--link is not supported: it is old", None),
        (ordinary, ["s", "--init"], "--init is not supported: not yet", None),
    ],
)
def test_what_does_not_parse(make: Any, words: list[str], message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        make().parse(words)
    assert caught.value.message == message
    assert caught.value.hint == (hint or "see boxwright x --help")


def test_values_do_not_leak_from_one_command_line_to_the_next() -> None:
    made = ordinary()
    assert made.parse(["s", "-e", "A=1"]).env == ["A=1"]
    assert made.parse(["s"]).env == []


def group() -> Parser:
    made = Parser("boxwright volume", "Volumes")
    create = made.command("create", help="make one", description="Make a volume")
    create.add_argument("name", metavar="NAME", nargs="?", help="its name")
    made.command("ls", help="list them").flag("-q", "--quiet", help="names only")
    return made


def test_a_group_has_commands() -> None:
    assert vars(group().parse(["create", "data"])) == {"verb": "create", "name": "data"}
    assert vars(group().parse(["ls", "-q"])) == {"verb": "ls", "quiet": True}
    with pytest.raises(HelpWanted):
        group().parse([])
    with pytest.raises(OperandsError, match="invalid COMMAND 'x'") as caught:
        group().parse(["x"])
    assert caught.value.hint == "it is one of create, ls"
    with pytest.raises(HelpWanted) as wanted:
        group().parse(["ls", "--help"])
    assert wanted.value.parser.prog == "boxwright volume ls"


def test_help_shows_operands_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = Parser("boxwright x", "Does x")
    made.flag("-q", "--quiet", help="print less")
    made.add_argument("--output", metavar="FILE", help=" ".join(["words"] * 20))
    made.add_argument("--" + "long" * 9, help="stands below")
    made.add_argument("--pull", choices=("always", "never"), help="when")
    made.refused("--link", why="it is old")
    made.add_argument("names", metavar="NAME", nargs="+", help="a name")
    assert made.help() == (
        "Usage: boxwright x [OPTIONS] NAME [NAME ...]\n"
        "\n"
        "Does x\n"
        "\n"
        "Operands:\n"
        "  NAME                                a name\n"
        "\n"
        "Options:\n"
        "      --help                          show this help\n"
        "  -q, --quiet                         print less\n"
        "      --output FILE                   words words words words words words words\n"
        "                                      words words words words words words words\n"
        "                                      words words words words words words\n"
        f"      --{'long' * 9} {'LONG' * 9}\n"
        "                                      stands below\n"
        "      --pull always,never             when\n"
    )
    assert group().help() == (
        "Usage: boxwright volume [OPTIONS] COMMAND\n"
        "\n"
        "Volumes\n"
        "\n"
        "Commands:\n"
        "  create      make one\n"
        "  ls          list them\n"
        "\n"
        "Options:\n"
        "      --help  show this help\n"
    )

"""Groups of commands, also within groups."""

from __future__ import annotations

import pytest

from boxwright.cli.parsing import HelpWanted, Parser, UsageError


@pytest.fixture
def parser() -> Parser:
    parser = Parser("boxwright hub")
    parser.command("serve", help="serve")
    user = parser.command("user", help="people")
    user.command("add", help="add one").add_argument("name", metavar="NAME", help="who")
    user.command("list", help="list them")
    return parser


def test_the_verb_names_the_whole_way(parser: Parser) -> None:
    assert parser.parse(["serve"]).verb == "serve"
    assert vars(parser.parse(["user", "add", "ada"])) == {"verb": "user add", "name": "ada"}


@pytest.mark.parametrize("words", [["user", "grow"], ["user", "add"], ["people"]])
def test_what_is_no_command_is_refused(parser: Parser, words: list[str]) -> None:
    with pytest.raises(UsageError):
        parser.parse(words)


@pytest.mark.parametrize("words", [["user", "--help"], ["user"]])
def test_help_is_that_of_the_innermost_group(parser: Parser, words: list[str]) -> None:
    with pytest.raises(HelpWanted) as wanted:
        parser.parse(words)
    assert wanted.value.parser.prog == "boxwright hub user"


def test_a_family_is_everybody_below(parser: Parser) -> None:
    assert [one.prog.split()[-1] for one in parser.family()] == ["hub", "serve", "user", "add", "list"]

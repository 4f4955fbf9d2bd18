"""Every verb of the table can be asked for help, and says what its options do."""

from __future__ import annotations

import importlib

import pytest

from boxwright.cli.parsing import Parser
from boxwright.cli.verbs import MANAGEMENT, VERBS


@pytest.mark.parametrize("name", sorted(VERBS))
def test_each_verb_declares_its_arguments(name: str) -> None:
    module = importlib.import_module(f"boxwright.cli.commands.{VERBS[name].module}")
    parser = Parser(f"boxwright {name}")
    module.configure(parser)
    assert callable(module.run)
    parsers = list(parser.family())
    declared = [argument for each in parsers for argument in (*each.options, *each.operands)]
    assert [argument.dest for argument in declared if not argument.help and not argument.why] == []
    assert all(each.help() for each in parsers)


def test_each_longer_spelling_leads_to_a_verb() -> None:
    assert [verb for group in MANAGEMENT.values() for verb in group.values() if verb.split()[0] not in VERBS] == []

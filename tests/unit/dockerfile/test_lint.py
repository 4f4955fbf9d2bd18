"""What is allowed, but not advised."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.expand import Undefined
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.lint.rule import ForeignBase, LintWarning, Rule, Subject
from boxwright.dockerfile.lint.rules import RULES
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import Dockerfile, load

EVERYTHING = Check(experimental_all=True)
BUILDKIT = (
    "StageNameCasing FromAsCasing NoEmptyContinuation ConsistentInstructionCasing DuplicateStageName ReservedStageName "
    "JSONArgsRecommended MaintainerDeprecated UndefinedArgInFrom WorkdirRelativePath UndefinedVar "
    "MultipleInstructionsDisallowed LegacyKeyValueFormat InvalidBaseImagePlatform RedundantTargetPlatform "
    "SecretsUsedInArgOrEnv InvalidDefaultArgInFrom FromPlatformFlagConstDisallowed CopyIgnoredFile "
    "InvalidDefinitionDescription ExposeProtoCasing ExposeInvalidFormat"
)
# These take a plan, which is tested in unit/build/test_checking.py.
PLANNED = ("UndefinedArgInFrom", "UndefinedVar")


def parsed(text: str) -> Dockerfile:
    return load(Source("Dockerfile", text))


def warnings(text: str) -> list[tuple[str, int]]:
    dockerfile = parsed(text)
    found = lint(Subject(dockerfile), dockerfile.directives.check)
    return [(warning.rule, warning.span.first) for warning in found]


def asked(text: str, rule: str) -> list[LintWarning]:
    """Return what one rule finds when a check is asked for."""
    return [found for found in lint(Subject(parsed(text)), EVERYTHING, asked=True) if found.rule == rule]


def lines(text: str, rule: str) -> list[int]:
    return [found.span.first for found in asked(text, rule)]


def test_all_of_buildkits_rules_are_there_under_their_names() -> None:
    assert {rule.name for rule in RULES if not rule.own} == set(BUILDKIT.split())
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.bad], ids=lambda rule: rule.name)
def test_a_rule_finds_its_own_example_and_leaves_the_mended_one_alone(rule: Rule) -> None:
    if rule.name not in PLANNED:
        assert asked(rule.bad, rule.name)
    good = parsed(rule.good)
    assert lint(Subject(good), EVERYTHING, asked=True) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a", []),
        ("FROM a\nRUN b \\\n\n c", [("NoEmptyContinuation", 2)]),
        ("FROM a\nRUN b \\\n# c\n d", []),
        ("FROM a\nMAINTAINER b", [("MaintainerDeprecated", 2)]),
        ("FROM a\nENV b c\nLABEL d e\nENV f=g", [("LegacyKeyValueFormat", 2), ("LegacyKeyValueFormat", 3)]),
        ("FROM a\nEXPOSE 8080:80\nEXPOSE 80 $P 1:x", [("ExposeInvalidFormat", 2)]),
        ("FROM a\nEXPOSE 80/TCP 81/udp", [("ExposeProtoCasing", 2)]),
        ("FROM a AS B", [("StageNameCasing", 1)]),
        ("FROM a as b", [("FromAsCasing", 1)]),
        ("from a as b", []),
        ("FROM a AS b\nFROM c AS b", [("DuplicateStageName", 2)]),
        ("FROM a AS context", [("ReservedStageName", 1)]),
        ("FROM a\nRUN b\nrun c", [("ConsistentInstructionCasing", 3)]),
        ("from a\nRUN b\nrun c", [("ConsistentInstructionCasing", 2)]),
        ("FROM a\nRun b", [("ConsistentInstructionCasing", 2)]),
        ("FROM a\nWORKDIR b\nWORKDIR c", [("WorkdirRelativePath", 2)]),
        ("FROM a\nWORKDIR /b\nWORKDIR c\nFROM d\nWORKDIR $e", []),
        ('FROM a\nCMD ["b"]\nCMD ["c"]\nFROM d\nCMD ["e"]', [("MultipleInstructionsDisallowed", 2)]),
        ("FROM a\nCMD b\nENTRYPOINT c", [("JSONArgsRecommended", 2), ("JSONArgsRecommended", 3)]),
        ('FROM a\nSHELL ["b"]\nCMD c', []),
        (
            "FROM a\nARG DB_PASSWORD b\nENV API_KEY=c PUBLIC_KEY=d MONKEY=e",
            [
                ("SecretsUsedInArgOrEnv", 2),
                ("SecretsUsedInArgOrEnv", 3),
            ],
        ),
        ("# check=skip=all\nFROM a\nMAINTAINER b", []),
        ("# check=skip=maintainerdeprecated\nFROM a\nMAINTAINER b\nENV c d", [("LegacyKeyValueFormat", 4)]),
    ],
)
def test_warnings(text: str, expected: list[tuple[str, int]]) -> None:
    assert warnings(text) == expected


def test_a_warning_shows_its_place() -> None:
    (warning,) = asked("FROM a\nEXPOSE 443 8080:80\n", "ExposeInvalidFormat")
    assert warning.excerpt() == ("Dockerfile:2", "  2 | EXPOSE 443 8080:80", "    |            ^^^^^^^")


def test_an_undefined_variable_gets_a_suggestion() -> None:
    dockerfile = parsed("FROM a:$VERSON\nCOPY $SRC_DR b\n")
    stage = dockerfile.stages[0]
    undefined = (Undefined("VERSON", stage.from_, ("VERSION",)), Undefined("SRC_DR", stage.instructions[0], ("PATH",)))
    first, second = lint(Subject(dockerfile, undefined), Check())
    assert (first.rule, first.message) == (
        "UndefinedArgInFrom",
        "usage of undefined variable '$VERSON' (did you mean $VERSION?)",
    )
    assert (second.rule, second.message) == ("UndefinedVar", "usage of undefined variable '$SRC_DR'")
    assert second.excerpt()[-1] == "    |       ^^^^^^"


def test_a_base_for_another_platform() -> None:
    dockerfile = parsed("FROM a:1\n")
    foreign = (ForeignBase(dockerfile.stages[0].from_, "linux/arm64", "linux/amd64"),)
    (found,) = lint(Subject(dockerfile, foreign=foreign), Check())
    assert (found.rule, found.message) == (
        "InvalidBaseImagePlatform",
        "base image a:1 is for linux/arm64, and linux/amd64 is built for",
    )


@pytest.mark.parametrize(
    ("ignore", "instruction", "found"),
    [
        ("*.log", "COPY a.log /", True),
        ("*.log", "ADD ./a.log /", True),
        ("secret", "COPY secret/key /", True),
        ("secret", "COPY /secret /", True),
        ("*\n!src", "COPY lib /", True),
        ("*\n!src", "COPY src /", False),
        ("dir\n!dir/kept", "COPY dir /", False),
        ("dir\n!dir/kept", "COPY dir/kept /", False),
        ("*", "COPY . /", False),
        ("*.log", "COPY *.log /", False),
        ("*.log", "COPY $NAME.log /", False),
        ("*.log", "COPY --from=x a.log /", False),
        ("*", "ADD https://example.com/a.log /", False),
        ("", "COPY a /", False),
    ],
)
def test_files_that_the_context_does_not_have(ignore: str, instruction: str, found: bool) -> None:
    dockerfile = parsed(f"FROM a:1\n{instruction}\n")
    rules = IgnoreRules.parse(Source(".dockerignore", ignore))
    rulenames = [warning.rule for warning in lint(Subject(dockerfile, ignore=rules), Check())]
    assert rulenames == (["CopyIgnoredFile"] if found else [])


def test_what_takes_no_part_in_builds() -> None:
    text = "FROM a\nCOPY . .\nRUN sudo npm ci\n"
    assert warnings(text) == []
    found = lint(Subject(parsed(text)), Check(), asked=True)
    assert [each.rule for each in found] == ["UnpinnedBase", "CopyBeforeInstall", "SudoInRun"]
    assert lint(Subject(parsed(text)), Check(skip=frozenset({"sudoinrun", "unpinnedbase"})), asked=True) == found[1:2]
    assert lint(Subject(parsed(text)), Check(skip_all=True), asked=True) == ()


def test_experimental_rules_are_asked_by_name() -> None:
    text = "# a comment\nARG x\nFROM a:1\n"
    assert warnings(text) == []
    for said in ("all", "InvalidDefinitionDescription", "other,invaliddefinitiondescription"):
        assert warnings(f"# check=experimental={said}\n{text}") == [("InvalidDefinitionDescription", 3)]
    both = "# check=experimental=all;skip=InvalidDefinitionDescription\n"
    assert warnings(both + text) == []

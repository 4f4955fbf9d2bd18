"""What is allowed, but not advised."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.lint import lint, undefined_variable
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import load


def warnings(text: str) -> list[tuple[str, int]]:
    return [(warning.rule, warning.span.first) for warning in lint(load(Source("Dockerfile", text)))]


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
    (warning,) = lint(load(Source("Dockerfile", "FROM a\nEXPOSE 443 8080:80\n")))
    assert warning.excerpt() == ("Dockerfile:2", "  2 | EXPOSE 443 8080:80", "    |            ^^^^^^^")


def test_an_undefined_variable_gets_a_suggestion() -> None:
    parsed = load(Source("Dockerfile", "FROM a:$VERSON\nCOPY $SRC_DR b\n"))
    stage = parsed.stages[0]
    first = undefined_variable("VERSON", stage.from_, ["VERSION"])
    assert (first.rule, first.message) == (
        "UndefinedArgInFrom",
        "usage of undefined variable '$VERSON' (did you mean $VERSION?)",
    )
    second = undefined_variable("SRC_DR", stage.instructions[0], ["PATH"])
    assert (second.rule, second.message) == ("UndefinedVar", "usage of undefined variable '$SRC_DR'")
    assert second.excerpt()[-1] == "    |       ^^^^^^"

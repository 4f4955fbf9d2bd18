"""``build --check`` and ``--call``, as they are typed: exit codes, text and JSON; nothing is built."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from support.cli import Boxwright

pytestmark = [pytest.mark.root]

SLOPPY = "FROM scratch AS Base\nMAINTAINER ada\nCMD a\n"
CLEAN = 'FROM scratch AS base\nARG V=1\nCMD ["a"]\n'


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


def test_a_clean_file_is_checked(boxwright: Boxwright, web: Path) -> None:
    (web / "Dockerfile").write_text(CLEAN)
    result = boxwright("build", "--check", web)
    assert (result.code, result.out, result.err) == (0, "check complete, no warnings\n", "")
    shown = json.loads(boxwright.ok("build", "--call=check,format=json", web))
    assert shown == {"warnings": [], "sources": []}


def test_what_is_found_is_told_with_its_place(boxwright: Boxwright, web: Path) -> None:
    (web / "Dockerfile").write_text(SLOPPY)
    before = boxwright.ok("images", "-a", "-q")
    result = boxwright("build", "--check", "-t", "never", web)
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("StageNameCasing: stage name 'Base' should be in lower case\n  Dockerfile:1\n")
    assert "    2 | MAINTAINER ada\n" in result.out
    assert result.out.endswith("check complete, 3 warnings\n")
    assert boxwright.ok("images", "-a", "-q") == before, "nothing is built"

    told = boxwright("build", "--call=check,format=json", web)
    assert told.code == 1
    shown = json.loads(told.out)
    assert [warning["ruleName"] for warning in shown["warnings"]] == [
        *("StageNameCasing", "MaintainerDeprecated", "JSONArgsRecommended")
    ]
    assert shown["warnings"][1]["location"] == {"ranges": [{"start": {"line": 2}, "end": {"line": 2}}]}
    (source,) = shown["sources"]
    assert (source["filename"], base64.b64decode(source["data"]).decode()) == ("Dockerfile", SLOPPY)


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all"), 0),
        (("--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=StageNameCasing,MaintainerDeprecated"), 1),
        (("--target", "nowhere"), 1),
        (("--build-context", "base=docker-image://other"), 1),
    ],
)
def test_a_check_heeds_the_flags_of_a_build(boxwright: Boxwright, web: Path, flags: tuple[str, ...], code: int) -> None:
    (web / "Dockerfile").write_text(SLOPPY)
    assert boxwright("build", "--check", *flags, web).code == code


def test_a_file_that_cannot_be_built_is_an_error(boxwright: Boxwright, web: Path) -> None:
    (web / "Dockerfile").write_text("FROM scratch\nENV P=x\nEXPOSE $P\n")
    result = boxwright("build", "--check", web)
    assert (result.code, result.out.splitlines()[:2]) == (1, ["error: invalid containerPort: x", "  Dockerfile:3"])
    (web / "Dockerfile").write_text("FROM scratch\nCOPPY a b\n")
    result = boxwright("build", "--check", web)
    assert (result.code, result.err.startswith("error: unknown instruction: COPPY")) == (1, True)


def test_from_standard_input_and_beside_a_context(boxwright: Boxwright, web: Path, tmp_path: Path) -> None:
    assert boxwright("build", "--check", "-", input=SLOPPY).code == 1
    (tmp_path / "other").write_text(CLEAN)
    assert boxwright("build", "--check", "-f", tmp_path / "other", web).code == 0


def test_warnings_that_are_errors_stop_a_build(boxwright: Boxwright, web: Path) -> None:
    (web / "Dockerfile").write_text("# check=error=true\n" + SLOPPY)
    result = boxwright("build", web)
    assert (result.code, "warnings are errors here (check=error=true)" in result.err) == (1, True)
    (web / "Dockerfile").write_text("# check=error=true;skip=all\n" + SLOPPY)
    boxwright.ok("build", web)


def test_what_a_build_takes_and_gives(boxwright: Boxwright, web: Path) -> None:
    (web / "Dockerfile").write_text("# V is what is built\n" + CLEAN.replace("ARG", "# V is its version\nARG"))
    assert boxwright.ok("build", "--call=targets", web).splitlines() == ["TARGET         DESCRIPTION", "base (default)"]
    outline = boxwright.ok("build", "--call=outline", "--build-arg", "V=7", web).splitlines()
    assert outline == ["TARGET: base", "", "BUILD ARG   VALUE   DESCRIPTION", "V           7       is its version"]

"""``build --call``: what is printed, and with which exit code."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.cli.calls import answer
from boxwright.cli.parsing import UsageError
from boxwright.engine.engine import Engine
from boxwright.engine.settings import Settings
from boxwright.engine.wanted import Build

TEXT = """# A is what it is about
ARG A=1
FROM scratch AS one
ARG A
RUN --mount=type=secret,id=s,required --mount=type=cache,target=/c true
# two is for everyone
FROM --platform=$BUILDPLATFORM one AS two
CMD a
"""


class Caller:
    def __init__(self, engine: Engine, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._engine = engine
        self._directory = directory
        self._capsys = capsys

    def __call__(self, call: str, text: str = TEXT, target: str | None = None) -> tuple[int, str]:
        (self._directory / "Dockerfile").write_text(text)
        code = answer(call, Build(context=str(self._directory), target=target), self._engine)
        return code, self._capsys.readouterr().out


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Caller]:
    directory = tmp_path / "context"
    directory.mkdir()
    with Engine(Settings(root=tmp_path / "root")) as engine:
        yield Caller(engine, directory, capsys)


def test_a_check_shows_each_place_and_fails(call: Caller) -> None:
    code, shown = call("check")
    assert code == 1
    assert shown == (
        'JSONArgsRecommended: CMD ["…"] would hand signals to the program, a shell keeps them\n'
        "  Dockerfile:8\n    8 | CMD a\n      | ^^^^^\n\ncheck complete, 1 warning\n"
    )


def test_a_check_that_finds_nothing(call: Caller) -> None:
    assert call("check", "FROM scratch\n") == (0, "check complete, no warnings\n")
    assert call("lint", "FROM scratch\n")[0] == 0


def test_a_check_of_a_file_that_cannot_be_built(call: Caller) -> None:
    code, shown = call("check", "FROM scratch\nENV P=x\nEXPOSE $P\nMAINTAINER a\n")
    assert code == 1
    assert "error: invalid containerPort: x\n  Dockerfile:3\n" in shown
    assert shown.endswith("check complete, 1 warning and an error\n")


def test_a_check_as_json(call: Caller) -> None:
    code, shown = call("check,format=json")
    result = json.loads(shown)
    assert code == 1
    assert result["warnings"] == [
        {
            "ruleName": "JSONArgsRecommended",
            "description": "CMD and ENTRYPOINT are written as JSON arrays",
            "detail": 'CMD ["…"] would hand signals to the program, a shell keeps them',
            "location": {"ranges": [{"start": {"line": 8}, "end": {"line": 8}}]},
        }
    ]
    (source,) = result["sources"]
    assert (source["filename"], source["language"]) == ("Dockerfile", "Dockerfile")
    assert base64.b64decode(source["data"]).decode() == TEXT
    code, shown = call("check,format=json", "FROM scratch\nCOPPY a b\n")
    assert (code, json.loads(shown)["buildError"]) == (
        1,
        {
            "message": "unknown instruction: COPPY (did you mean COPY?)",
            "location": {"ranges": [{"start": {"line": 2}, "end": {"line": 2}}]},
        },
    )
    broken = json.loads(call("check,format=json", "FROM scratch\nENV P=x\nEXPOSE $P\n")[1])
    assert broken["warnings"] == []
    assert broken["buildError"] == {
        "message": "invalid containerPort: x",
        "location": {"ranges": [{"start": {"line": 3}, "end": {"line": 3}}]},
    }


def test_an_outline(call: Caller) -> None:
    assert call("outline") == (
        0,
        "TARGET:      two\nDESCRIPTION: is for everyone\n\n"
        "BUILD ARG   VALUE   DESCRIPTION\nA           1       is what it is about\n\n"
        "SECRET   REQUIRED\ns        true\n\nCACHE\n/c\n",
    )
    assert call("outline", "# x is one of several\nFROM scratch AS x\nARG A\n")[1].startswith("TARGET:      x\nDESC")
    assert call("outline", "FROM scratch AS x\nARG A\n")[1].startswith("TARGET: x\n\nBUILD ARG")
    assert call("outline", "FROM scratch\n") == (0, "this build takes no arguments\n")


def test_an_outline_as_json(call: Caller) -> None:
    result = json.loads(call("outline,format=json", target="one")[1])
    assert base64.b64decode(result.pop("sources")[0]).decode() == TEXT
    at = [{"ranges": [{"start": {"line": line}, "end": {"line": line}}]} for line in (2, 5)]
    assert result == {
        "name": "one",
        "args": [{"name": "A", "description": "is what it is about", "value": "1", "location": at[0]}],
        "secrets": [{"name": "s", "required": True, "location": at[1]}],
        "cache": [{"ID": "/c", "location": at[1]}],
    }


def test_targets(call: Caller) -> None:
    assert call("targets,format=text") == (
        0,
        "TARGET        DESCRIPTION\none\ntwo (default) is for everyone\n",
    )
    assert call("targets", "FROM scratch\n")[1] == "TARGET      DESCRIPTION\n0 (default)\n"
    shown = json.loads(call("targets,format=json")[1])["targets"]
    assert [{name: each[name] for name in each if name != "location"} for each in shown] == [
        {"name": "one", "base": "scratch"},
        {
            "name": "two",
            "default": True,
            "description": "is for everyone",
            "base": "one",
            "platform": "$BUILDPLATFORM",
        },
    ]


@pytest.mark.parametrize("wrong", ["nothing", "check,format=xml", "check,what", "check,json=true", ""])
def test_what_cannot_be_called(call: Caller, wrong: str) -> None:
    with pytest.raises(UsageError):
        call(wrong)

"""Why a step was built again, and what can be said about a failure."""

from __future__ import annotations

import pytest

from boxwright.build.failure import BuildFailed
from support.building import Workbench

BASE = "FROM scratch\n"

# before, after, the explanations of the steps after FROM
CASES: list[tuple[str, str, list[str]]] = [
    ("RUN write /a 1", "RUN write /a 2", ["its command changed"]),
    ("RUN write /a 1", "ENV A=1\nRUN write /a 1", ["", "built for the first time"]),
    ("ENV A=1\nRUN write /a 1", "ENV A=2\nRUN write /a 1", ["", "$A changed ('1' → '2')"]),
    ("ARG A\nRUN write /a 1", "ARG A=2\nRUN write /a 1", ["", "$A is new"]),
    ("ARG A=1\nRUN write /a 1", "ARG A\nRUN write /a 1", ["", "$A is no longer set"]),
    ("COPY f /a", "COPY f /b", ["its destination changed"]),
    ("COPY f /a", "COPY --chown=1 f /a", ["--chown changed"]),
    ("COPY f /a", "RUN write /a 1", ["its instruction changed"]),
    (
        "RUN write /a 1\nRUN write /b 1",
        "RUN write /a 2\nRUN write /b 1",
        ["its command changed", "its input from step 2 changed"],
    ),
    (
        "RUN say 1 && write /a 1\nRUN write /b 1",
        "RUN write /a 1\nRUN write /b 1",
        ["its command changed", "what it is built from has the same bytes as before"],
    ),
    ("RUN write /a 1", "RUN write /a 1", [""]),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES, ids=[case[1] for case in CASES])
def test_explanations(bench: Workbench, before: str, after: str, expected: list[str]) -> None:
    bench.build(BASE + before + "\n", {"f": "f"}, explain=True)
    done = bench.build(BASE + after + "\n", explain=True).done()
    assert [event.explanation for event in done[1:]] == expected


def test_a_changed_file_is_named(bench: Workbench) -> None:
    bench.build(BASE + "COPY src /src\n", {"src/util.c": "old", "src/gone.c": "", "src/same": "s"}, explain=True)
    files = {"src/util.c": "newer", "src/gone.c": None, "src/new.c": "n"}
    explanation = bench.build(BASE + "COPY src /src\n", files, explain=True).done()[-1].explanation
    assert explanation == (
        "src/gone.c is gone; src/new.c is new; src/util.c changed (sha256 cba0… → 804f…, 3 → 5 bytes)"
    )


def test_nothing_is_explained_unasked(bench: Workbench) -> None:
    bench.build(BASE + "RUN write /a 1\n")
    assert bench.build(BASE + "RUN write /a 2\n").done()[-1].explanation == ""


@pytest.mark.parametrize(
    ("complaint", "file"),
    [
        ("npm error enoent Could not read package.json", "package.json"),
        ("cat: /app/src/main.c: No such file or directory", "src/main.c"),
        ("cannot open 'package.json'", "package.json"),
        ("package.json is fine", None),
        ("other.json: No such file or directory", None),
        ("early: No such file or directory", None),
        ("secret: No such file or directory", None),
    ],
)
def test_a_file_that_is_copied_too_late_is_pointed_at(bench: Workbench, complaint: str, file: str | None) -> None:
    files = {"package.json": "{}", "src/main.c": "", "early": "", "secret": ""}
    text = f"FROM scratch\nRUN complain {complaint} && exit 1\nCOPY package.json src early /app/\n"
    if "early" in complaint:
        text = text.replace("RUN", "COPY early /\nRUN")
    with pytest.raises(BuildFailed) as caught:
        bench.build(text, files)
    expected = f"{file} is in the context, but is copied only at line 3" if file else None
    assert caught.value.hint == expected


def test_a_killed_command(bench: Workbench) -> None:
    with pytest.raises(BuildFailed) as caught:
        bench.build("FROM scratch\nRUN exit 137\n")
    assert caught.value.hint is not None
    assert "memory" in caught.value.hint

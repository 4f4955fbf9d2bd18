"""Why a step was built again, and what can be said about a failure."""

from __future__ import annotations

import pytest

from boxwright.build.failure import BuildFailed
from support.building import Workbench

BASE = "FROM scratch\n"

# before, after, the explanations of the steps after FROM
CASES: list[tuple[str, str, list[str]]] = [
    ("RUN write /a 1", "RUN write /a 2", ["Dockerfile:2 changed ('write /a 1' → 'write /a 2')"]),
    (
        f"RUN write /a {'long ' * 20}1",
        f"RUN write /a {'long ' * 20}2",
        ["Dockerfile:2 changed ('…g long long 1' → '…g long long 2')"],
    ),
    ("RUN write /a 1", "ENV A=1\nRUN write /a 1", ["", "ENV A is new"]),
    ("ENV A=1\nRUN write /a 1", "ENV A=2\nRUN write /a 1", ["", "ENV A changed ('1' → '2')"]),
    ("ARG A=1\nRUN write /a 1", "ARG A=2\nRUN write /a 1", ["", "ARG A changed ('1' → '2')"]),
    ("ARG API_TOKEN=1\nRUN write /a 1", "ARG API_TOKEN=2\nRUN write /a 1", ["", "ARG API_TOKEN changed"]),
    ("ARG A\nRUN write /a 1", "ARG A=2\nRUN write /a 1", ["", "ARG A is new"]),
    ("ARG A=1\nRUN write /a 1", "ARG A\nRUN write /a 1", ["", "$A is no longer set"]),
    (
        "COPY --chmod=644 f /",
        "COPY --chmod=4755 f /",
        ["Dockerfile:2 changed; --chmod changed (0644 → 4755)"],
    ),
    ("USER 1\nRUN write /a 1", "USER 2\nRUN write /a 1", ["", "its user changed ('1' → '2')"]),
    ("COPY f /a", "COPY f /b", ["Dockerfile:2 changed; its destination changed ('/a' → '/b')"]),
    ("COPY f /a", "COPY --chown=1 f /a", ["Dockerfile:2 changed; --chown changed"]),
    ("COPY f /a", "COPY g /a", ["Dockerfile:2 changed; the content of what it copies changed"]),
    ("COPY f /a", "RUN write /a 1", ["Dockerfile:2 changed: it was COPY"]),
    # A step that has moved is known by its words, and one that came in its place is new.
    ("RUN write /a 1", "RUN write /b 1\nRUN write /a 1", ["built for the first time", "its input from step 2 changed"]),
    ("RUN write /b 1\nRUN write /a 1", "RUN write /a 1", ["a step before it is gone"]),
    # What changes metadata only makes no files: not its number is told, but that of the step that made the input.
    (
        "RUN write /a 1\nLABEL a=b\nRUN write /b 1",
        "RUN write /a 2\nLABEL a=b\nRUN write /b 1",
        ["Dockerfile:2 changed ('write /a 1' → 'write /a 2')", "", "its input from step 2 changed"],
    ),
    (
        "RUN say 1 && write /a 1\nRUN write /b 1\nRUN write /c 1",
        "RUN write /a 1\nRUN write /b 1\nRUN write /c 1",
        ["Dockerfile:2 changed ('say 1 && write /a 1' → 'write /a 1')", "step 2 gave the same bytes as before", ""],
    ),
    ("RUN write /a 1", "RUN write /a 1", [""]),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES, ids=[case[1] for case in CASES])
def test_explanations(bench: Workbench, before: str, after: str, expected: list[str]) -> None:
    bench.build(BASE + before + "\n", {"f": "f", "g": "g"})
    done = bench.build(BASE + after + "\n", explain=True).done()
    assert [event.explanation for event in done[1:]] == expected


def test_a_changed_file_is_named(bench: Workbench) -> None:
    bench.build(BASE + "COPY src /src\n", {"src/util.c": "old", "src/gone.c": "", "src/same": "s"}, explain=True)
    files = {"src/util.c": "newer", "src/gone.c": None, "src/new.c": "n"}
    explanation = bench.build(BASE + "COPY src /src\n", files, explain=True).done()[-1].explanation
    assert explanation == (
        "src/gone.c is gone (0 bytes); src/new.c is new (1 byte);"
        " src/util.c changed (sha256 cba0… → 804f…, 3 → 5 bytes)"
    )


def test_what_else_can_change_in_a_file_is_told(bench: Workbench) -> None:
    text = BASE + "COPY src /src\n"
    bench.write({"src/run": "r", "src/kind": "k", "src/old/a": "a", "src/old/b": "b"})
    (bench.context / "src/link").symlink_to("run")
    (bench.context / "src").chmod(0o755)
    bench.build(text)
    src = bench.context / "src"
    (src / "run").chmod(0o755)
    (src / "kind").unlink()
    (src / "kind").mkdir()
    (src / "link").unlink()
    (src / "link").symlink_to("kind")
    explained = bench.build(text, explain=True).done()[-1].explanation
    assert explained.split("; ") == [
        "src/kind is a directory, it was a file",
        "src/link changed (its target: run → kind)",
        "src/run changed (mode 0644 → 0755)",
    ]
    (src / "empty").mkdir()
    (src / "new").mkdir()
    files = {"src/old/a": None, "src/old/b": None, "src/new/c": "c"}
    explained = bench.build(text, files, explain=True).done()[-1].explanation
    assert explained.split("; ") == [
        "src/empty is new",
        "src/new/c is new (1 byte)",
        "src/old/a is gone (1 byte)",
        "1 more file changed",
    ]


def test_a_file_of_another_stage_is_named(bench: Workbench) -> None:
    text = "FROM scratch AS made\nRUN write /out/app {}\n{}FROM scratch\nCOPY --from=made /out/app /out/same /bin/\n"
    bench.build(text.format("one", "RUN write /out/same s\n"))
    done = bench.build(text.format("three", "RUN write /out/same s\n"), explain=True).done()
    by_text = {event.instruction.partition(" ")[0]: event.explanation for event in done}
    assert by_text["COPY"] == "app changed (sha256 7692… → 8b5b…, 3 → 5 bytes)"
    # Built again, to the same bytes: the copy is answered from the cache, and that is told.
    text = text.replace("RUN write /out/app {}", "RUN say {} && write /out/app three")
    done = bench.build(text.format("more", "RUN write /out/same s\n"), explain=True).done()
    copy = next(event for event in done if event.instruction.startswith("COPY"))
    assert (copy.cached, copy.explanation) == (True, "")


def test_a_stage_that_was_built_anew_in_vain_is_named(bench: Workbench) -> None:
    text = "FROM scratch AS made\nRUN {}write /app 1\nFROM scratch\nCOPY --from=made /app /\n"
    bench.build(text.format(""))
    done = bench.build(text.format("say x && "), explain=True).done()
    copy = next(event for event in done if event.instruction.startswith("COPY"))
    assert (copy.cached, copy.explanation) == (True, "step 2 gave the same bytes as before")


def test_another_base_is_named(bench: Workbench) -> None:
    first = bench.build("FROM scratch\nRUN write /base 1\n", tag="base")
    bench.build("FROM base\nRUN write /a 1\n")
    second = bench.build("FROM scratch\nRUN write /base 2\n", tag="base")
    explained = bench.build("FROM base\nRUN write /a 1\n", explain=True).done()[-1].explanation
    assert explained == f"its base base changed ({first.id.short} → {second.id.short})"


def test_a_cache_that_was_not_asked(bench: Workbench) -> None:
    bench.build(BASE + "RUN write /a 1\n")
    assert bench.build(BASE + "RUN write /a 1\n", no_cache=True, explain=True).done()[-1].explanation == (
        "the cache was not asked"
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


def test_what_mounts_and_scripts_change_is_told(bench: Workbench) -> None:
    bench.write({"f": "one"})
    text = BASE + "RUN --mount=target=/m {}write /a 1\n"
    bench.build(text.format(""))
    bench.write({"f": "three"})
    explained = bench.build(text.format(""), explain=True).done()[-1].explanation
    assert explained == "f changed (sha256 7692… → 8b5b…, 3 → 5 bytes)"
    explained = bench.build(BASE + "RUN --mount=target=/n write /a 1\n", explain=True).done()[-1].explanation
    assert explained == "Dockerfile:2 changed; its mounts changed"

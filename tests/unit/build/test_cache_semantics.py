"""What a second build takes from the cache, and what it does again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from boxwright.build.progress import Warned
from boxwright.oci.digest import Digest
from support.building import Workbench

BASE = "FROM scratch\n"
Change = Callable[[Path], object]


def test_nothing_changed(bench: Workbench) -> None:
    text = BASE + "ENV A=1\nCOPY f /\nRUN write /r r\nWORKDIR /w\nCMD x\nLABEL a=b\n"
    first = bench.build(text, {"f": "f"})
    assert first.cached() == [False] * 6
    second = bench.build(text)
    assert second.cached() == [True] * 6
    assert second.id == first.id
    assert second.result.cached == second.result.steps == 7
    assert len(bench.runner.processes) == 1


def test_from_the_first_change_on(bench: Workbench) -> None:
    bench.build(BASE + "RUN write /a 1\nRUN write /b 1\nRUN write /c 1\n")
    again = bench.build(BASE + "RUN write /a 1\nRUN write /b 2\nRUN write /c 1\n")
    assert again.cached() == [True, False, False]


def test_metadata_after_a_change_is_not_called_cached(bench: Workbench) -> None:
    bench.build(BASE + "RUN write /a 1\nCMD x\n")
    assert bench.build(BASE + "RUN write /a 2\nCMD x\n").cached() == [False, False]
    assert bench.build(BASE + "RUN write /a 2\nCMD y\n").cached() == [True, False]


def test_metadata_that_files_do_not_depend_on_makes_no_difference_to_them(bench: Workbench) -> None:
    bench.build(BASE + "LABEL a=1\nCMD x\nEXPOSE 80\nRUN write /a 1\n")
    assert bench.build(BASE + "LABEL a=2\nCMD y\nRUN write /a 1\n").cached()[-1] is True


def test_no_cache_does_everything_again_and_remembers_it(bench: Workbench) -> None:
    text = BASE + "RUN write /a 1\nCOPY f /\nCMD x\n"
    bench.build(text, {"f": "f"})
    assert bench.build(text, no_cache=True).cached() == [False] * 3
    assert bench.build(text).cached() == [True] * 3


def test_stages_that_are_built_anew(bench: Workbench) -> None:
    text = "FROM scratch AS one\nRUN write /a 1\nFROM scratch AS Two\nRUN write /b 2\nENV X=1\n"
    text += "FROM one\nCOPY --from=two /b /b\n"
    bench.build(text)
    assert bench.build(text).cached() == [True] * 4
    built = bench.build(text, no_cache_stages=frozenset({"two"}), explain=True)
    answers = {event.instruction: (event.cached, event.explanation) for event in built.done()}
    assert answers["RUN write /a 1"] == (True, "")
    assert answers["RUN write /b 2"] == (False, "the cache was not asked")
    assert answers["ENV X=1"][0] is False
    assert answers["COPY --from=two /b /b"] == (True, "step 4 gave the same bytes as before")


def test_a_stage_to_be_built_anew_that_is_not_there(bench: Workbench) -> None:
    built = bench.build("FROM scratch AS one\nCMD x\n", no_cache_stages=frozenset({"one", "2", "other"}))
    assert [event.message for event in built.events if isinstance(event, Warned)][:1] == [
        "no stage is called 2 or other: --no-cache-filter has nothing to do with it"
    ]


def edit(name: str, content: str) -> Change:
    return lambda context: (context / name).write_text(content)


def same_size_same_time(context: Path) -> None:
    state = (context / "d/x").stat()
    (context / "d/x").write_text("X")
    os.utime(context / "d/x", ns=(state.st_atime_ns, state.st_mtime_ns))


def replaced_by_itself(context: Path) -> None:
    (context / "d/y").write_text("x")
    os.replace(context / "d/y", context / "d/x")


CHANGES: list[tuple[str, str, Change, bool]] = [
    ("touched", "COPY d /d", lambda c: os.utime(c / "d/x", (1, 1)), True),
    ("directory touched", "COPY d /d", lambda c: os.utime(c / "d", (1, 1)), True),
    ("owner changed", "COPY d /d", lambda c: os.chown(c / "d/x", 9, 9), True),
    ("replaced by the same", "COPY d /d", replaced_by_itself, True),
    ("edited", "COPY d /d", edit("d/x", "other"), False),
    ("edited, size and time as before", "COPY d /d", same_size_same_time, False),
    ("mode changed", "COPY d /d", lambda c: (c / "d/x").chmod(0o600), False),
    ("file added", "COPY d /d", edit("d/new", ""), False),
    ("file renamed", "COPY d /d", lambda c: (c / "d/x").rename(c / "d/z"), False),
    ("file gone", "COPY d /d", lambda c: (c / "d/x").unlink(), False),
    ("renamed under a pattern", "COPY *.js /j/", lambda c: (c / "a.js").rename(c / "b.js"), False),
    ("a sibling whose name begins alike", "COPY d /d", edit("d_file", "other"), True),
    ("something that isn't copied", "COPY d /d", edit("else", ""), True),
    ("an ignored file", "COPY . /all/", edit("x.log", "more"), True),
    ("the ignore file, ignored", "COPY . /all/", edit(".dockerignore", "*.log\n.dockerignore\n#\n"), True),
    ("link to another target", "COPY l /l", lambda c: ((c / "l/k").unlink(), (c / "l/k").symlink_to("t2")), False),
]


@pytest.mark.parametrize(("instruction", "change", "cached"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_changes_of_the_context(bench: Workbench, instruction: str, change: Change, cached: bool) -> None:
    files = {"d/x": "x", "d_file": "", "a.js": "", "x.log": "", ".dockerignore": "*.log\n.dockerignore\n", "l/": ""}
    bench.write(files)
    (bench.context / "l/k").symlink_to("t1")
    first = bench.build(BASE + instruction + "\n")
    change(bench.context)
    second = bench.build(BASE + instruction + "\n")
    assert second.cached() == [cached]
    third = bench.build(BASE + instruction + "\n")
    assert third.cached() == [True]
    assert (second.id == first.id) is cached
    assert third.id == second.id


INSTRUCTIONS: list[tuple[str, str, bool]] = [
    ("COPY f /a", "COPY f /b", False),
    ("COPY f /a", "COPY f /a/", False),
    ("COPY f /a", "COPY g /a", False),  # the same content under another name
    ("COPY f /a", "COPY --chown=1 f /a", False),
    ("COPY f /a", "COPY --chmod=600 f /a", False),
    ("COPY f /a", "ADD f /a", False),
    ("COPY f /a", "COPY  ./f  /a", True),
    ("RUN write /a 1", "RUN  write /a 1", True),
    ("RUN write /a 1", "USER 1\nRUN write /a 1", False),
    ("RUN write /a 1", "ENV X=1\nRUN write /a 1", False),
    ("RUN write /a 1", "ARG X\nRUN write /a 1", True),
    ("RUN write /a 1", "ARG X=\nRUN write /a 1", False),
    ("ARG X=\nRUN write /a 1", 'ARG X=""\nRUN write /a 1', True),
    ("ARG X=\nRUN write /a 1", "ARG X=\"''\"\nRUN write /a 1", False),
    ("ARG X=1\nRUN write /a 1", "ARG X=2\nRUN write /a 1", False),
    ("RUN write /a 1\nARG X=1", "RUN write /a 1\nARG X=2", True),
    ("WORKDIR /w", "WORKDIR w", True),
    ("WORKDIR /w", "WORKDIR /v", False),
    ("ENV D=/w\nWORKDIR $D", "ENV D=/v\nWORKDIR $D", False),
    ("ARG D=/w\nCOPY f $D", "ARG D=/v\nCOPY f $D", False),
]


@pytest.mark.parametrize(("before", "after", "cached"), INSTRUCTIONS)
def test_changes_of_instructions(bench: Workbench, before: str, after: str, cached: bool) -> None:
    bench.build(BASE + before + "\n", {"f": "same", "g": "same"})
    done = [event for event in bench.build(BASE + after + "\n").done() if event.instruction.split()[0] not in QUIET]
    assert [event.cached for event in done] == [cached]


QUIET = ("FROM", "ENV", "ARG", "USER")


def test_build_args_count_from_their_line_on(bench: Workbench) -> None:
    text = BASE + "RUN write /a 1\nARG V\nRUN write /b 1\n"
    bench.build(text, build_args={"V": "1"})
    assert bench.build(text, build_args={"V": "2"}).cached() == [True, False, False]


def test_proxies_are_in_no_key_unless_they_are_declared(bench: Workbench) -> None:
    text = BASE + "RUN env /p HTTP_PROXY\n"
    first = bench.build(text, build_args={"HTTP_PROXY": "one"})
    assert first.read("/p") == "one"
    assert bench.build(text, build_args={"HTTP_PROXY": "two"}).cached() == [True]
    assert "one" not in first.config.to_bytes().decode()
    declared = BASE + "ARG HTTP_PROXY\nRUN env /p HTTP_PROXY\n"
    bench.build(declared, build_args={"HTTP_PROXY": "one"})
    assert bench.build(declared, build_args={"HTTP_PROXY": "two"}).cached() == [False, False]


def test_a_parent_with_the_same_bytes_is_the_same_parent(bench: Workbench) -> None:
    bench.build(BASE + "RUN write /a same\nRUN write /b 1\n")
    again = bench.build(BASE + "ENV X=1\nRUN write /a same\nENV X=\nRUN write /b 1\n")
    assert again.done()[2].cached is False
    other = bench.build(BASE + "RUN say hello && write /a same\nRUN write /b 1\n")
    assert other.cached() == [False, True]


def test_copying_from_a_rebuilt_stage_with_the_same_bytes(bench: Workbench) -> None:
    text = "FROM scratch AS one\nRUN write /out same && write /log {0}\nFROM scratch\nCOPY --from=one /out /\n"
    bench.build(text.format(1))
    assert bench.build(text.format(2)).cached() == [False, True]
    assert bench.build(text.format(2)).cached() == [True, True]


def test_copying_from_a_changed_stage(bench: Workbench) -> None:
    text = "FROM scratch AS one\nRUN write /out {0}\nFROM scratch\nCOPY --from=one /out /\n"
    bench.build(text.format(1))
    image = bench.build(text.format(2))
    assert (image.cached(), image.tree()) == ([False, False], {"/out": "2"})


def test_the_same_context_in_another_place(bench: Workbench, tmp_path: Path) -> None:
    bench.build(BASE + "COPY d /d\n", {"d/x": "x"})
    other = Workbench(bench.store, tmp_path / "elsewhere")
    assert other.build(BASE + "COPY d /d\n", {"d/x": "x"}).cached() == [True]


def test_a_file_edited_while_it_is_copied_is_known_by_what_was_copied(bench: Workbench) -> None:
    """The key is made of the bytes that went into the layer, so a later build can't take it for another content."""
    bench.write({"d/x": "before"})
    bench.build(BASE + "COPY d /d\n")

    import boxwright.build.copying as copying

    select = copying.CopyWork.make

    def edited_first(self: copying.CopyWork, draft: object) -> object:
        (bench.context / "d/x").write_text("in between")
        return select(self, draft)

    bench.write({"d/x": "announced"})
    copying.CopyWork.make = edited_first
    try:
        image = bench.build(BASE + "COPY d /d\n")
    finally:
        copying.CopyWork.make = select
    assert image.read("/d/x") == "in between"
    bench.write({"d/x": "announced"})
    again = bench.build(BASE + "COPY d /d\n")
    assert (again.cached(), again.read("/d/x")) == ([False], "announced")


def test_two_builds_at_once_do_a_step_once(bench: Workbench, tmp_path: Path) -> None:
    other = Workbench(bench.store, tmp_path / "other")
    other.runner = bench.runner
    text = BASE + "RUN say once && write /a 1\n"
    ids: list[Digest] = []
    threads = [threading.Thread(target=lambda b=b: ids.append(b.build(text).id)) for b in (bench, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bench.runner.processes) == 1
    assert len(set(ids)) == 1


def test_equal_stages_do_a_step_once(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch AS a\nRUN write /a 1\nFROM scratch AS b\nRUN write /a 1\n"
        "FROM scratch\nCOPY --from=a /a /1\nCOPY --from=b /a /2\n"
    )
    assert image.tree() == {"/1": "1", "/2": "1"}
    assert len(bench.runner.processes) == 1


def test_a_step_whose_layer_was_pruned_is_done_again(bench: Workbench) -> None:
    text = BASE + "RUN write /a 1\n"
    bench.build(text)
    bench.store.steps.forget([step.key for step in bench.store.steps.list()])
    assert bench.build(text).cached() == [False]

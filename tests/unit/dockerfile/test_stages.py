"""Stages: names, targets, what depends on what."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.instructions import Copy
from boxwright.dockerfile.source import DockerfileError, Source
from boxwright.dockerfile.stages import (
    Base,
    Dockerfile,
    TargetNotFound,
    copy_source,
    dependencies,
    find_target,
    load,
    reachable,
    resolve_bases,
)


def dockerfile(text: str) -> Dockerfile:
    return load(Source("Dockerfile", text))


def copied_from(text: str) -> int | None:
    """Return the number of the stage that the first COPY copies from."""
    parsed = dockerfile(text)
    for stage in parsed.stages:
        for instruction in stage.instructions:
            if isinstance(instruction, Copy):
                found = copy_source(parsed, stage, instruction)
                return None if found is None else found.number
    raise AssertionError("no COPY in the text")


def test_a_file_falls_into_global_args_and_stages() -> None:
    parsed = dockerfile("ARG A=1\nARG B\nFROM x AS One\nRUN a\nRUN b\n\nFROM y\nARG C\n")
    assert [value.name for arg in parsed.global_args for value in arg.values] == ["A", "B"]
    assert [(stage.number, stage.name, stage.title, len(stage.instructions)) for stage in parsed.stages] == [
        (0, "one", "one", 2),
        (1, None, "1", 1),
    ]
    assert [(stage.span.first, stage.span.last) for stage in parsed.stages] == [(3, 5), (7, 8)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN a\nFROM b", "no build stage in current context: RUN stands before the first FROM"),
        ("ARG a\nENV b=c\nFROM d", "no build stage in current context: ENV stands before the first FROM"),
        ("ARG a", "dockerfile contains no stages to build"),
    ],
)
def test_instructions_need_a_stage(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        dockerfile(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "env", "expected"),
    [
        ("FROM debian", {}, Base("debian", None, None, ())),
        ("FROM debian:$V", {"V": "12"}, Base("debian:12", None, None, ())),
        ("FROM debian:${V:-11}", {}, Base("debian:11", None, None, ())),
        ("FROM debian$V", {}, Base("debian", None, None, ("V",))),
        ("FROM --platform=$P a", {"P": "linux/arm64"}, Base("a", None, "linux/arm64", ())),
        ("FROM --platform=$P a", {"P": ""}, Base("a", None, None, ())),
        ("FROM a AS b\nFROM B", {}, Base(None, 0, None, ())),
        ("FROM a AS b\nFROM $S", {"S": "b"}, Base(None, 0, None, ())),
        ("FROM a AS b\nFROM 0", {}, Base("0", None, None, ())),
        ("FROM a AS a", {}, Base("a", None, None, ())),
        ("FROM a AS b\nFROM c AS b\nFROM b", {}, Base(None, 1, None, ())),
        ('FROM "debian"', {}, Base("debian", None, None, ())),
    ],
)
def test_bases_are_images_or_earlier_stages(text: str, env: dict[str, str], expected: Base) -> None:
    assert resolve_bases(dockerfile(text), env)[-1] == expected


@pytest.mark.parametrize("text", ["FROM $UNSET", 'FROM ""', "ARG A\nFROM ${A}"])
def test_a_blank_base_is_refused(text: str) -> None:
    with pytest.raises(DockerfileError, match="should not be blank"):
        resolve_bases(dockerfile(text), {})


def test_an_arg_of_a_stage_is_not_seen_by_a_later_from() -> None:
    parsed = dockerfile("FROM a\nARG V=1\nFROM b:$V")
    assert resolve_bases(parsed, {})[1] == Base("b:", None, None, ("V",))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("FROM a\nCOPY b c", None),
        ("FROM a AS x\nFROM b\nCOPY --from=x c d", 0),
        ("FROM a AS x\nFROM b\nCOPY --from=X c d", 0),
        ("FROM a\nFROM b\nCOPY --from=0 c d", 0),
        ("FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=x d e", 1),
        ("FROM a AS x\nFROM b AS x\nCOPY --from=x d e", 0),
        ("FROM a\nCOPY --from=nginx:1 b c", None),
    ],
)
def test_copy_from_finds_stages_by_name_and_number(text: str, number: int | None) -> None:
    assert copied_from(text) == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "FROM a\nCOPY --from=x b c\nFROM d AS x",
            "cannot copy from stage x, it needs to be defined before current stage 0",
        ),
        (
            "FROM a AS first\nCOPY --from=1 b c\nFROM d",
            "cannot copy from stage 1, it needs to be defined before current stage first",
        ),
        ("FROM a AS x\nCOPY --from=x b c", "cannot copy from stage x, it needs to be defined before current stage x"),
        ("FROM a\nCOPY --from=0 b c", "cannot copy from stage 0, it needs to be defined before current stage 0"),
        ("FROM a\nCOPY --from=7 b c", "invalid from flag value 7: there are only 1 stages"),
    ],
)
def test_copy_from_a_stage_that_is_not_there_yet_is_refused(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        copied_from(text)
    assert caught.value.message == message


STAGES = "FROM a AS one\nFROM b AS two\nFROM two AS three\nCOPY --from=0 x y\nFROM c\n"


@pytest.mark.parametrize(
    ("target", "number"), [(None, 3), ("", 3), ("one", 0), ("TWO", 1), ("0", 0), ("3", 3), ("three", 2)]
)
def test_target_is_a_name_or_a_number(target: str | None, number: int) -> None:
    assert find_target(dockerfile(STAGES), target).number == number


def test_an_unknown_target_gets_a_suggestion() -> None:
    with pytest.raises(TargetNotFound) as caught:
        find_target(dockerfile(STAGES), "thre")
    assert caught.value.message == 'target stage "thre" could not be found (did you mean three?)'
    assert caught.value.hint == "stages: one, two, three, 3"
    for target in ("4", "-1", "9" * 30):
        with pytest.raises(TargetNotFound):
            find_target(dockerfile(STAGES), target)


def test_only_what_the_target_needs_is_reachable() -> None:
    parsed = dockerfile(STAGES)
    needs = dependencies(parsed, resolve_bases(parsed, {}))
    assert needs == (frozenset(), frozenset(), frozenset({0, 1}), frozenset())
    assert reachable(parsed.stages[2], needs) == (0, 1, 2)
    assert reachable(parsed.stages[3], needs) == (3,)
    assert reachable(parsed.stages[1], needs) == (1,)


def test_a_long_chain_of_stages_is_followed_to_its_start() -> None:
    text = "FROM a AS s0\n" + "".join(f"FROM s{number} AS s{number + 1}\n" for number in range(500))
    parsed = dockerfile(text)
    needs = dependencies(parsed, resolve_bases(parsed, {}))
    assert reachable(parsed.stages[-1], needs) == tuple(range(501))

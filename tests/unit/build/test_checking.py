"""Checks without a build, warnings of builds, and what a build says that it takes."""

from __future__ import annotations

import pytest

from boxwright.build.checking import Checked, WarningsAreErrors, check
from boxwright.build.outline import list_targets, outline
from boxwright.build.plan import PlanOptions, plan
from boxwright.build.progress import StepStarted, Warned
from boxwright.dockerfile.source import DockerfileError, Source
from boxwright.dockerfile.stages import TargetNotFound, load
from boxwright.oci.platform import Platform
from boxwright.store.store import Store
from support.building import AMD64, StoredBases, Workbench


def checked(store: Store, text: str, **options: object) -> Checked:
    wanted = PlanOptions(AMD64, AMD64)._replace(**options)
    return check(load(Source("Dockerfile", text)), None, wanted, StoredBases(store))


def rules(result: Checked) -> list[tuple[str, int]]:
    return [(warning.rule, warning.span.first) for warning in result.warnings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nCOPY $A /", [("UndefinedVar", 2)]),
        ("FROM scratch\nARG A\nENV B=$A C=$D", [("UndefinedVar", 3), ("UndefinedVar", 3)]),
        ("FROM scratch\nENV P=${A:-b} Q=${A+c} R=$PATH", []),
        ("ARG A\nFROM scratch\nLABEL a=$A", [("UndefinedVar", 3)]),
        ("ARG A\nFROM scratch\nARG A\nLABEL a=$A", [("UndefinedVar", 4)]),
        ("ARG A=1\nFROM scratch\nARG A\nLABEL a=$A", []),
        ("FROM scratch AS a\nENV X=1\nFROM a\nLABEL x=$X", []),
        ("FROM scratch\nRUN echo $NOTHING", []),
        ("FROM scratch\nLABEL x='$X'", []),
        ("FROM scratch\nARG TARGETARCH\nLABEL a=$TARGETARCH", []),
        ("FROM scratch AS a\nLABEL x=$X\nFROM scratch", [("UndefinedVar", 2)]),
    ],
)
def test_variables_that_nothing_sets(store: Store, text: str, expected: list[tuple[str, int]]) -> None:
    result = checked(store, text)
    assert (rules(result), result.error) == (expected, None)


def test_nothing_is_said_of_variables_on_a_base_that_is_not_here(store: Store) -> None:
    text = "FROM absent:1 AS a\nLABEL x=$X\nFROM a\nLABEL x=$X\nFROM scratch\nLABEL x=$X\n"
    assert rules(checked(store, text)) == [("UndefinedVar", 6)]
    from_ = checked(store, "ARG VERSION=1\nFROM absent:${VERSON}1\n")
    assert [warning.message for warning in from_.warnings] == [
        "usage of undefined variable '$VERSON' (did you mean $VERSION?)"
    ]


def test_a_base_that_is_here_sets_variables(bench: Workbench) -> None:
    bench.build("FROM scratch\nENV GIVEN=1\n", tag="base:1")
    result = checked(bench.store, "FROM base:1\nLABEL a=$GIVEN b=$GIVN\n")
    assert [warning.message for warning in result.warnings] == [
        "usage of undefined variable '$GIVN' (did you mean $GIVEN?)"
    ]


def test_a_base_for_another_platform(bench: Workbench) -> None:
    bench.build("FROM scratch\nENV A=1\n", tag="base:1")
    arm = Platform("linux", "arm64")
    result = checked(bench.store, "FROM base:1\nFROM scratch\n", platform=arm)
    assert rules(result) == [("InvalidBaseImagePlatform", 1)]
    assert rules(checked(bench.store, "FROM --platform=linux/arm64 base:1 AS arm64\n")) == [
        ("InvalidBaseImagePlatform", 1)
    ]


def test_only_what_a_target_needs_is_planned(store: Store) -> None:
    text = "FROM scratch AS a\nLABEL x=$X\nFROM scratch AS b\nLABEL y=$Y\n"
    assert rules(checked(store, text, target="b")) == [("UndefinedVar", 4)]
    with pytest.raises(TargetNotFound):
        checked(store, text, target="c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM scratch\nEXPOSE $P\nLABEL a b\nENV P=1", None),
        ("FROM scratch\nENV P=x\nLABEL a b\nEXPOSE $P", "invalid containerPort: x"),
        ("ARG I\nFROM $I\nLABEL a b", "base name ($I) should not be blank"),
        ("# syntax=example.com/other\nFROM scratch\nLABEL a b", "the file asks for the frontend example.com/other"),
    ],
)
def test_mistakes_that_a_build_would_stop_at(store: Store, text: str, message: str | None) -> None:
    result = checked(store, text)
    assert "LegacyKeyValueFormat" in dict(rules(result))
    assert (result.error is None) if message is None else (result.error and result.error.message.startswith(message))


SLOPPY = "FROM scratch\nMAINTAINER Ada\nRUN write /a 1\n"


def test_a_build_warns_of_what_is_sure(bench: Workbench) -> None:
    built = bench.build(SLOPPY + "RUN write /sudo 1 && write /cd $X\nLABEL v=$X\n")
    assert [event for event in built.events if isinstance(event, Warned)] == [
        Warned(
            "MaintainerDeprecated: MAINTAINER is deprecated in favour of LABEL org.opencontainers.image.authors=…",
            "Dockerfile:2",
        ),
        Warned("UndefinedVar: usage of undefined variable '$X'", "Dockerfile:5"),
    ]


def test_a_build_warns_of_files_that_are_ignored(bench: Workbench) -> None:
    bench.write({".dockerignore": "*.log", "a.log": "", "b": ""})
    with pytest.raises(WarningsAreErrors, match="CopyIgnoredFile"):
        bench.build("# check=error=true\nFROM scratch\nCOPY a.log /\n")


@pytest.mark.parametrize(
    ("directive", "argument", "fails"),
    [
        ("", None, False),
        ("error=true", None, True),
        ("error=true;skip=MaintainerDeprecated", None, False),
        ("skip=all;error=true", None, False),
        ("error=false", "error=true", True),
        ("error=true", "skip=all", False),
        ("error=true", "error=false", False),
        ("skip=all", "error=true", True),
        ("error=true", "", False),
    ],
)
def test_warnings_are_errors_where_file_or_command_line_say_so(
    bench: Workbench, directive: str, argument: str | None, fails: bool
) -> None:
    text = (f"# check={directive}\n" if directive else "") + SLOPPY
    arguments = {} if argument is None else {"BUILDKIT_DOCKERFILE_CHECK": argument}
    if not fails:
        bench.build(text, build_args=arguments)
        return
    with pytest.raises(WarningsAreErrors) as caught:
        bench.build(text, build_args=arguments)
    assert caught.value.message == "warnings are errors here (check=error=true): MaintainerDeprecated"
    assert "MAINTAINER Ada" in "\n".join(caught.value.detail)
    assert not any(isinstance(event, StepStarted) for event in bench.events)


def test_a_bad_check_argument_is_told(bench: Workbench) -> None:
    with pytest.raises(DockerfileError, match="invalid check option 'what'"):
        bench.build(SLOPPY, build_args={"BUILDKIT_DOCKERFILE_CHECK": "what"})


OUTLINED = """# VERSION is what to fetch
ARG VERSION=1
ARG PART=scratch UNUSED=1
ARG IMAGE=$PART

# fetch gets it
FROM ${IMAGE} AS fetch
ARG VERSION
ARG URL=https://example.com/$VERSION
ARG TARGETARCH
ENV DIR=/cache
RUN --mount=type=cache,target=$DIR --mount=type=secret,id=login,required true
FROM fetch
RUN --mount=type=ssh true
RUN --mount=type=secret,id=login true
FROM scratch AS other
ARG OTHER
"""


def test_the_outline_of_a_target(store: Store) -> None:
    dockerfile = load(Source("Dockerfile", OUTLINED))
    options = PlanOptions(AMD64, AMD64, {"VERSION": "2"}, "1")
    found = outline(dockerfile, plan(dockerfile, options, StoredBases(store)), options)
    assert [argument[:3] for argument in found.arguments] == [
        ("VERSION", "2", "is what to fetch"),
        ("PART", "scratch", ""),
        ("IMAGE", "scratch", ""),
        ("URL", "https://example.com/2", ""),
    ]
    assert [(each.kind, each.id, each.required, each.span.first) for each in found.needed] == [
        ("cache", "/cache", False, 12),
        ("secret", "login", True, 12),
        ("ssh", "default", False, 14),
    ]
    assert (found.target, found.description) == ("", "")


def test_the_targets_of_a_file() -> None:
    targets = list_targets(load(Source("Dockerfile", OUTLINED)))
    assert [target[:5] for target in targets] == [
        ("fetch", False, "gets it", "${IMAGE}", ""),
        ("", False, "", "fetch", ""),
        ("other", True, "", "scratch", ""),
    ]

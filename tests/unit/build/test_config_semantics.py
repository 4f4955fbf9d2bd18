"""What instructions do to the configuration and the history, and what variables mean where."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from boxwright.build.context import local_context
from boxwright.build.progress import Warned
from boxwright.build.scopes import PROXY_NAMES
from boxwright.dockerfile.source import DockerfileError
from boxwright.dockerfile.stages import TargetNotFound
from boxwright.oci.config import RunConfig
from support.building import Workbench

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SH = ["/bin/sh", "-c"]

# instructions after FROM scratch → what the configuration's JSON has beyond PATH and WorkingDir
CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("CMD echo hi", {"Cmd": [*SH, "echo hi"]}),
    ('CMD ["echo", "hi"]', {"Cmd": ["echo", "hi"]}),
    ("CMD []", {"Cmd": []}),
    ("CMD a\nENTRYPOINT b", {"Cmd": [*SH, "a"], "Entrypoint": [*SH, "b"]}),
    ("ENTRYPOINT b\nCMD a", {"Cmd": [*SH, "a"], "Entrypoint": [*SH, "b"]}),
    ('ENTRYPOINT ["b"]\nENTRYPOINT []', {"Entrypoint": []}),
    (
        'CMD a\nSHELL ["/bin/ash", "-x"]\nENTRYPOINT b',
        {"Cmd": [*SH, "a"], "Entrypoint": ["/bin/ash", "-x", "b"], "Shell": ["/bin/ash", "-x"]},
    ),
    ("EXPOSE 80 443/TCP 53/udp", {"ExposedPorts": {"443/tcp": {}, "53/udp": {}, "80/tcp": {}}}),
    ("EXPOSE 8000-8002/udp", {"ExposedPorts": {"8000/udp": {}, "8001/udp": {}, "8002/udp": {}}}),
    (
        'ENV P="3000 4000/udp"\nEXPOSE $P',
        {"Env": [PATH, "P=3000 4000/udp"], "ExposedPorts": {"3000/tcp": {}, "4000/udp": {}}},
    ),
    ("VOLUME /v /w", {"Volumes": {"/v": {}, "/w": {}}}),
    ('VOLUME ["/a b"]', {"Volumes": {"/a b": {}}}),
    ("USER 1000:1000", {"User": "1000:1000"}),
    ("WORKDIR a\nWORKDIR b\nWORKDIR ../c/", {"WorkingDir": "/a/c"}),
    ("WORKDIR /x/$UNSET", {"WorkingDir": "/x"}),
    ("STOPSIGNAL SIGQUIT", {"StopSignal": "SIGQUIT"}),
    ('LABEL a=1 b="x y"\nLABEL a=2', {"Labels": {"a": "2", "b": "x y"}}),
    (
        "HEALTHCHECK --interval=5s --retries=3 CMD true",
        {"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5 * 10**9, "Retries": 3}},
    ),
    ("HEALTHCHECK NONE", {"Healthcheck": {"Test": ["NONE"]}}),
    ("ONBUILD COPY . /app", {"OnBuild": ["COPY . /app"]}),
    ("ENV a=1 b=2\nENV a=3", {"Env": [PATH, "a=3", "b=2"]}),
    ("ENV abc=hello\nENV abc=bye def=$abc", {"Env": [PATH, "abc=bye", "def=hello"]}),
    ("ENV PATH=/x:$PATH", {"Env": ["PATH=/x:" + PATH[5:]]}),
    ("ARG A=1\nENV B=$A", {"Env": [PATH, "B=1"]}),
    ("MAINTAINER Ada", {}),
]  # fmt: skip


@pytest.mark.parametrize(("instructions", "expected"), CONFIGS, ids=[case[0] for case in CONFIGS])
def test_configuration(bench: Workbench, instructions: str, expected: dict[str, Any]) -> None:
    image = bench.build(f"FROM scratch\n{instructions}\n", {"f": ""})
    assert image.config.config.to_json() == {"Env": [PATH], "WorkingDir": "/", **expected}


def test_author(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nMAINTAINER Ada <ada@example.com>\n")
    assert image.config.author == "Ada <ada@example.com>"


def test_history_is_buildkits(bench: Workbench) -> None:
    image = bench.build(
        "FROM scratch\nARG V=1 W\nARG O=o\nENV A=b O=env\nCOPY --chown=1 f g /d/\nRUN say hi\n"
        'CMD ["x", "y z"]\nENTRYPOINT run\nEXPOSE 80\nWORKDIR /d\nWORKDIR /e\nLABEL a=b\nVOLUME /v\nUSER u\n'
        "STOPSIGNAL 9\nADD f /\nMAINTAINER me\n",
        {"f": "", "g": ""},
        build_args={"V": "2"},
    )
    assert [(entry.created_by, entry.empty_layer) for entry in image.config.history] == [
        ("ARG V=2 W", True),
        ("ARG O=o", True),
        ("ENV A=b O=env", True),
        ("COPY --chown=1 f g /d/ # buildkit", False),
        ("RUN |3 V=2 W= O=env /bin/sh -c say hi # buildkit", False),
        ('CMD ["x" "y z"]', True),
        ('ENTRYPOINT ["/bin/sh" "-c" "run"]', True),
        ("EXPOSE [80/tcp]", True),
        ("WORKDIR /d", True),
        ("WORKDIR /e", False),
        ("LABEL a=b", True),
        ("VOLUME [/v]", True),
        ("USER u", True),
        ("STOPSIGNAL 9", True),
        ("ADD f / # buildkit", False),
        ("MAINTAINER me", True),
    ]
    assert {entry.comment for entry in image.config.history} == {"buildkit.dockerfile.v0"}
    assert all(entry.created for entry in image.config.history)
    assert len(image.config.diff_ids) == sum(not entry.empty_layer for entry in image.config.history)


@pytest.mark.parametrize(
    ("instruction", "history"),
    [
        ('SHELL ["/bin/ash", "-c"]', "SHELL [/bin/ash -c]"),
        ("HEALTHCHECK --interval=5s CMD true", "HEALTHCHECK --interval=5s CMD true"),
        ("CMD []", "CMD []"),
        ("ENV legacy a b", "ENV legacy=a b"),
        ("EXPOSE 443 80/udp 80", "EXPOSE [80/tcp 80/udp 443/tcp]"),
        ("WORKDIR rel", "WORKDIR /rel"),
        ("COPY f f /d/", "COPY f f /d/ # buildkit"),
        ('COPY ["f", "/a b"]', "COPY f /a b # buildkit"),
        ("ADD --chown=1:2 --chmod=600 f /", "ADD --chown=1:2 --chmod=600 f / # buildkit"),
        ('SHELL ["/bin/sh", "-c"]\nRUN say a \\\n  && say b', "RUN /bin/sh -c say a   && say b # buildkit"),
        ("ARG A=1\nARG B\nARG http_proxy\nRUN say x", "RUN |3 A=1 B= http_proxy=p /bin/sh -c say x # buildkit"),
        ("RUN say x", "RUN /bin/sh -c say x # buildkit"),
    ],
)
def test_what_the_history_says(bench: Workbench, instruction: str, history: str) -> None:
    image = bench.build(f"FROM scratch\n{instruction}\n", {"f": ""}, build_args={"http_proxy": "p"})
    assert image.config.history[-1].created_by == history


def test_a_stages_history_goes_on_with_the_arguments_of_the_one_below(bench: Workbench) -> None:
    image = bench.build("FROM scratch AS one\nARG A=1\nFROM one\nARG B=2\nRUN say $A\n")
    assert image.config.history[-1].created_by == "RUN |2 A=1 B=2 /bin/sh -c say $A # buildkit"


def test_entrypoint_resets_an_inherited_cmd_only(bench: Workbench) -> None:
    bench.build("FROM scratch\nCMD inherited\n", tag="base")
    assert bench.build("FROM base\nENTRYPOINT x\n").config.config.cmd is None
    assert bench.build("FROM base\nENTRYPOINT x\nCMD own\n").config.config.cmd == (*SH, "own")
    assert bench.build("FROM base\nLABEL a=b\n").config.config.cmd == (*SH, "inherited")


def test_an_image_goes_on_from_its_base(bench: Workbench) -> None:
    base = bench.build("FROM scratch\nCOPY f /\nENV A=1\nUSER u\nMAINTAINER me\n", {"f": "f"}, tag="base")
    child = bench.build("FROM base\nRUN write /g g\nENV B=$A\n")
    assert child.tree() == {"/f": "f", "/g": "g"}
    assert child.config.history[: len(base.config.history)] == base.config.history
    assert child.config.diff_ids[:1] == base.config.diff_ids
    assert child.config.config == base.config.config.with_env({"B": "1"})
    assert child.config.author == "me"


def test_onbuild_fires_once(bench: Workbench) -> None:
    bench.build("FROM scratch\nONBUILD COPY f /$WHERE\nONBUILD ENV FIRED=yes\nENV WHERE=here\n", {"f": "f"}, tag="base")
    child = bench.build("FROM base\nENV LATER=$FIRED\n", tag="child")
    assert child.tree() == {"/here": "f"}
    assert child.config.config.on_build == ()
    assert "LATER=yes" in child.config.config.env
    grandchild = bench.build("FROM child\nRUN say x\n")
    assert len(grandchild.done()) == 2


def test_onbuild_fires_for_a_stage_too(bench: Workbench) -> None:
    image = bench.build("FROM scratch AS one\nONBUILD COPY f /\nFROM one\n", {"f": "f"})
    assert image.tree() == {"/f": "f"}
    assert [entry.created_by for entry in image.config.history] == ["COPY f / # buildkit"], "told when it fires"


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("", (0, 0)),
        ("9", (9, 9)),
        ("9:4", (9, 4)),
        ("app", (5, 6)),
        ("5", (5, 5)),
        ("app:7", (5, 7)),
        ("nobody", (0, 0)),
    ],
)
def test_whose_is_what_workdir_makes(bench: Workbench, user: str, owner: tuple[int, int]) -> None:
    image = bench.build(
        f"FROM scratch\nCOPY etc /etc\n{f'USER {user}' if user else ''}\nWORKDIR /w\n",
        {"etc/passwd": "root:x:0:0::/:\napp:x:5:6::/:\n"},
    )
    assert image.owner("/w") == owner


def test_workdir_makes_its_parents_for_the_user(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY f /old/f\nUSER 5:6\nWORKDIR /old/new/er\nWORKDIR /old\n", {"f": ""})
    assert (image.owner("/old"), image.owner("/old/new"), image.owner("/old/new/er")) == ((0, 0), (5, 6), (5, 6))
    assert image.mode("/old/new") == 0o755
    assert len(image.layers) == 2


def test_workdir_root_makes_no_layer(bench: Workbench) -> None:
    assert bench.build("FROM scratch\nWORKDIR /\n").layers == []


# -- variables

RUNS: list[tuple[str, dict[str, str | None], str]] = [
    ("ARG A", {}, "unset"),
    ("ARG A=", {}, ""),
    ("ARG A=1", {}, "1"),
    ("ARG A=1", {"A": "2"}, "2"),
    ("ARG A", {"A": "2"}, "2"),
    ("ARG A", {"A": None}, "unset"),
    ("ENV A=env\nARG A", {"A": "arg"}, "arg"),
    ("ENV A=env\nARG A", {}, "env"),
    ("ARG A\nENV A=env", {"A": "arg"}, "env"),
    ("ARG A=${B:?must}", {"A": "given"}, "given"),
    ("ARG B=b A=$B", {}, "b"),
    ("ENV B=1\nARG A=$B", {}, "1"),
    ("ARG TARGETARCH\nENV A=$TARGETARCH", {}, "amd64"),
    ("ENV A=$TARGETARCH", {}, ""),
    ("ARG TARGETSTAGE\nENV A=$TARGETSTAGE", {}, "default"),
]


@pytest.mark.parametrize(("instructions", "given", "expected"), RUNS)
def test_what_a_command_sees(bench: Workbench, instructions: str, given: dict[str, str | None], expected: str) -> None:
    image = bench.build(f"FROM scratch\n{instructions}\nRUN env /seen A\n", build_args=given)
    assert image.read("/seen") == expected


def test_the_environment_in_the_image_is_env_alone(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nENV A=env\nARG A\nARG B=1\n", build_args={"A": "arg"})
    assert image.config.config.env == (PATH, "A=env")


def test_global_args_reach_from_lines_and_who_asks_for_them(bench: Workbench) -> None:
    bench.build("FROM scratch\n", tag="base:1")
    image = bench.build(
        "ARG V=0\nARG NAME=base:$V\nFROM $NAME AS one\nRUN env /without V\nARG V\nRUN env /with V\n"
        "FROM one\nRUN env /child V\n",
        build_args={"V": "1"},
    )
    assert image.tree() == {"/without": "unset", "/with": "1", "/child": "1"}


def test_args_do_not_reach_siblings(bench: Workbench) -> None:
    image = bench.build("FROM scratch AS a\nARG V=1\nRUN write /a 1\nFROM scratch\nRUN env /v V\nCOPY --from=a /a /a\n")
    assert image.read("/v") == "unset"


def test_a_missing_variable_in_from_is_told(bench: Workbench) -> None:
    with pytest.raises(DockerfileError, match="should not be blank"):
        bench.build("FROM $NOTHING\n")


def test_unused_build_args_are_a_warning(bench: Workbench) -> None:
    args = {"B": "1", "A": "1", "USED": "1", "http_proxy": "p", "SOURCE_DATE_EPOCH": "1"}
    args |= {"BUILDKIT_X": "1", "BUILDKIT_CACHE_MOUNT_NS": "x"}
    image = bench.build("FROM scratch\nARG USED\n", build_args=args)
    warnings = [event.message for event in image.events if isinstance(event, Warned)]
    assert image.events[1] == Warned(warnings[0]), "before anything is built"
    assert warnings == ["one or more build-args [A B BUILDKIT_X] were not consumed"]


def test_what_is_not_advised_is_told_when_something_was_built(bench: Workbench) -> None:
    text = "FROM scratch\nEXPOSE 8080:80\nRUN \\\n\n say x\n"
    told = [event for event in bench.build(text).events if isinstance(event, Warned)]
    assert [(warning.message.partition(":")[0], warning.source) for warning in told] == [
        ("ExposeInvalidFormat", "Dockerfile:2"),
        ("NoEmptyContinuation", "Dockerfile:3"),
    ]
    assert not [event for event in bench.build(text).events if isinstance(event, Warned)], "all of it was cached"
    skipping = bench.build("# check=skip=all\n" + text, no_cache=True)
    assert not [event for event in skipping.events if isinstance(event, Warned)]


def test_proxies_come_in_both_spellings() -> None:
    assert {"http_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY"} <= PROXY_NAMES
    assert len(PROXY_NAMES) == 10


# -- stages, target, labels, time


def test_only_what_the_target_needs_is_built(bench: Workbench) -> None:
    text = "FROM scratch AS a\nRUN write /a a\nFROM scratch AS b\nRUN exit 1\nFROM a AS c\nRUN write /c c\n"
    assert bench.build(text).tree() == {"/a": "a", "/c": "c"}
    assert bench.build(text, target="A").tree() == {"/a": "a"}
    assert bench.build(text, target="0").tree() == {"/a": "a"}
    with pytest.raises(TargetNotFound, match="did you mean"):
        bench.build(text, target="bb")


def test_an_image_that_no_stage_needs_is_not_asked_for(bench: Workbench) -> None:
    bench.build("FROM missing AS unused\nFROM scratch\nCMD x\n")
    assert bench.bases.asked == []


def test_labels_of_the_command_line_win(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nLABEL a=file b=file\n", labels={"a": "line", "c": ""})
    assert image.config.config.labels == {"a": "line", "b": "file", "c": ""}


def test_layers_are_the_same_whenever_they_are_built(bench: Workbench) -> None:
    """What a step makes up is as old as the source or the Dockerfile, not as the build."""
    text = "FROM scratch\nWORKDIR /w\nCOPY d /one/d\nCOPY d/f /two/\nCOPY <<g /three/\nhello\ng\n"
    bench.write({"Dockerfile": text, "d/f": "f"})
    for name, seconds in (("Dockerfile", 3_000), ("d/f", 2_000), ("d", 1_000)):
        os.utime(bench.context / name, (seconds, seconds))
    builds = [bench.build("", context=local_context(str(bench.context)), no_cache=True) for _ in range(2)]
    assert builds[0].config.diff_ids == builds[1].config.diff_ids
    assert {path: builds[0].stat(path).st_mtime for path in ("/w", "/one", "/one/d", "/one/d/f", "/three/g")} == {
        "/w": 3_000,
        "/one": 3_000,
        "/one/d": 1_000,
        "/one/d/f": 2_000,
        "/three/g": 3_000,
    }


def test_source_date_epoch(bench: Workbench) -> None:
    text = "FROM scratch\nRUN write /a 1\nWORKDIR /w\nCMD x\n"
    image = bench.build(text, epoch=1_000_000_000)
    assert image.config.created == "2001-09-09T01:46:40Z"
    assert {entry.created for entry in image.config.history} == {"2001-09-09T01:46:40Z"}
    assert image.stat("/w").st_mtime == 1_000_000_000


def test_tags(bench: Workbench) -> None:
    first = bench.build("FROM scratch\nCMD 1\n", tag="ada/web")
    assert bench.store.images.find("ada/web:latest").id == first.id
    second = bench.build("FROM scratch\nCMD 2\n", tag="ada/web")
    assert bench.store.images.find("ada/web").id == second.id
    assert bench.store.images.get(first.id) is not None


def test_intermediate_images_can_be_run_and_lead_to_their_parents(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nRUN write /a 1\nENV A=1\nCMD x\n", intermediate=True, tag="t")
    ids = [event.image for event in image.done()[1:]]
    assert all(ids)
    assert ids[-1] == image.id
    records = [bench.store.images.get(id) for id in ids if id]
    assert [record.parent for record in records if record] == [None, *ids[:-1]]
    assert [record.id for record in bench.store.images.list()] == [image.id]
    again = bench.build("FROM scratch\nRUN write /a 1\nENV A=1\nCMD x\n", intermediate=True, tag="t")
    assert [event.image for event in again.done()[1:]] == ids


def test_an_image_has_no_parent_without_intermediate_images(bench: Workbench) -> None:
    bench.build("FROM scratch\nCMD 1\n", tag="base")
    assert bench.build("FROM base\nCMD 2\n").record.parent is None


def test_the_configuration_is_what_other_tools_read(bench: Workbench) -> None:
    image = bench.build("FROM scratch\nCOPY f /\nCMD x\n", {"f": ""})
    value = json.loads(image.config.to_bytes())
    assert list(value) == ["architecture", "config", "created", "history", "os", "rootfs"]
    assert RunConfig.from_json(value["config"]) == image.config.config


def test_a_variable_that_nothing_sets_is_told_of(bench: Workbench) -> None:
    text = "ARG BASE=scratch\nFROM scratch\nENV PORT=80\nLABEL a=$PROT b=${GONE:-x}"
    told = [event for event in bench.build(text).events if isinstance(event, Warned)]
    assert Warned("UndefinedVar: usage of undefined variable '$PROT' (did you mean $PORT?)", "Dockerfile:4") in told
    assert not any("GONE" in event.message for event in told), "it has a default"
    skipped = bench.build("# check=skip=UndefinedVar\n" + text.replace("a=$PROT", "a=$PROT c=d"))
    assert not any(isinstance(event, Warned) and "UndefinedVar" in event.message for event in skipped.events)

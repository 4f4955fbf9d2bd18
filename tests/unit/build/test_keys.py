"""What is in the cache key of a step and what isn't, beyond what `test_cache_semantics` changes in files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boxwright.build.actions import RunOptions
from boxwright.build.context import local_context
from boxwright.build.keys import step_key
from boxwright.build.plan import NotAllowed
from boxwright.build.progress import StepStarted
from boxwright.dockerfile.source import DockerfileError
from boxwright.oci.platform import Platform
from boxwright.store.store import Store
from support.building import Workbench

RUN = "FROM scratch\nRUN write /a 1\n"


@pytest.mark.parametrize(
    ("option", "cached"),
    [
        ({"run": RunOptions(network="none")}, False),
        ({"run": RunOptions(network="host")}, False),
        ({"run": RunOptions(extra_hosts=("db:10.0.0.1",))}, True),
        ({"run": RunOptions(shm_size=1 << 20)}, True),
        ({"run": RunOptions(ulimits=("nofile=10",))}, True),
        ({"labels": {"a": "b"}}, True),
        ({"epoch": 1_000_000_000}, True),
        ({"target": "0"}, True),
        ({"intermediate": True}, True),
        ({"build_args": {"http_proxy": "http://proxy:3128"}}, True),
    ],
)
def test_which_options_a_command_depends_on(bench: Workbench, option: dict[str, Any], cached: bool) -> None:
    bench.build(RUN)
    assert bench.build(RUN, **option).cached() == [cached]


@pytest.mark.parametrize(
    ("before", "after", "cached"),
    [
        ("", "--mount=type=cache,target=/c", False),
        ("--mount=type=cache,target=/c", "--mount=type=cache,target=/d", False),
        ("--mount=type=cache,target=/c", "--mount=type=cache,target=/c,id=x,sharing=locked", True),
        ("--mount=type=cache,target=/c", "--mount=type=cache,target=/c,ro", False),
        ("--mount=type=cache,target=/c", "--mount=type=cache,target=/c,mode=0700", False),
        ("--mount=type=secret,id=a", "--mount=type=secret,id=b", False),
        ("--mount=type=secret,id=a", "--mount=type=secret,id=a,target=/a", False),
        ("--mount=type=secret,id=a", "--mount=type=secret,id=a,env=A", False),
        ("--mount=type=ssh", "--mount=type=ssh,id=b", False),
        ("--mount=type=tmpfs,target=/t", "--mount=type=tmpfs,target=/t,size=1m", False),
        ("--mount=source=f,target=/t", "--mount=source=f,target=/t,rw", False),
        ("--mount=source=f,target=/t", "--mount=source=g,target=/t", False),
        ("--mount=source=f,target=/t", "--mount=source=./f,dst=/t,type=bind,ro", True),
        ("", "--network=default", True),
        ("", "--network=none", False),
        ("", "--security=sandbox", True),
        ("", "--security=insecure", False),
    ],
)
def test_which_flags_a_command_depends_on(bench: Workbench, before: str, after: str, cached: bool) -> None:
    bench.write({"f": "1"})
    bench.write({"g": "1"})
    allowed = frozenset({"security.insecure"})
    for flags, expected in ((before, False), (before, True), (after, cached)):
        built = bench.build(f"FROM scratch\nRUN {flags} write /a 1\n", allowed=allowed)
        assert built.cached() == [expected], flags


def test_a_bound_file_counts_by_its_content_alone(bench: Workbench) -> None:
    text = "FROM scratch\nRUN --mount=source=d,target=/d write /a 1\n"
    bench.write({"d/f": "1"})
    bench.build(text)
    os.utime(bench.context / "d/f", (1, 1))
    bench.write({"other": "1"})
    assert bench.build(text).cached() == [True]
    bench.write({"d/f": "2"})
    assert bench.build(text).cached() == [False]
    bench.write({"d/g": ""})
    assert bench.build(text).cached() == [False]


def test_a_context_is_copied_once_for_all_that_mount_it(bench: Workbench) -> None:
    text = "FROM scratch\nRUN --mount=source=d,target=/d write /a {0}\nRUN --mount=source=d,target=/e,rw write /b {0}\n"
    bench.write({"d/f": "1"})
    bench.build(text.format(1))
    bench.build(text.format(2))
    bench.write({"d/f": "2"})
    bench.build(text.format(2))
    copies = [mount.lowers for process in bench.runner.processes for mount in process.mounts]
    assert len(copies) == 6
    assert [copies.index(copy) for copy in copies] == [0, 0, 0, 0, 4, 4]
    assert [(copy / "copy/f").read_text() for (copy,) in (copies[0], copies[4])] == ["1", "2"]


def test_a_stage_that_gives_the_same_bytes_again_is_the_same_to_a_mount(bench: Workbench) -> None:
    text = "FROM scratch AS a\nRUN {}\nFROM scratch\nRUN --mount=from=a,source=/x,target=/x write /a 1\n"
    bench.build(text.format("write /x 1"))
    assert bench.build(text.format("write /y 1 && write /x 1")).cached() == [False, True]
    built = bench.build(text.format("write /x 2"))
    assert built.cached() == [False, False]
    started = {event.number: event.inputs for event in built.events if isinstance(event, StepStarted)}
    assert (len(started), started[4]) == (4, (3, 2))


def test_what_a_command_asks_for_beyond_the_harmless_must_be_allowed(bench: Workbench) -> None:
    for flag, entitlement in (("--network=host", "network.host"), ("--security=insecure", "security.insecure")):
        text = f"FROM scratch\nRUN {flag} write /a 1\n"
        with pytest.raises(NotAllowed) as caught:
            bench.build(text)
        assert caught.value.entitlement == entitlement
        assert caught.value.detail[0] == "Dockerfile:2"
        bench.build(text, allowed=frozenset({entitlement}))
    assert [(process.network, process.privileged) for process in bench.runner.processes] == [
        ("host", False),
        ("default", True),
    ]


@pytest.mark.parametrize(
    ("target", "where"), [("x", "/w/x"), ("./x/../y/", "/w/y"), ("/a//b", "/a/b"), ("../../x", "/x"), ("//x", "/x")]
)
def test_a_target_is_below_the_working_directory(bench: Workbench, target: str, where: str) -> None:
    bench.build(f"FROM scratch\nWORKDIR /w\nRUN --mount=type=tmpfs,target={target} write /a 1\n")
    assert bench.runner.processes[-1].mounts[0].target == where


@pytest.mark.parametrize("target", ["/", ".", "/x/..", "//"])
def test_nothing_is_mounted_on_the_root(bench: Workbench, target: str) -> None:
    with pytest.raises(DockerfileError, match="invalid mount target"):
        bench.build(f"FROM scratch\nRUN --mount=target={target} write /a 1\n")


def test_caches_of_one_id_are_told_apart_by_a_namespace(bench: Workbench, store: Store) -> None:
    text = "FROM scratch\nRUN --mount=type=cache,target=/c write /a {}\n"
    for number, arguments in enumerate(({}, {"BUILDKIT_CACHE_MOUNT_NS": "n"}, {"BUILDKIT_CACHE_MOUNT_NS": "n"})):
        bench.build(text.format(number), build_args=arguments)
    assert sorted(cache.key.id for cache in store.cache_mounts.list()) == ["/c", "n//c"]


def test_a_command_for_another_platform_is_another_one(bench: Workbench) -> None:
    platforms = [Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "arm", "v7")]
    text = "FROM --platform={} scratch\nRUN write /a 1\n"
    assert [bench.build(text.format(platform)).cached() for platform in platforms] == [[False]] * 3
    assert [bench.build(text.format(platform)).cached() for platform in platforms] == [[True]] * 3


def test_parts_that_read_alike_when_joined_have_keys_of_their_own() -> None:
    documents: list[dict[str, Any]] = [
        {"argv": ["a", "b c"]},
        {"argv": ["a b", "c"]},
        {"argv": ["a b c"]},
        {"argv": ["a", "b", "c"]},
        {"argv": ['a","b c']},
        {"argv": "a b c"},
        {"env": {"A": "1", "B": "2"}},
        {"env": {"A": '1","B":"2'}},
        {"env": {"A": "1"}, "B": "2"},
        {"user": "", "cwd": "a-b"},
        {"user": "a-b", "cwd": ""},
        {"user": "a", "cwd": "b"},
        {"mode": None},
        {"mode": 0},
        {"mode": "None"},
        {"mode": False},
    ]
    keys = [step_key(document).key for document in documents]
    assert all(one != other for one, other in itertools.combinations(keys, 2))


def test_the_order_of_variables_is_nothing() -> None:
    assert step_key({"env": {"A": "1", "B": "2"}}) == step_key({"env": {"B": "2", "A": "1"}})


@pytest.mark.parametrize(
    ("before", "after", "cached"),
    [
        ("EXPOSE 80 2375", "EXPOSE 2375 80", True),
        ("EXPOSE 80", "EXPOSE 81", False),
        ("LABEL a=1", "LABEL a=2", False),
        ("CMD a b", 'CMD ["/bin/sh", "-c", "a b"]', True),
        ("COPY --chown=0 f /", "COPY --chown=0:0 f /", False),
        ("ARG D=/w\nENV E=x\nCOPY $E$D /", "ARG D=/w\nENV E=x\nCOPY x/w /", True),
        ('RUN write /a "b c"', "RUN write /a b c", False),
        ("RUN write /a 1 \\\n && write /b 2", "RUN write /a 1  && write /b 2", True),
        ("RUN write /a 1 \\\n # why\n && write /b 2", "RUN write /a 1  && write /b 2", True),
        ("CMD x\nRUN write /a 1", 'ENTRYPOINT ["x"]\nRUN write /a 1', True),
        ("USER 0\nRUN write /a 1", "USER root\nRUN write /a 1", False),
        ('SHELL ["/bin/sh", "-c"]\nRUN write /a 1', "RUN write /a 1", True),
    ],
)
def test_what_means_the_same_is_the_same(bench: Workbench, before: str, after: str, cached: bool) -> None:
    bench.build(f"FROM scratch\n{before}\n", {"f": "f", "x/w": "w"})
    assert bench.build(f"FROM scratch\n{after}\n").done()[-1].cached is cached


Change = Callable[[Path], object]

ATTRIBUTES: list[tuple[str, Change, bool]] = [
    ("a user's attribute", lambda f: os.setxattr(f, "user.note", b"new"), False),
    ("made executable", lambda f: f.chmod(0o755), False),
    ("set user ID", lambda f: f.chmod(0o4644), False),
    ("another owner", lambda f: os.chown(f, 4, 4), True),
    ("another time", lambda f: os.utime(f, (1, 1)), True),
    ("become a link", lambda f: (f.unlink(), f.symlink_to("g")), False),
    ("become a directory", lambda f: (f.unlink(), f.mkdir()), False),
    ("become a pipe", lambda f: (f.unlink(), os.mkfifo(f)), False),
]


@pytest.mark.parametrize(("change", "cached"), [case[1:] for case in ATTRIBUTES], ids=[case[0] for case in ATTRIBUTES])
def test_which_attributes_of_a_file_count(bench: Workbench, change: Change, cached: bool) -> None:
    bench.build("FROM scratch\nCOPY d /d\n", {"d/f": "same", "d/g": "same"})
    change(bench.context / "d/f")
    assert bench.build("FROM scratch\nCOPY d /d\n").cached() == [cached]


@pytest.mark.parametrize(
    ("before", "after", "cached"),
    [
        ("COPY d /d", "COPY d/ /d/", True),
        ("COPY --chown=1 d /d", "COPY --chown=2 d /d", False),
        ("COPY --chmod=600 d /d", "COPY --chmod=644 d /d", False),
        ("COPY d /d", "COPY d /d\nCOPY d /e", True),
        ("COPY d /d", "COPY d /d\nCOPY f /d/more", False),
        ("COPY d /d", "COPY d /d\nRUN remove /d/f", False),
    ],
)
def test_what_is_copied_from_a_stage_counts_with_its_owners(
    bench: Workbench, before: str, after: str, cached: bool
) -> None:
    text = "FROM scratch AS one\n{}\nFROM scratch\nCOPY --from=one /d /d\n"
    bench.build(text.format(before), {"d/f": "f", "f": "f"})
    assert bench.build(text.format(after)).cached()[-1] is cached


def test_an_owner_by_name_is_looked_up_anew_when_the_images_accounts_change(bench: Workbench) -> None:
    text = "FROM scratch\nCOPY passwd /etc/\nCOPY --chown=app f /\n"
    first = bench.build(text, {"passwd": "app:x:5:6::/:\n", "f": ""})
    second = bench.build(text, {"passwd": "app:x:7:8::/:\n"})
    assert second.cached() == [False, False]
    assert (first.owner("/f"), second.owner("/f")) == ((5, 6), (7, 8))


@pytest.mark.parametrize(
    ("ignored", "changed", "cached"),
    [
        ("Dockerfile\n.dockerignore\n", "Dockerfile", True),
        ("Dockerfile\n.dockerignore\n", ".dockerignore", True),
        ("unrelated\n", "Dockerfile", False),
        ("Dockerfile\n", ".dockerignore", False),
    ],
)
def test_the_files_of_the_build_itself_count_only_where_they_are_copied(
    bench: Workbench, ignored: str, changed: str, cached: bool
) -> None:
    bench.write({"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": ignored, "f": "f"})
    bench.build("", context=local_context(str(bench.context)))
    with open(bench.context / changed, "a") as stream:
        stream.write("# a remark\n")
    assert bench.build("", context=local_context(str(bench.context))).cached() == [cached]


def test_an_argument_that_nobody_uses_counts_below_its_line_all_the_same(bench: Workbench) -> None:
    text = "FROM scratch\nCOPY f /\nARG UNUSED\nCOPY f /g\nRUN write /a 1\n"
    bench.build(text, {"f": ""}, build_args={"UNUSED": "1"})
    assert bench.build(text, build_args={"UNUSED": "2"}).cached() == [True, False, True, False]
    assert bench.build(text, build_args={"UNUSED": "1"}).cached() == [True, True, True, True]

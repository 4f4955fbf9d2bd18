"""Further contexts under names: what takes files from them, what they stand for, and when they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from boxwright.build.namedcontexts import InvalidContextName, NamedContext, find_context, named_contexts
from boxwright.build.trees import SourceNotFound
from boxwright.store.images import ImageNotFound
from support.building import Workbench


@pytest.fixture
def lib(tmp_path: Path) -> str:
    """A folder that is a context of its own."""
    root = tmp_path / "lib"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("from lib")
    (root / "sub" / "b.txt").write_text("below")
    return str(root)


# -- names


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("alpine", "alpine"),
        ("alpine", "alpine:latest"),
        ("alpine:latest", "docker.io/library/alpine"),
        ("docker.io/library/alpine:latest", "alpine"),
        ("index.docker.io/library/alpine", "library/alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("user/app", "docker.io/user/app"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
    ],
)
def test_names_are_compared_as_docker_shows_them(given: str, asked: str) -> None:
    assert find_context(named_contexts({given: "x"}), asked)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("alpine", "alpine:3.20"),
        ("alpine:3.20", "alpine"),
        ("alpine", "example.com/alpine"),
        ("alpine", "user/alpine"),
        ("alpine", "alpine@sha256:" + "0" * 64),
        ("alpine", "Alpine"),
        ("alpine", ""),
        ("alpine", "a" * 64),
    ],
)
def test_others_are_others(given: str, asked: str) -> None:
    assert find_context(named_contexts({given: "x"}), asked) is None


def test_a_name_that_is_none() -> None:
    with pytest.raises(InvalidContextName, match="invalid context name 'A b'"):
        named_contexts({"A b": "."})


@pytest.mark.parametrize(
    ("value", "image", "folder"),
    [
        ("docker-image://alpine:3.20", "alpine:3.20", False),
        ("docker-image://scratch", "scratch", False),
        ("oci-layout:///x/y:z", "oci-layout:///x/y:z", False),
        ("../lib", None, True),
        ("/lib:x", None, True),
        ("https://example.com/x.tar.gz", None, False),
        ("https://example.com/x.git#main:sub", None, False),
        ("git@example.com:x/y.git", None, False),
        ("github.com/x/y", None, False),
    ],
)
def test_what_a_value_is(value: str, image: str | None, folder: bool) -> None:
    context = NamedContext("x", value)
    assert (context.image, context.is_folder) == (image, folder)


# -- files


def test_copying_from_a_folder(bench: Workbench, lib: str) -> None:
    built = bench.build(
        "FROM scratch\nCOPY --from=lib a.txt sub /here/\nCOPY a.txt /own\n", {"a.txt": "own"}, contexts={"lib": lib}
    )
    assert built.tree() == {"/here/a.txt": "from lib", "/here/b.txt": "below", "/own": "own"}
    assert built.owner("/here/a.txt") == (0, 0)


def test_a_name_goes_before_an_image_and_after_a_stage(bench: Workbench, lib: str) -> None:
    bench.build("FROM scratch\nCOPY a.txt /a.txt\n", {"a.txt": "image"}, tag="lib")
    text = "FROM scratch AS mine\nCOPY a.txt /a.txt\n\nFROM scratch\nCOPY --from={} a.txt /x\n"
    assert bench.build(text.format("lib:latest"), contexts={"lib": lib}).read("/x") == "from lib"
    assert bench.build(text.format("lib")).read("/x") == "image"
    assert bench.build(text.format("mine"), contexts={"lib": lib}).read("/x") == "image"
    assert bench.build(text.format("0"), contexts={"0": lib}).read("/x") == "image", "a number is a stage's"


def test_only_what_is_used_is_looked_at(bench: Workbench, lib: str) -> None:
    contexts = {"lib": lib, "other": "/nowhere", "third": "docker-image://missing"}
    bench.build(
        "FROM scratch AS unneeded\nCOPY --from=other x /\n\nFROM scratch\nCOPY --from=lib a.txt /\n", contexts=contexts
    )
    assert bench.opened == ["lib"]


def test_a_folder_has_its_own_ignore_file(bench: Workbench, lib: str) -> None:
    Path(lib, ".dockerignore").write_text("sub\n.dockerignore\n")
    built = bench.build("FROM scratch\nCOPY --from=lib . /x/\n", {".dockerignore": "a.txt"}, contexts={"lib": lib})
    assert built.files() == ["/x/", "/x/a.txt"]
    with pytest.raises(SourceNotFound, match="sub: not found in the context lib"):
        bench.build("FROM scratch\nCOPY --from=lib sub /x/\n", contexts={"lib": lib})


def test_the_content_decides_about_the_cache(bench: Workbench, lib: str, tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY --from=lib . /x/\n"
    assert bench.build(text, contexts={"lib": lib}).cached() == [False]
    assert bench.build(text, contexts={"lib": lib}).cached() == [True]
    same = tmp_path / "same"
    (same / "sub").mkdir(parents=True)
    (same / "a.txt").write_text("from lib")
    (same / "sub" / "b.txt").write_text("below")
    assert bench.build(text, contexts={"lib": str(same)}).cached() == [True], "wherever it lies"
    (same / "a.txt").write_text("changed")
    assert bench.build(text, contexts={"lib": str(same)}).cached() == [False]


def test_a_change_is_explained(bench: Workbench, lib: str) -> None:
    text = "FROM scratch\nCOPY --from=lib . /x/\n"
    bench.build(text, contexts={"lib": lib})
    Path(lib, "a.txt").write_text("something else")
    built = bench.build(text, contexts={"lib": lib}, explain=True)
    assert built.done()[-1].explanation.startswith("a.txt changed")


# -- in place of bases and stages


def test_a_folder_as_a_base(bench: Workbench, lib: str) -> None:
    built = bench.build("FROM lib\nENV A=1\nRUN write /c.txt run\n", contexts={"lib": lib})
    assert built.tree() == {"/a.txt": "from lib", "/sub/b.txt": "below", "/c.txt": "run"}
    assert built.config.config.env_map()["PATH"].startswith("/usr/local/sbin:")
    assert built.config.history[0].created_by == "COPY --from=lib / / # buildkit"
    assert [event.instruction for event in built.done()][:2] == ["FROM lib", "COPY --from=lib / /"]
    assert bench.build("FROM lib\nENV A=1\nRUN write /c.txt run\n", contexts={"lib": lib}).cached() == [True] * 3


def test_another_image_in_place_of_one(bench: Workbench) -> None:
    bench.build("FROM scratch\nENV WHICH=other\nCOPY a /a\n", {"a": "other"}, tag="other:1")
    contexts = {"docker.io/library/alpine": "docker-image://other:1"}
    built = bench.build("FROM alpine\nCOPY --from=alpine:latest /a /b\n", contexts=contexts)
    assert built.config.config.env_map()["WHICH"] == "other"
    assert built.tree() == {"/a": "other", "/b": "other"}
    with pytest.raises(ImageNotFound, match="alpine:3"):
        bench.build("FROM alpine:3\n", contexts=contexts)


def test_an_image_that_is_replaced_is_not_asked_for(bench: Workbench, lib: str) -> None:
    bench.build("FROM alpine\n", contexts={"alpine": lib})
    assert bench.bases.asked == []


def test_an_image_by_its_id(bench: Workbench) -> None:
    id = bench.build("FROM scratch\nCOPY a /a\n", {"a": "x"}).id
    assert bench.build("FROM base\n", contexts={"base": f"docker-image://{id}"}).read("/a") == "x"


STAGES = """\
FROM scratch AS base
RUN exit 3

FROM base AS built
COPY a /a
"""


def test_a_context_stands_for_a_stage(bench: Workbench, lib: str) -> None:
    built = bench.build(STAGES, {"a": "own"}, contexts={"base": lib})
    assert built.tree() == {"/a.txt": "from lib", "/sub/b.txt": "below", "/a": "own"}


def test_names_of_stages_are_compared_in_lower_case(bench: Workbench, lib: str) -> None:
    built = bench.build("FROM scratch AS BASE\nRUN exit 3\n\nFROM Base\n", contexts={"base": lib})
    assert built.read("/a.txt") == "from lib"


def test_nothing_below_the_from_of_a_stage_that_is_replaced_is_needed(bench: Workbench, lib: str) -> None:
    text = "FROM missing AS base\nARG X\nCOPY --from=gone a /\n\nFROM scratch\nCOPY --from=base a.txt /\n"
    built = bench.build(text, contexts={"base": lib}, build_args={"X": "1"})
    assert built.tree() == {"/a.txt": "from lib"}
    assert bench.bases.asked == []


def test_a_stage_that_is_replaced_as_the_target(bench: Workbench, lib: str) -> None:
    assert bench.build(STAGES, contexts={"base": lib}, target="base").tree() == {
        "/a.txt": "from lib",
        "/sub/b.txt": "below",
    }


def test_triggers_fire_in_what_is_built_on_a_stage_that_is_replaced(bench: Workbench) -> None:
    bench.build("FROM scratch\nONBUILD COPY a /fired\n", {"a": "x"}, tag="parent")
    text = "FROM scratch AS base\n\nFROM base AS child\n"
    contexts = {"base": "docker-image://parent"}
    assert bench.build(text, contexts=contexts, target="base").files() == []
    assert bench.build(text, contexts=contexts).files() == ["/fired"]


def test_the_platform_of_a_stage_holds_for_its_context(bench: Workbench, lib: str) -> None:
    built = bench.build("FROM --platform=linux/arm64 base\n", contexts={"base": lib})
    assert str(built.config.platform) == "linux/arm64"


@pytest.mark.parametrize("contexts", [{"none": "docker-image://scratch"}])
def test_nothing_under_a_name(bench: Workbench, contexts: Mapping[str, str]) -> None:
    built = bench.build("FROM none\nCOPY a /a\n", {"a": "x"}, contexts=contexts)
    assert (built.files(), len(built.layers)) == (["/a"], 1)
    with pytest.raises(SourceNotFound, match="x: not found in image scratch"):
        bench.build("FROM scratch\nCOPY --from=none x /\n", contexts=contexts)


def test_scratch_is_nothing_whatever_is_called_so(bench: Workbench, lib: str) -> None:
    assert bench.build("FROM scratch\nCOPY a /a\n", {"a": "x"}, contexts={"scratch": lib}).files() == ["/a"]

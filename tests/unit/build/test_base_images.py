"""What a stage takes from the image that it starts from, and when another image of the same name matters."""

from __future__ import annotations

import pytest

from boxwright.oci.config import ImageConfig, RunConfig
from boxwright.oci.reference import Reference
from boxwright.store.images import ImageNotFound
from support.building import AMD64, Built, Workbench

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SH = ("/bin/sh", "-c")


def add_base(bench: Workbench, run: RunConfig, *, of: Built | None = None, created: str = "") -> None:
    """Tag an image ``base`` that only has this configuration, with the layers and the history of `of`."""
    diff_ids, history = (of.config.diff_ids, of.config.history) if of is not None else ((), ())
    record = bench.store.images.add(ImageConfig(AMD64, run, diff_ids, history, created))
    bench.store.images.tag(Reference.parse("base"), record.id)


@pytest.mark.parametrize(
    ("dockerfile", "line"),
    [
        ("FROM missing\n", 1),
        ("FROM scratch\n\nCOPY --from=missing /a /b\n", 3),
        ("FROM missing AS one\nFROM scratch\nCOPY --from=one /a /b\n", 1),
    ],
)
def test_an_image_that_cannot_be_had_is_told_with_the_line_that_wants_it(
    bench: Workbench, dockerfile: str, line: int
) -> None:
    with pytest.raises(ImageNotFound) as caught:
        bench.build(dockerfile)
    assert caught.value.detail[0] == f"Dockerfile:{line}"


@pytest.mark.parametrize(
    ("env", "expected"),
    [((), (DEFAULT_PATH,)), (("A=1",), ("A=1", DEFAULT_PATH)), (("PATH=/own", "A=1"), ("PATH=/own", "A=1"))],
)
def test_path_is_added_where_the_base_has_none(
    bench: Workbench, env: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    add_base(bench, RunConfig(env=env))
    image = bench.build("FROM base\nRUN env /p PATH\n")
    assert image.config.config.env == expected
    assert f"PATH={image.read('/p')}" in expected


@pytest.mark.parametrize(
    ("instructions", "cmd", "entrypoint"),
    [
        ("LABEL a=b", (*SH, "inherited"), ("start",)),
        ('ENTRYPOINT ["x"]', None, ("x",)),
        ("ENTRYPOINT []", None, ()),
        ('ENTRYPOINT ["x"]\nCMD ["own"]', ("own",), ("x",)),
        ('CMD ["own"]\nENTRYPOINT ["x"]', ("own",), ("x",)),
        ('CMD []\nENTRYPOINT ["x"]', (), ("x",)),
        ('ENTRYPOINT ["x"]\nCMD []', (), ("x",)),
        ('CMD ["own"]', ("own",), ("start",)),
        ("WORKDIR /w", (*SH, "inherited"), ("start",)),
        ('SHELL ["/bin/ash", "-c"]', (*SH, "inherited"), ("start",)),
    ],
)
@pytest.mark.parametrize("below", ["FROM base", 'FROM base AS stage\nCMD inherited\nENTRYPOINT ["start"]\nFROM stage'])
def test_entrypoint_and_cmd_over_inherited_ones(
    bench: Workbench, below: str, instructions: str, cmd: tuple[str, ...] | None, entrypoint: tuple[str, ...]
) -> None:
    add_base(bench, RunConfig(cmd=(*SH, "inherited"), entrypoint=("start",)))
    config = bench.build(f"{below}\n{instructions}\n").config.config
    assert (config.cmd, config.entrypoint) == (cmd, entrypoint)


def test_a_command_runs_without_the_entrypoint_and_the_health_check_of_the_image(bench: Workbench) -> None:
    add_base(bench, RunConfig(entrypoint=("/nowhere",), cmd=("/neither",), shell=("/bin/sh", "-c")))
    image = bench.build("FROM base\nHEALTHCHECK CMD exit 1\nRUN write /a 1\n")
    assert image.tree() == {"/a": "1"}
    assert bench.runner.processes[0].argv == (*SH, "write /a 1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, {"from": "file", "base": "kept"}), ({"from": "line", "base": ""}, {"from": "line", "base": ""})],
)
def test_labels_go_over_those_of_the_base(bench: Workbench, given: dict[str, str], expected: dict[str, str]) -> None:
    add_base(bench, RunConfig(labels={"from": "base", "base": "kept"}))
    assert bench.build("FROM base\nLABEL from=file\n", labels=given).config.config.labels == expected


def test_labels_of_a_stage_that_is_copied_from_are_not_inherited(bench: Workbench) -> None:
    image = bench.build("FROM scratch AS one\nLABEL a=b\nCOPY f /\nFROM scratch\nCOPY --from=one /f /\n", {"f": ""})
    assert image.config.config.labels == {}


# -- the same name, another image


def test_a_base_with_another_content_misses_from_the_first_step_on(bench: Workbench) -> None:
    text = "FROM base\nCOPY f /\nRUN write /a 1\nWORKDIR /w\n"
    bench.build("FROM scratch\nRUN write /version 1\n", {"f": ""}, tag="base")
    bench.build(text)
    assert bench.build(text).cached() == [True] * 3
    bench.build("FROM scratch\nRUN write /version 2\n", tag="base")
    image = bench.build(text)
    assert (image.cached(), image.read("/version")) == ([False] * 3, "2")


@pytest.mark.parametrize(
    ("run", "created", "cached"),
    [
        (RunConfig(), "2001-01-01T00:00:00Z", True),
        (RunConfig(labels={"a": "b"}, cmd=("x",)), "", True),
        (RunConfig(env=("NEW=1",)), "", False),
        (RunConfig(user="5"), "", False),
        (RunConfig(working_dir="/version"), "", False),
    ],
)
def test_a_base_with_the_same_content_and_another_configuration(
    bench: Workbench, run: RunConfig, created: str, cached: bool
) -> None:
    layers = bench.build("FROM scratch\nWORKDIR /version\nWORKDIR /\n")
    add_base(bench, RunConfig(), of=layers)
    bench.build("FROM base\nRUN write /a 1\n")
    add_base(bench, run, of=layers, created=created)
    assert bench.build("FROM base\nRUN write /a 1\n").cached() == [cached]
